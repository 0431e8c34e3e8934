"""A backbone: an image tower, and how its pictures are prepared. What users call.

    pictures ─► decode, prepare, on threads ─► image tower ─┬─► tokenize   Tokens, the published last hidden state
                                                            └─► embed      one unit vector a picture

The tower is given: a family's file says which. What comes out is NumPy's, float32, on the host; `encode_pixels` alone
gives tensors, and lets gradients flow through a `trainable()` copy.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from lexel.errors import BadArguments, LoadError, MissingNeed
from lexel.needs import torch
from lexel.nn import flexi
from lexel.nn.loaded import Loaded, changed
from lexel.nn.patches import Pixels
from lexel.nn.prepared import Prepared, batches
from lexel.nn.transformer import Traced
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation
from lexel.pipelines.grammar import Inside, Stage, Value, parse
from lexel.ragged.packed import Packed
from lexel.shapes import Array, Float
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import Selector
from lexel.tokens.value import Tokens
from lexel.towers._tokens import seen_by, tokens_of

B = TypeVar("B", bound="Backbone")


@runtime_checkable
class ImageTower(Protocol):
    """What a model asks of an image tower.

    offers   evidence that it can keep for selectors
    width    D of its tokens
    cell     pixels of a side of what a region token stands for
    """

    offers: frozenset[str]
    width: int
    cell: int

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """Prepared pixels → tokens, with what `keep` names."""

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture."""

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "ImageTower":
        """The same tower with a selector in it. Raises `BadArguments` where none can stand."""


class Backbone(Loaded):
    """One image tower.

    preparation   pictures → pixels, as the checkpoint was trained
    name          what `lexel.load` was given; the model's text in pipelines
    digest        of the weights; spaces of equal digests may be compared

    Raises `LoadError` when something is asked of an image tower that is not there (half a model of words).
    """

    def __init__(
        self, image: ImageTower | None, *, preparation: Preparation, name: str = "unnamed", digest: str = ""
    ) -> None:
        super().__init__()
        self.image = image
        self.preparation, self.name, self.digest = preparation, name, digest
        self._inside: tuple[Inside, ...] = ()
        self._asked: dict[str, Value] = {}

    @property
    def offers(self) -> frozenset[str]:
        """The evidence that `tokenize` can keep for selectors."""
        return self._image().offers

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: the published last hidden state."""
        return Space("vectors", self._image().width, digest=self.digest, name=self.name)

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels, float [B, 3, H, W] or a list of [3, H, W], → the published last hidden state, packed."""
        return self._image().trace(batch).packed

    def inside(self: B, selector: Selector, *, layers: tuple[int, ...] = ()) -> B:
        """The same model, weights shared, with `selector` after the attention of these layers; none means all.

        Raises `BadArguments` for a layer that is not there and for a tower that no selector can stand in,
        `MissingNeed` for evidence that the tower cannot give.
        """
        other = changed(self, image=self._image().with_inside(selector, layers))
        [stage] = parse(repr(selector)).stages
        other._inside = (*self._inside, Inside(layers, stage))
        return other

    def with_patch_size(self: B, patch_size: int) -> B:
        """The same model for patches of `patch_size` pixels, on pictures of the same size: FlexiViT's resize.

        All weights are shared but those of the patches, and positions are resampled. `google/…(patch_size=32)` in a
        pipeline. A model that was not trained so has coarser features, not the same ones: its tokens are another
        space's. Raises `BadArguments` for a tower without patches, and for patches that were changed before.

            vit.with_patch_size(32).tokenize(pictures)     # <50 tokens of 1 picture: vectors of …, 768 wide, float32>
        """
        if self._asked:
            raise BadArguments(f"{self!r} has patches that were resized: resize those that it was loaded with")
        image = flexi.with_patch_size(self._image(), patch_size, self.preparation.kernel)
        other = changed(self, image=image)
        other.digest = f"{self.digest} patch {patch_size}"
        other._asked = {"patch_size": patch_size}
        return other

    def tokenize(
        self, pictures: Iterable[Picture], *, tiles: tuple[int, int] | None = None, keep: Collection[str] = ()
    ) -> Tokens:
        """The tokens of every picture: the published last hidden state, class token first where there is one.

        tiles   (rows, columns): look at so many tiles of each picture instead of at the family's one crop, for detail
                and for what lies at the edge. Tokens come tile by tile; the column `crop` says which
        keep    evidence for selectors, a column each: "keys", "attention.cls", "attention.received"; of the last
                layer, or "attention.cls@-2"; mean of the heads, or "attention.cls.joined". For eyes there is
                "attention.rollout" of all layers, which needs n² numbers a picture

            dino.tokenize(pictures)              # <257 tokens of 1 picture: vectors of …, 384 wide, float32>

        Raises `BadArguments` for tiles that the preparation cannot make, `MissingNeed` for evidence that this tower
        does not have.
        """
        image = self._kept(keep)

        def tokens(batch: Prepared) -> Tokens:
            traced = image.trace(batch.pixels, keep)
            views = seen_by(image.cell, batch.pixels, batch.views, traced)
            return tokens_of(traced, traced.packed.x, batch.pictures, views, self.space, crops=batch.crops)

        return self._tokens(pictures, tokens, tiles)

    def embed(self, pictures: Picture | Iterable[Picture] | Array) -> Float[Array, "B E"]:
        """One unit vector for each picture, float32: the family's own way from tokens to one.

        An array is taken for vectors that this model made before: its rows are made unit.
        """
        if isinstance(pictures, np.ndarray):
            return unit(pictures)
        return unit(self.features([pictures] if isinstance(pictures, Picture) else pictures))

    def features(self, pictures: Iterable[Picture]) -> Float[Array, "B E"]:
        """The same vectors of their own lengths, float32, which say something to a probe."""
        image, rows = self._image(), []
        for batch in batches(self.preparation, pictures):
            with torch.inference_mode():
                rows.append(image.pooled(image.trace(batch.pixels).packed).float().cpu().numpy())
        return np.concatenate(rows)

    def similarity(
        self, a: Picture | Iterable[Picture] | Array, b: Picture | Iterable[Picture] | Array
    ) -> Float[Array, "A B"]:
        """Cosines between any two of pictures and vectors: −1 to 1, float32."""
        return self.embed(a) @ self.embed(b).T

    def __repr__(self) -> str:
        return str(Stage(self.name, kwargs=self._asked, inside=self._inside))

    def _tokens(
        self,
        pictures: Iterable[Picture],
        tokens: Callable[[Prepared], Tokens],
        tiles: tuple[int, int] | None = None,
    ) -> Tokens:
        with torch.inference_mode():
            return Tokens.concat([tokens(batch) for batch in batches(self.preparation, pictures, tiles)])

    def _image(self) -> ImageTower:
        if self.image is None:
            raise LoadError("has no image tower", subject=self.name)
        return self.image

    def _kept(self, keep: Collection[str]) -> ImageTower:
        """The image tower, where it has what `keep` names."""
        image = self._image()
        missing = sorted(name for name in keep if name.partition("@")[0].removesuffix(".joined") not in image.offers)
        if missing:
            hint = f"it has {', '.join(sorted(image.offers))}" if image.offers else ""
            raise MissingNeed(f"{self.name} does not have {' and '.join(missing)}", hint=hint)
        return image


def unit(x: Float[Array, "B E"]) -> Float[Array, "B E"]:
    """Rows of length 1, float32; rows of zeros stay."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.finfo(np.float32).tiny)
