"""What stands beside a code: how codes are spelled as symbols, and the neighbours by which a symbol is judged.

    levels    of FSQ: each is a symbol; `prediction.py` says by what it is judged
    groups    of a learned codebook: the group of a code is a symbol, judged by that of the left, the upper and, in
              thirds, the upper right cell. The member of the group is another, judged by the group and by the member
              in the first of these cells that is of the same group

All cells of a symbol are coded before the next symbol. Cells left of and above a cell are known when it is decoded, and
the one above to the right, too: column + 2·row is the same in all cells that are decoded together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lexel.errors import TokensError
from lexel.shapes import Array, Float, Int, Num

LEFT, UP, UPPER_RIGHT, UPPER_LEFT, HERE = (0, -1), (-1, 0), (-1, 1), (-1, -1), (0, 0)
BEFORE = (LEFT, UP, UPPER_RIGHT, UPPER_LEFT)  # known when a cell is decoded
AFTER = ((0, 1), (1, 0), (1, 1), (1, -1))
THIRDS = 3


@dataclass(frozen=True, eq=False)
class Spelling:
    """Codes as symbols.

    sizes     how many each symbol can be
    members   group and member of each code of a learned codebook; None where the symbols are levels
    """

    sizes: tuple[int, ...]
    members: tuple[Int[Array, "K"], Int[Array, "K"]] | None = None

    @classmethod
    def of_groups(cls, groups: Num[Array, "K"]) -> "Spelling":
        """Members of a group are numbered in the order of their codes."""
        count = np.bincount(groups)
        order = np.argsort(groups, kind="stable")
        member = np.empty(len(groups), np.int64)
        member[order] = np.arange(len(groups)) - np.repeat(np.cumsum(count) - count, count)
        return cls((len(count), int(count.max())), (groups.astype(np.int64), member))

    @property
    def codes(self) -> int:
        """How many there are."""
        return prod(self.sizes) if self.members is None else len(self.members[0])

    def spelled(self, raster: Num[Array, "..."]) -> "Cells":
        """The symbols of a raster. Raises `TokensError` for what is no raster of these codes."""
        if raster.ndim != 2 or (raster.size and not 0 <= raster.min() <= raster.max() < self.codes):
            raise TokensError(f"rasters of codes are [h, w] of 0 to {self.codes - 1}, this is of {raster.shape}")
        cells = self.blank(raster.shape[0], raster.shape[1])
        if self.members is None:
            symbols = np.unravel_index(raster.astype(np.int64), self.sizes, order="F")  # the first counts fastest
        else:
            symbols = tuple(part[raster] for part in self.members)
        cells.inside[...] = np.stack(symbols, axis=-1)
        return cells

    def blank(self, height: int, width: int) -> "Cells":
        """Cells to be filled. Beyond the edge stands the middle level, or a group that no cell has."""
        padded = np.empty((height + 2, width + 2, len(self.sizes)), np.int64)
        padded[...] = np.array(self.sizes) // 2 if self.members is None else self.sizes
        return Cells(padded)

    def raster(self, cells: "Cells") -> Int[Array, "h w"]:
        """The codes of cells. Raises `TokensError` for symbols that no code has."""
        symbols = tuple(np.moveaxis(cells.inside, -1, 0))
        if self.members is None:
            return np.asarray(np.ravel_multi_index(symbols, self.sizes, order="F"))
        codes = np.full(self.sizes, -1)
        codes[self.members] = np.arange(self.codes)
        raster: Array = codes[symbols]
        if (raster < 0).any():
            raise TokensError("symbols that no code has")
        return raster


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


@dataclass(frozen=True)
class Groups:
    """The contexts of group and member.

    sizes   how many groups there are, and members in the largest
    """

    sizes: tuple[int, ...]

    def shape(self, d: int) -> tuple[int, ...]:
        """How many contexts symbol `d` has of each kind, the nearest first."""
        groups, members = self.sizes
        return (groups, members + 1) if d else (groups + 1, groups + 1, THIRDS + 1)

    def contexts(self, cells: Cells, d: int, at: Int[Array, "2 N"]) -> tuple[Int[Array, "N"], ...]:
        """The contexts of symbol `d` in the cells `at` (rows, columns)."""
        left, up, upper_right = (cells.symbol(at, 0, offset) for offset in (LEFT, UP, UPPER_RIGHT))
        if d == 0:
            return left, up, upper_right * THIRDS // self.sizes[0]
        group, near = cells.symbol(at, 0), np.full(at.shape[1], self.sizes[1])
        for beside, offset in ((upper_right, UPPER_RIGHT), (up, UP), (left, LEFT)):
            near = np.where(beside == group, cells.symbol(at, 1, offset), near)
        return group, near


def groups_of(codebook: Float[Array, "K D"], count: int) -> Int[Array, "K"]:
    """So many groups of codes of equal size, alike inside and ordered: neighbours in number are alike, too.

    count   a power of 2, at most K; the square root of K is good

    Halves at the median along the direction in which they differ most, again and again.
    """
    groups = np.zeros(len(codebook), np.int64)
    parts = [np.arange(len(codebook))]
    while len(parts) < count:
        parts = [half for part in parts for half in _halves(codebook.astype(np.float64), part)]
    for number, part in enumerate(parts):
        groups[part] = number
    return groups


def _halves(codebook: Float[Array, "K D"], part: Int[Array, "k"]) -> list[Int[Array, "_"]]:
    rows = codebook[part] - codebook[part].mean(axis=0)
    direction = np.linalg.svd(rows, full_matrices=False)[2][0]
    largest = direction[np.abs(direction).argmax()]  # positive: either sign is a direction
    return np.array_split(part[np.argsort(rows @ direction * np.sign(largest), kind="stable")], 2)
