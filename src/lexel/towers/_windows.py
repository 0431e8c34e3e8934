"""Windows over packed pictures of any sizes, straight and shifted.

    windows of 2 × 2 cells         the same, shifted by 1: the picture is rolled, so that
                                   windows of the last row and column hold two borders of it
    ┌───┬───┬─ ┐                   ┌───┬───┬─┬─┐
    │a a│b b│c ·                   │a a│b b│c│a│        plain, right
    │a a│b b│c ·                   │a a│b b│c│a│
    ├───┼───┼─ ┤                   ├───┼───┼─┼─┤        bottom, corner: cells on two sides
    │d d│e e│f ·                   │d d│e e│f│d│        of a cut do not see each other
    └─ ─┴─ ─┴─ ┘                   └───┴───┴─┴─┘

`·` fills up to whole windows: zeros that are seen like any cell, as published. What is hidden in a window depends on its
kind alone, not on the size of the picture: windows of all pictures of a call are sorted by kind, and each kind is one
attention with one mask. A picture is cut by one gather and put together by one more, whatever the shift.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lexel.needs import torch
from lexel.shapes import Float, Int

OUTSIDE = -(1 << 40)  # a cell that no picture has: stays negative when the first row of a picture is added
KINDS = 4  # plain, right, bottom, corner

Grid = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Gather:
    """Rows of a packed value in another order, zeros between them.

    rows      int64 [M] which row comes; any where none does
    outside   int64 [K] the places of the zeros
    """

    rows: Int[torch.Tensor, "M"]
    outside: Int[torch.Tensor, "K"]

    @classmethod
    def of(cls, cells: Int[torch.Tensor, "M"], device: torch.device) -> "Gather":
        """`cells` are rows, negative where none comes."""
        return cls(cells.clamp(min=0).to(device), (cells < 0).nonzero()[:, 0].to(device))

    def __call__(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "M D"]:
        y = x.index_select(0, self.rows)
        return y.index_fill_(0, self.outside, 0) if len(self.outside) else y


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of packed pictures, those of one side together, and of those each kind together.

    groups   side, windows of each kind, and what each kind adds to the scores, [kinds, side², side²]
    cut      packed rows → rows of windows, group by group, kind by kind, window by window
    places   int64 [N] where each packed row stands among them
    """

    groups: tuple[tuple[int, tuple[int, ...], Float[torch.Tensor, "k n n"]], ...]
    cut: Gather
    places: Int[torch.Tensor, "N"]

    @classmethod
    def of(
        cls, grids: Sequence[Grid], sides: Sequence[tuple[int, int]], *, hide: float, like: Float[torch.Tensor, "N D"]
    ) -> "Windows":
        """Windows of these sides and shifts, a pair a picture; `like` says device and dtype."""
        firsts = accumulate((h * w for h, w in grids), initial=0)
        made = {key: _windows(*key) for key in set(zip(grids, sides, strict=True))}
        found: dict[tuple[int, int], list[list[torch.Tensor]]] = {}
        for first, grid, side in zip(firsts, grids, sides, strict=False):
            kinds = found.setdefault(side, [[] for _ in range(KINDS)])
            for kind, cells in zip(kinds, made[grid, side], strict=True):
                kind.append(cells + first)
        groups, order = [], [torch.empty(0, dtype=torch.int64)]
        for (side, shift), kinds in found.items():
            counts = tuple(sum(map(len, kind)) for kind in kinds)
            groups.append((side, counts, _hidden(side, shift).to(like) * -hide))
            order += [cells.flatten() for kind in kinds for cells in kind]
        cells = torch.cat(order)
        inside = (cells >= 0).nonzero()[:, 0]
        places = torch.empty(len(inside), dtype=torch.int64)
        places[cells[inside]] = inside
        return cls(tuple(groups), Gather.of(cells, like.device), places.to(like.device))

    def attend(
        self,
        q: Float[torch.Tensor, "M H d"],
        k: Float[torch.Tensor, "M H d"],
        v: Float[torch.Tensor, "M H d"],
        *,
        bias: Callable[[int], Float[torch.Tensor, "H n n"]],
        scale: float | None = None,
    ) -> Float[torch.Tensor, "N HD"]:
        """Mix `v` window by window by softmax(scale · q·k + bias + what is hidden), back in packed order.

        `bias` is asked once for each side of windows; `scale` is 1 / √d unless said.
        """
        mixed, start = [v[:0].flatten(1)], 0
        for side, counts, hidden in self.groups:
            table = bias(side).to(q.dtype)
            for count, mask in zip(counts, hidden, strict=True):
                stop = start + count * side**2
                if count:
                    part = (x[start:stop].unflatten(0, (count, -1)).transpose(1, 2) for x in (q, k, v))
                    y = torch.nn.functional.scaled_dot_product_attention(*part, attn_mask=(table + mask)[None], scale=scale)
                    mixed.append(y.transpose(1, 2).flatten(0, 1).flatten(1))
                start = stop
        return torch.cat(mixed).index_select(0, self.places)


def displacements(side: int, reach: int) -> Int[torch.Tensor, "n n"]:
    """For any two cells of a window the row of a table of displacements that holds theirs, first minus second.

    The table goes row by row from −(reach − 1) to reach − 1 in both directions.
    """
    y, x = torch.arange(side).repeat_interleave(side), torch.arange(side).repeat(side)
    down, across = (cells[:, None] - cells + reach - 1 for cells in (y, x))
    return down * (2 * reach - 1) + across


def coarser(grid: Grid) -> Grid:
    """The raster of a quarter as many cells, rounded up."""
    return (grid[0] + 1) // 2, (grid[1] + 1) // 2


def fours(grids: Sequence[Grid], device: torch.device) -> Gather:
    """Four rows for each cell of the coarser rasters: left above, left below, right above, right below."""
    made = {}
    for h, w in set(grids):
        rows, columns = coarser((h, w))
        made[h, w] = _raster(h, w, 2).view(rows, 2, columns, 2).permute(0, 2, 3, 1).flatten()
    firsts = accumulate((h * w for h, w in grids), initial=0)
    parts = [made[grid] + first for grid, first in zip(grids, firsts, strict=False)]
    return Gather.of(torch.cat([torch.empty(0, dtype=torch.int64), *parts]), device)


def _raster(h: int, w: int, multiple: int) -> Int[torch.Tensor, "h2 w2"]:
    """The numbers of cells row by row, filled up to multiples with `OUTSIDE`."""
    cells = torch.full((h + -h % multiple, w + -w % multiple), OUTSIDE)
    cells[:h, :w] = torch.arange(h * w).view(h, w)
    return cells


def _windows(grid: Grid, sides: tuple[int, int]) -> list[Int[torch.Tensor, "k n"]]:
    """The cells of the windows of one picture, kind by kind."""
    side, shift = sides
    cells = _raster(*grid, side).roll((-shift, -shift), (0, 1))
    cells = cells.unflatten(1, (-1, side)).unflatten(0, (-1, side)).transpose(1, 2).flatten(2)
    if not shift:
        return [cells.flatten(0, 1), *(cells[0, :0] for _ in range(KINDS - 1))]
    return [cells[:-1, :-1].flatten(0, 1), cells[:-1, -1], cells[-1, :-1], cells[-1, -1:]]


def _hidden(side: int, shift: int) -> Float[torch.Tensor, "k n n"]:
    """For each kind 1 where two cells of a window do not see each other, else 0."""
    beyond = torch.arange(side) >= side - shift
    right, below = beyond.repeat(side), beyond.repeat_interleave(side)
    cuts = torch.stack([0 * right, right * 1, below * 2, right * 1 + below * 2])
    return (cuts[:, :, None] != cuts[:, None]).float()
