"""K-means patches: each patch is named by the nearest of K example patches, learned by averaging.

    ▦ ▦ ▦ ▦       3 3 0 7        codebook   0 ▒  1 ░  2 ▤  3 ▓  …  K − 1
    ▦ ▦ ▦ ▦   →   3 1 0 7
    ▦ ▦ ▦ ▦       2 1 1 4        a code a patch: the sanity check of every learned tokenizer

Paper      Linde, Buzo and Gray 1980, "An Algorithm for Vector Quantizer Design", IEEE Trans. Comm. 28(1); started as
           in Arthur and Vassilvitskii 2007, "k-means++"
Kind       tokenizer; learned without torch, from your pictures or from those in the box; lossy
Needs      nothing
Cost       K·P²·3 multiply-adds a patch
Checked by test_codes_name_the_nearest_patch, test_fitting_equals_the_literal_steps,
           test_a_codebook_that_is_saved_is_loaded
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from lexel import box
from lexel.disk import commit_bytes
from lexel.errors import BadArguments, LoadError, TokensError
from lexel.partitions._cells import check_sizes
from lexel.partitions._lloyd import lloyd, nearest, start
from lexel.partitions.patch import Patch
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.shapes import Array, UInt8
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import stage_text
from lexel.tokens.value import Tokens

ROUNDS = 10  # of Lloyd; more change the error by less than a percent
SAMPLE = 32  # patches a code that are looked at while fitting
FORMAT, KEY = 1, "lexel"  # of the file, and its one metadata key


@dataclass(frozen=True, repr=False)
class KMeans:
    """Codes of square patches: integers `[N]` below K, one a patch, row by row as in `patch`.

    patch_size      P, the side of a patch in pixels, 1 or more
    codebook_size   K, 1 to 65,536
    codebook        the file that `KMeans.fit` wrote; None: the codebook of the pictures in the box, which is fitted
                    when it is first asked for

    A codebook is K patches, uint8 `[K, P·P·3]`; `detokenize` paints them. Codes are the smallest unsigned integers
    that hold K. Everything is counted in whole numbers: no rounding decides between two codes, and equal pictures
    and seeds give equal codebooks on every machine.

    Raises `BadArguments` for numbers out of range or other than in the file, `LoadError` for a file that cannot be
    read.

        kmeans(8, 256)   →  a byte a patch: 1/8 bit a pixel
    """

    patch_size: int
    codebook_size: int
    _: KW_ONLY
    codebook: str | None = None
    _loaded: "_Codebook | None" = field(default=None, init=False, compare=False)

    __repr__ = stage_text

    def __post_init__(self) -> None:
        check_sizes(self, self.patch_size, self.codebook_size)
        if self.codebook_size > 1 << 16:
            raise BadArguments(f"{self!r}: a codebook has at most 65,536 patches")
        if self.codebook is not None:
            loaded = _load(self.codebook)
            if loaded.vectors.shape != (self.codebook_size, self.patch_size**2 * 3):
                k, width = loaded.vectors.shape
                raise BadArguments(f"{self!r}: the file holds {k} patches of {width} numbers")
            object.__setattr__(self, "_loaded", loaded)

    @classmethod
    def fit(
        cls,
        pictures: Iterable[Picture],
        path: str | os.PathLike[str],
        *,
        patch_size: int,
        codebook_size: int,
        seed: int = 0,
    ) -> "KMeans":
        """Learn a codebook from pictures, write it to `path`, and give the tokenizer that has it.

        Looks at 32 patches a code at most, drawn evenly from all pictures.
        Raises `BadArguments` where there are fewer patches than codes, `OutputError` when the disk does not take it.

            KMeans.fit(lexel.read("photos/"), "photos.safetensors", patch_size=8, codebook_size=512)
        """
        cls(patch_size, codebook_size)  # are the numbers good, before any work
        _save(_fitted(pictures, patch_size, codebook_size, seed), path)
        return cls(patch_size, codebook_size, codebook=str(path))

    @property
    def vectors(self) -> UInt8[Array, "K D"]:
        """The patch that each code stands for."""
        return self._book.vectors

    @property
    def fitted_on(self) -> frozenset[str]:
        """Digests of the pictures that the codebook was learned from: on those it looks better than it is."""
        return self._book.pictures

    @property
    def space(self) -> Space:
        """Codes of this codebook."""
        vectors = self.vectors
        digest = hashlib.blake2b(vectors.tobytes(), digest_size=16).hexdigest()
        side = self.patch_size
        return Space("codes", vectors.shape[1], (len(vectors),), digest, f"k-means patches of {side}×{side} pixels")

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """The code of every patch, row by row."""
        patches = Patch(self.patch_size).tokenize(pictures)
        codes, _ = nearest(patches.data, self.vectors)
        return patches.with_(data=codes.astype(np.min_scalar_type(self.codebook_size - 1)), space=self.space)

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures, painted with the patches of the codebook.

        Raises `TokensError` when tokens were merged, dropped or are of another codebook.
        """
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        patch = Patch(self.patch_size)
        return patch.detokenize(tokens.with_(data=self.vectors[tokens.data.reshape(-1)], space=patch.space))

    @property
    def _book(self) -> "_Codebook":
        return self._loaded or _of_the_box(self.patch_size, self.codebook_size)


@dataclass(frozen=True, eq=False)
class _Codebook:
    """What fitting gives and a file holds."""

    vectors: UInt8[Array, "K D"]
    pictures: frozenset[str]


def _fitted(pictures: Iterable[Picture], patch_size: int, codebook_size: int, seed: int) -> _Codebook:
    rng = np.random.default_rng(seed)
    kept, lots, digests = np.zeros((0, patch_size**2 * 3), np.uint8), np.zeros(0), set()
    for picture in pictures:  # the patches of the lowest lots stay, so that no picture need be kept
        patches = Patch(patch_size).tokenize([picture]).data
        kept, lots = np.concatenate([kept, patches]), np.concatenate([lots, rng.random(len(patches))])
        lowest = np.argsort(lots, kind="stable")[: SAMPLE * codebook_size]
        kept, lots = kept[lowest], lots[lowest]
        digests.add(picture.digest)
    if len(kept) < codebook_size:
        raise BadArguments(f"{codebook_size} codes cannot be learned from {len(kept)} patches")
    codebook = start(kept, codebook_size, rng)
    for _ in range(ROUNDS):
        codebook = lloyd(kept, codebook)
    codebook.setflags(write=False)
    return _Codebook(codebook, frozenset(digests))


@cache
def _of_the_box(patch_size: int, codebook_size: int) -> _Codebook:
    return _fitted(read(box.pictures()), patch_size, codebook_size, 0)


def _save(codebook: _Codebook, path: str | os.PathLike[str]) -> None:
    from safetensors.numpy import save

    said = json.dumps({"lexel.kmeans": FORMAT, "pictures": sorted(codebook.pictures)}, separators=(",", ":"))
    commit_bytes(path, save({"codebook": codebook.vectors}, metadata={KEY: said}))


def _load(path: str) -> _Codebook:
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise LoadError("there is no such codebook", subject=path)
    try:
        with safe_open(path, framework="numpy") as file:
            said = json.loads((file.metadata() or {})[KEY])
            vectors = file.get_tensor("codebook")
            known, pictures = said["lexel.kmeans"] == FORMAT, frozenset(map(str, said["pictures"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise LoadError(f"not a codebook of kmeans ({type(error).__name__})", subject=path) from error
    if not known or vectors.dtype != np.uint8 or vectors.ndim != 2:
        raise LoadError("a codebook of another form", subject=path)
    vectors.setflags(write=False)
    return _Codebook(vectors, pictures)
