"""What stands beside a code: how codes are spelled as symbols, and the cells around that are known.

    levels              of FSQ: each is a symbol; `levels.py` and `prediction.py` say by what it is judged
    a learned codebook  the code is the one symbol; `vectors.py` judges it by the vectors of the codes before it

All cells of a symbol are coded before the next symbol. Cells left of and above a cell are known when it is decoded, and
the one above to the right, too: column + 2·row is the same in all cells that are decoded together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lexel.errors import TokensError
from lexel.shapes import Array, Int, Num

LEFT, UP, UPPER_RIGHT, UPPER_LEFT, HERE = (0, -1), (-1, 0), (-1, 1), (-1, -1), (0, 0)
BEFORE = (LEFT, UP, UPPER_RIGHT, UPPER_LEFT)  # known when a cell is decoded
AFTER = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Spelling:
    """Codes as symbols.

    sizes   how many each symbol can be; the first counts fastest
    edge    what stands beyond the edge: the middle level, or a code that there is not
    """

    sizes: tuple[int, ...]
    edge: tuple[int, ...]

    def spelled(self, raster: Num[Array, "..."]) -> "Cells":
        """The symbols of a raster. Raises `TokensError` for what is no raster of these codes."""
        codes = prod(self.sizes)
        if raster.ndim != 2 or (raster.size and not 0 <= raster.min() <= raster.max() < codes):
            raise TokensError(f"rasters of codes are [h, w] of 0 to {codes - 1}, this is of {raster.shape}")
        cells = self.blank(raster.shape[0], raster.shape[1])
        cells.inside[...] = np.stack(np.unravel_index(raster.astype(np.int64), self.sizes, order="F"), axis=-1)
        return cells

    def blank(self, height: int, width: int) -> "Cells":
        """Cells to be filled."""
        padded = np.empty((height + 2, width + 2, len(self.sizes)), np.int64)
        padded[...] = self.edge
        return Cells(padded)

    def raster(self, cells: "Cells") -> Int[Array, "h w"]:
        """The codes of cells."""
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(cells.inside, -1, 0)), self.sizes, order="F"))


@dataclass(frozen=True, eq=False)
class Cells:
    """A raster of symbols in a frame of one, which are no cells."""

    padded: Int[Array, "h2 w2 D"]

    @property
    def inside(self) -> Int[Array, "h w D"]:
        """The cells, a view."""
        return self.padded[1:-1, 1:-1]

    @property
    def all(self) -> Int[Array, "2 N"]:
        """Rows and columns of all cells, row by row."""
        return np.indices(self.inside.shape[:2]).reshape(2, -1)

    def around(self, at: Int[Array, "2 N"], offsets: Int[Array, "P 2"]) -> Int[Array, "N P D"]:
        """All symbols of the cells that stand so many rows and columns from `at`."""
        found: Array = self.padded[at[0][:, None] + (1 + offsets[:, 0]), at[1][:, None] + (1 + offsets[:, 1])]
        return found

    def symbol(self, at: Int[Array, "2 N"], d: int, offset: tuple[int, int] = (0, 0)) -> Int[Array, "N"]:
        """Symbol `d` of the cells that stand so many rows and columns from `at`."""
        found: Array = self.padded[at[0] + (1 + offset[0]), at[1] + (1 + offset[1]), d]
        return found

    def lines(self) -> Iterator[Int[Array, "2 N"]]:
        """Rows and columns of cells, line after line: each needs only those of earlier lines beside it."""
        height, width, _ = self.inside.shape
        for line in range(width + 2 * (height - 1) if height and width else 0):
            rows = np.arange(max(0, (line - width) // 2 + 1), min(height - 1, line // 2) + 1)
            yield np.stack([rows, line - 2 * rows])
