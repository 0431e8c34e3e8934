"""Pictures and tokens for tests: small, seeded, with every corner in reach.

make_picture(7, 5)                            noise on the left, a slope on the right
make_tokens((2, 3), (0, 0), protected=1)      two pictures: a raster of 2 × 3, and none; a class token each
pictures(), tokens()                          the same as hypothesis strategies
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from lexel.pictures.picture import Picture
from lexel.shapes import Array, Num
from lexel.tokens.meaning import WHOLE, Kind, PictureTable, Space, implied_boxes
from lexel.tokens.value import Tokens

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CODEBOOK = 16
KEY_WIDTH = 6


def make_picture(height: int, width: int, *, seed: int = 0) -> Picture:
    """A picture of `height` × `width` pixels: seeded noise on its left half, a slope on its right."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    pixels[:, width // 2 :] = np.linspace(0, 255, height).astype(np.uint8)[:, None, None]
    pixels.setflags(write=False)
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    return Picture(pixels, f"{height}×{width}-{seed}.png", (height, width), digest)


def make_tokens(
    *grids: tuple[int, int],
    protected: int = 0,
    width: int = 8,
    data: Literal["float32", "uint8", "codes"] = "float32",
    columns: Sequence[str] = (),
    seed: int = 0,
) -> Tokens:
    """Tokens of one picture for each grid (rows, columns); (0, 0) is a picture without region tokens.

    protected   so many tokens a picture that are no regions (one class token, then registers), at seeded places
    width       D of vectors; codes have none
    data        random vectors, float32 from 0 to 1 or uint8 `[N, width]`, or int64 codes `[N]` below 16
    columns     further columns by name: "keys" float32 `[N, 6]`, all others float32 `[N]`, 0 to 1

    Masses are whole numbers from 1 to 4, so that their sums are exact.
    """
    rng = np.random.default_rng(seed)
    kinds = [np.zeros(h * w + protected, np.int8) for h, w in grids]
    for kind in kinds:
        places = np.sort(rng.permutation(len(kind))[:protected])
        kind[places] = Kind.REGISTER
        kind[places[:1]] = Kind.CLASS
    kind = np.concatenate([np.zeros(0, np.int8), *kinds])
    splits = np.concatenate(([0], np.cumsum([len(kind) for kind in kinds]))).astype(np.int64)
    table = PictureTable(
        names=tuple(f"{b}.png" for b in range(len(grids))),
        sizes=np.array([(16 * max(h, 1), 16 * max(w, 1)) for h, w in grids], np.int64).reshape(-1, 2),
        digests=tuple(f"{b:032x}" for b in range(len(grids))),
        crops=np.arange(len(grids) + 1, dtype=np.int64),
        views=np.tile(WHOLE, (len(grids), 1)),
        grids=np.array(grids, np.int64).reshape(-1, 2),
    )
    boxes = implied_boxes(table, kind, splits)
    assert boxes is not None
    space = Space("codes", 0, (CODEBOOK,), name="random") if data == "codes" else Space("vectors", width, name="random")
    return Tokens(
        data=_drawn(rng, data, len(kind), width),
        boxes=boxes,
        kind=kind,
        mass=rng.integers(1, 5, len(kind)).astype(np.float32),
        level=np.zeros(len(kind), np.int16),
        splits=splits,
        pictures=table,
        space=space,
        columns={
            name: rng.random((len(kind), KEY_WIDTH) if name == "keys" else len(kind), np.float32) for name in columns
        },
    )


def pictures(*, max_side: int = 40) -> "SearchStrategy[Picture]":
    """Pictures of every size from 1 × 1 to `max_side` × `max_side`. Needs hypothesis."""
    from hypothesis import strategies as st

    side = st.integers(1, max_side)
    return st.builds(make_picture, side, side, seed=st.integers(0, 9))


def tokens(*, columns: Sequence[str] = ()) -> "SearchStrategy[Tokens]":
    """Tokens of every kind: no pictures, pictures without tokens, protected ones, vectors, codes. Needs hypothesis."""
    from hypothesis import strategies as st

    side = st.integers(1, 4)
    grids = st.lists(st.just((0, 0)) | st.tuples(side, side), max_size=3)
    return st.builds(
        lambda grids, protected, data, seed: make_tokens(
            *grids, protected=protected, data=data, columns=columns, seed=seed
        ),
        grids,
        st.integers(0, 3),
        st.sampled_from(["float32", "uint8", "codes"]),
        st.integers(0, 9),
    )


def _drawn(rng: np.random.Generator, data: str, count: int, width: int) -> Num[Array, "N *D"]:
    if data == "codes":
        return rng.integers(0, CODEBOOK, count)
    return rng.integers(0, 256, (count, width), np.uint8) if data == "uint8" else rng.random((count, width), np.float32)
