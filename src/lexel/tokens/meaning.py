"""What rows and pictures mean: kinds of tokens, the space of their data, the table of their pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

import numpy as np

from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.tokens.labels import LabelMap

WHOLE = (0.0, 0.0, 1.0, 1.0)  # the view of a picture that is prepared whole


class Kind(IntEnum):
    """What a token is. Published numbers: they stand in files and never change."""

    REGION = 0
    CLASS = 1
    REGISTER = 2
    QUERY = 3
    SEPARATOR = 4
    PADDING = 5
    WORD = 6


@dataclass(frozen=True)
class Space:
    """What the data of tokens mean. Two values may be compared where their spaces are equal.

    kind       "vectors": data `[N, D]`; "codes": data `[N]` or `[N, Q]` integers
    width      D of vectors; for codes the width of a code's vector, 0 where it has none
    codebook   sizes of the codebooks, one a column of codes; () for vectors
    digest     what makes equal numbers mean the same: BLAKE2b of the weights, or the plain words of a method
               without weights such as "rgb 16×16"
    name       what a person would say; shown, never compared
    """

    kind: Literal["vectors", "codes"]
    width: int
    codebook: tuple[int, ...] = ()
    digest: str = ""
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        said = self.name or self.digest or "unnamed"
        if self.kind == "codes":
            return f"codes of {said}, {'×'.join(map(str, self.codebook))}"
        return f"vectors of {said}, {self.width} wide"


@dataclass(frozen=True, eq=False)
class PictureTable:
    """The B pictures that tokens came from, and the C crops that were prepared of them.

    names     `[B]` as accounting prints them
    sizes     int64 `[B, 2]` (height, width) of the upright originals
    digests   `[B]` BLAKE2b-128 of the encoded bytes
    crops     int64 `[B + 1]`: picture b owns the crops `crops[b]:crops[b + 1]`
    views     float64 `[C, 4]`: the rectangle of the original that was prepared, x0 y0 x1 y1 in unit coordinates;
              may reach outside 0…1. float64, because boxes computed from a float32 view differ in the last bit
    grids     int64 `[C, 2]` (rows, columns) of the base raster over the view, on which boxes have their edges;
              where region tokens fill it cell by cell they can be seen as `[h, w]`. (0, 0) where there is none
    maps      `[C]` which token owns each pixel, for tokens that are no boxes (superpixels); None where boxes say all.
              () is short for None everywhere
    """

    names: tuple[str, ...]
    sizes: Int[Array, "B 2"]
    digests: tuple[str, ...]
    crops: Int[Array, "B1"]
    views: Float[Array, "C 4"]
    grids: Int[Array, "C 2"]
    maps: tuple[LabelMap | None, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.sizes, self.crops, self.views, self.grids):
            array.setflags(write=False)
        object.__setattr__(self, "maps", self.maps or (None,) * len(self.views))

    @classmethod
    def of(
        cls,
        pictures: Iterable[Picture],
        views: Sequence[tuple[float, float, float, float]],
        grids: Sequence[tuple[int, int]],
        *,
        maps: Sequence[LabelMap] = (),
        crops: int = 1,
    ) -> "PictureTable":
        """So many crops a picture: a view and a grid each, and a map where tokens are no boxes."""
        pictures = list(pictures)
        return cls(
            names=tuple(picture.name for picture in pictures),
            sizes=np.array([picture.size for picture in pictures], np.int64).reshape(-1, 2),
            digests=tuple(picture.digest for picture in pictures),
            crops=np.arange(len(pictures) + 1, dtype=np.int64) * crops,
            views=np.array(views, np.float64).reshape(-1, 4),
            grids=np.array(grids, np.int64).reshape(-1, 2),
            maps=tuple(maps),
        )

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PictureTable):
            return NotImplemented
        return (
            self.names == other.names
            and self.digests == other.digests
            and self.maps == other.maps
            and all(
                np.array_equal(getattr(self, name), getattr(other, name))
                for name in ("sizes", "crops", "views", "grids")
            )
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def rows(self, pictures: Int[Array, "B2"]) -> "PictureTable":
        """The table of these pictures, in this order."""
        counts = np.diff(self.crops)[pictures]
        crops = np.concatenate(([0], np.cumsum(counts)))
        kept = np.repeat(self.crops[:-1][pictures] - crops[:-1], counts) + np.arange(int(crops[-1]))
        return PictureTable(
            names=tuple(self.names[b] for b in pictures),
            sizes=self.sizes[pictures],
            digests=tuple(self.digests[b] for b in pictures),
            crops=crops,
            views=self.views[kept],
            grids=self.grids[kept],
            maps=tuple(self.maps[c] for c in kept),
        )

    @staticmethod
    def concat(tables: Sequence["PictureTable"]) -> "PictureTable":
        """The pictures of several tables, one after the other."""
        starts = np.cumsum([0] + [int(table.crops[-1]) for table in tables])
        crops = [table.crops[1:] + start for table, start in zip(tables, starts[:-1], strict=True)]
        return PictureTable(
            names=tuple(name for table in tables for name in table.names),
            sizes=np.concatenate([table.sizes for table in tables]),
            digests=tuple(digest for table in tables for digest in table.digests),
            crops=np.concatenate([np.zeros(1, np.int64), *crops]),
            views=np.concatenate([table.views for table in tables]),
            grids=np.concatenate([table.grids for table in tables]),
            maps=tuple(label_map for table in tables for label_map in table.maps),
        )


def edges(start: float, stop: float, count: int) -> Float[Array, "n1"]:
    """The edges of `count` equal cells from `start` to `stop`, float32, clipped to 0…1.

    Computed as `v0 + k·(v1 − v0)/n` in float64 and rounded once, so that the box of a patch at native resolution is
    exactly `float32(pixel / side)`.
    """
    return np.clip(start + np.arange(count + 1) * (stop - start) / max(count, 1), 0, 1).astype(np.float32)


def cell_boxes(view: Float[Array, "4"], grid: tuple[int, int]) -> Float[Array, "N 4"]:
    """Boxes of the cells of a raster over `view`, row by row: float32 x0 y0 x1 y1, clipped to the unit square."""
    rows, columns = grid
    x, y = edges(view[0], view[2], columns), edges(view[1], view[3], rows)
    boxes = np.empty((rows, columns, 4), np.float32)
    boxes[..., 0], boxes[..., 2] = x[:-1], x[1:]
    boxes[..., 1], boxes[..., 3] = y[:-1, None], y[1:, None]
    return boxes.reshape(-1, 4)


def implied_boxes(
    pictures: PictureTable, kind: Int[Array, "N"], splits: Int[Array, "B1"]
) -> Float[Array, "N 4"] | None:
    """The boxes that views and grids imply, or None where the tokens of some picture do not lie on its rasters.

    Region tokens are the cells of the picture's crops, crop by crop and row by row; every other token has the
    clipped view of the first crop.
    """
    region = kind == Kind.REGION
    cells = pictures.grids.prod(axis=1)
    expected = np.add.reduceat(np.append(cells, 0), pictures.crops[:-1]) if len(pictures) else cells[:0]
    seen = np.add.reduceat(np.append(region, False).astype(np.int64), splits[:-1]) if len(pictures) else cells[:0]
    seen[np.diff(splits) == 0] = 0
    expected[np.diff(pictures.crops) == 0] = 0
    if not np.array_equal(expected, seen):
        return None
    first = pictures.views[pictures.crops[:-1]]
    boxes = np.repeat(np.float32(np.clip(first, 0, 1)), np.diff(splits), axis=0)
    if cells.sum():
        boxes[region] = np.concatenate(
            [cell_boxes(view, (int(h), int(w))) for view, (h, w) in zip(pictures.views, pictures.grids, strict=True)]
        )
    return boxes
