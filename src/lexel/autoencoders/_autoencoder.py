"""An autoencoder: a network that gives pictures back, and how they are prepared. What users call.

    pictures ─► prepare ─► encoder ─┬─ Continuous ─► latents, a vector a cell ─┬─► decoder ─► pictures
                                    └─ Discrete ─► quantizer ─► codes ─────────┘

    tokenize, detokenize            pictures and `Tokens`
    encode_pixels, decode_pixels    prepared pixels and `Packed`, in which gradients flow

A cell is a square of the picture, and cells come row by row. Pictures keep their aspect and, up to the size that the
checkpoint was made for, their size; what is missing to whole cells is filled with the last pixels, and cut off again.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from lexel.errors import BadArguments, TokensError
from lexel.needs import torch
from lexel.nn.loaded import Loaded
from lexel.nn.patches import Pixels, checked, packed
from lexel.nn.prepared import Prepared, batches
from lexel.partitions._cells import picture_of
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation, Within
from lexel.pipelines.grammar import Stage
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Num
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from lexel.towers._painting import framed
from lexel.towers._tokens import seen_by, tokens_of, whole

PIXELS = 1 << 19  # that go through a network at once: one level of 128 channels then takes 256 MB

Maps: TypeAlias = Iterable[torch.Tensor]  # what stands in each cell, [h, w, …], a map after the other
Cells: TypeAlias = Callable[[torch.Tensor], Maps]  # of prepared pixels [b, 3, H, W]


@runtime_checkable
class Network(Protocol):
    """What a model asks of any network.

    cell    pixels of a side of a cell
    width   channels of a latent
    """

    cell: int
    width: int


@runtime_checkable
class MapNetwork(Network, Protocol):
    """…of one that makes one map of a picture."""

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """Prepared pixels → latents, before any quantizer."""

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents, those of codes where it has codes, → pixels in the range of the checkpoint, not clipped to it."""


class Autoencoder(Loaded):
    """What `Continuous` and `Discrete` share.

    image         the network
    preparation   pictures → pixels
    name          what `lexel.load` was given; the model's text in pipelines
    digest        of the weights; spaces of equal digests may be compared
    """

    def __init__(self, image: Network, *, preparation: Preparation, name: str = "unnamed", digest: str = "") -> None:
        super().__init__()
        self.image = image
        self.preparation, self.name, self.digest = preparation, name, digest

    @property
    @abstractmethod
    def space(self) -> Space:
        """What the data of `tokenize` mean."""

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels, float [B, 3, H, W] or a list of [3, H, W], → what `tokenize` gives, packed, row by row.

        Raises `BadArguments` for other shapes, and for sides of less than a cell.
        """
        return self._encoded(batch, self._seen)

    def decode_pixels(self, packed: Packed) -> list[Float[torch.Tensor, "3 H W"]]:
        """What `encode_pixels` gives → pixels of every picture, in the range of the checkpoint, not clipped to it."""
        rows = packed.x.split(list(packed.counts))
        maps = [some.unflatten(0, (h, w)) for some, (h, w) in zip(rows, packed.grid.tolist(), strict=True)]
        return self._decoded(maps)

    def tokenize(self, pictures: Iterable[Picture], *, size: int | None = None) -> Tokens:
        """The cells of every picture, row by row.

        size   pixels of the longer side at most, instead of what the checkpoint says
        """
        return self._tokens(pictures, self._seen, self.space, size=size)

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures as the decoder makes them, at the scale at which they were prepared, and never larger.

        What preparation cut off is filled with the mean colour of training. Raises `TokensError` for tokens of another
        space, and for merged or dropped ones.
        """
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        return self._pictures(tokens, self._maps(tokens))

    def __repr__(self) -> str:
        return str(Stage(self.name))

    @abstractmethod
    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Maps:
        """What stands in each cell, a map after the other."""

    @abstractmethod
    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        """Maps of cells → pixels of every picture."""

    def _maps(self, tokens: Tokens) -> Maps:
        """The cells of tokens again. Raises `TokensError` where some are missing."""
        return [torch.tensor(raster) for raster in tokens.grids()]

    def _stacked(self, maps: Maps, shown: Callable[[torch.Tensor], torch.Tensor]) -> list[Float[torch.Tensor, "3 _ _"]]:
        """`shown` of neighbours of one shape together, no more at once than a network should hold."""
        stacks = _stacks(list(maps), PIXELS // self.image.cell**2, sides=(0, 1))
        return [pixels for stack in stacks for pixels in shown(stack)]

    def _encoded(self, batch: Pixels, seen: Cells) -> Packed:
        cell, like = self.image.cell, next(self.parameters())
        pictures = [picture.to(like) for picture in checked(batch, cell)]
        maps = [cells for stack in _stacks(pictures, PIXELS, sides=(1, 2)) for cells in seen(stack)]
        grids = [(cells.shape[0], cells.shape[1]) for cells in maps]
        if not maps:  # of no picture: what cells are like, which the network alone knows
            maps = [next(iter(seen(like.new_zeros((1, 3, cell, cell)))))[:0]]
        return packed(torch.cat([cells.flatten(0, 1) for cells in maps]), grids)

    def _tokens(self, pictures: Iterable[Picture], seen: Cells, space: Space, *, size: int | None) -> Tokens:
        preparation = self.preparation if size is None else self._sized(size)
        with torch.inference_mode():
            found = [
                self._of(batch, self._encoded(batch.pixels, seen), space) for batch in batches(preparation, pictures)
            ]
        return Tokens.concat(found)

    def _of(self, batch: Prepared, encoded: Packed, space: Space) -> Tokens:
        """The tokens of a batch, each in its place."""
        traced = whole(encoded)
        views = seen_by(self.image.cell, batch.pixels, batch.views, traced)
        return tokens_of(traced, encoded.x, batch.pictures, views, space)

    def _sized(self, size: int) -> Preparation:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise BadArguments(f"size is a whole number of pixels from 1, not {size!r}")
        return replace(self.preparation, resize=Within(size), crop=None, multiple=self.image.cell)

    def _pictures(self, tokens: Tokens, maps: Maps) -> list[Picture]:
        """The pictures whose cells are `maps`."""
        table, device = tokens.pictures, next(self.parameters()).device
        with torch.inference_mode():
            decoded = self._decoded([cells.to(device) for cells in maps])
        if len(decoded) != len(table):
            raise TokensError("of several crops")
        blank = self.preparation.unprepared(np.zeros(3, np.float32))
        pictures = []
        for b, pixels in enumerate(decoded):
            levels = self.preparation.unprepared(pixels.permute(1, 2, 0).float().cpu().numpy())
            view = table.views[table.crops[b]]
            pictures.append(picture_of(tokens, b, framed(levels, view, table.sizes[b], blank)))
        return pictures


def _stacks(
    maps: Sequence[Num[torch.Tensor, "..."]], most: int, *, sides: tuple[int, int]
) -> Iterator[Num[torch.Tensor, "..."]]:
    """Neighbours of one shape together: at most `most` places of the map that lies in `sides`, but one map at least."""
    for shape, alike in groupby(maps, key=lambda one: one.shape):
        remaining = list(alike)
        count = max(1, most // (shape[sides[0]] * shape[sides[1]]))
        for start in range(0, len(remaining), count):
            yield torch.stack(remaining[start : start + count])
