"""Windows over packed pictures of any sizes, straight and shifted.

    windows of 2 × 2 cells         the same, shifted by 1: the picture is rolled, so that
                                   windows of the last row and column hold two borders of it
    ┌───┬───┬─ ┐                   ┌───┬───┬─┬─┐
    │a a│b b│c ·                   │a a│b b│c│a│        plain, right
    │a a│b b│c ·                   │a a│b b│c│a│
    ├───┼───┼─ ┤                   ├───┼───┼─┼─┤        bottom, corner: cells on two sides
    │d d│e e│f ·                   │d d│e e│f│d│        of a cut do not see each other
    └─ ─┴─ ─┴─ ┘                   └───┴───┴─┴─┘

`·` fills up to whole windows: zeros that are seen like any cell, as published. What is hidden in a window depends on
its kind alone, not on the size of the picture: windows of all pictures of a call are sorted by kind, and each kind is
one attention with one mask. One gather cuts all pictures, whatever the shift, and one copy puts them together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lexel.needs import torch
from lexel.shapes import Float, Int

HOST = "cpu"  # where rows are numbered, whatever torch's default is: a GPU would be waited for at each of these steps
OUTSIDE = -(1 << 40)  # a cell that no picture has: stays negative when the first row of a picture is added

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
        """`cells` are rows, negative where none comes; they lie on the host."""
        return cls(cells.clamp(min=0).to(device), (cells < 0).nonzero()[:, 0].to(device))

    def __call__(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "M D"]:
        y = x.index_select(0, self.rows)
        return y.index_fill_(0, self.outside, 0) if len(self.outside) else y


@dataclass(frozen=True, eq=False)
class Group:
    """Windows of one side n = side² in a row: all of one kind, then all of the next.

    counts   windows of each kind
    steps    int64 [n²] for any two cells of a window the row that holds their displacement in a table of all
    hidden   [kinds, 1, n, n] what is added to the scores of cells that do not see each other
    """

    side: int
    counts: tuple[int, ...]
    steps: Int[torch.Tensor, "n2"]
    hidden: Float[torch.Tensor, "k 1 n n"]


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of packed pictures, group by group.

    cut      packed rows → rows of windows
    back     int64 [M] the packed row of each row of windows; N for those outside
    total    N
    """

    groups: tuple[Group, ...]
    cut: Gather
    back: Int[torch.Tensor, "M"]
    total: int

    @classmethod
    def of(
        cls, grids: Sequence[Grid], sides: Sequence[tuple[int, int]], *, hide: float, like: Float[torch.Tensor, "N D"]
    ) -> "Windows":
        """Windows of these sides and shifts, a pair a picture; `like` is what they will cut.

        hide    what is taken from the scores of cells that do not see each other
        """
        made = {key: _windows(*key) for key in set(zip(grids, sides, strict=True))}
        found: dict[tuple[int, int], list[list[torch.Tensor]]] = {}
        first = 0
        for grid, side in zip(grids, sides, strict=True):
            kinds = found.setdefault(side, [[] for _ in made[grid, side]])
            for kind, cells in zip(kinds, made[grid, side], strict=True):
                kind.append(cells + first)
            first += grid[0] * grid[1]
        groups = []
        for (n, shift), kinds in found.items():
            hidden = _hidden(n, shift).to(like)[:, None] * -hide
            groups.append(Group(n, tuple(sum(map(len, kind)) for kind in kinds), _steps(n).to(like.device), hidden))
        rows = _joined([cells.flatten() for kinds in found.values() for kind in kinds for cells in kind])
        back = rows.where(rows >= 0, first).to(like.device)
        return cls(tuple(groups), Gather.of(rows, like.device), back, first)

    def attend(
        self,
        q: Float[torch.Tensor, "M H d"],
        k: Float[torch.Tensor, "M H d"],
        v: Float[torch.Tensor, "M H d"],
        *,
        table: Callable[[int], Float[torch.Tensor, "t H"]],
        scale: float | None = None,
    ) -> Float[torch.Tensor, "N HD"]:
        """Mix `v` window by window by softmax(scale · q·k + table + hidden), back in packed order.

        table   side of a window → a row for each displacement (first cell minus second), rows before columns, from
                −(side − 1) to side − 1 each; asked once for each side
        scale   1 / √d unless said
        """
        mixed, start = v.new_empty(self.total + 1, v.shape[1] * v.shape[2]), 0
        for group in self.groups:
            n = group.side**2
            bias = table(group.side).T.contiguous().index_select(1, group.steps).view(1, -1, n, n).to(q.dtype)
            for count, mask in zip(group.counts, (bias + group.hidden).unbind(), strict=True):
                rows = slice(start, start + count * n)
                if count:
                    qs, ks, vs = (x[rows].unflatten(0, (count, n)).transpose(1, 2) for x in (q, k, v))
                    y = torch.nn.functional.scaled_dot_product_attention(qs, ks, vs, attn_mask=mask[None], scale=scale)
                    mixed.index_copy_(0, self.back[rows], y.transpose(1, 2).flatten(0, 1).flatten(1))
                start = rows.stop
        return mixed[: self.total]


def coarser(grid: Grid) -> Grid:
    """The raster of a quarter as many cells, rounded up."""
    return (grid[0] + 1) // 2, (grid[1] + 1) // 2


def fours(grids: Sequence[Grid], device: torch.device) -> Gather:
    """Four rows for each cell of the coarser rasters: left above, left below, right above, right below."""
    made = {grid: _fours(grid) for grid in set(grids)}
    parts, first = [], 0
    for grid in grids:
        parts.append(made[grid] + first)
        first += grid[0] * grid[1]
    return Gather.of(_joined(parts), device)


def _fours(grid: Grid) -> Int[torch.Tensor, "n4"]:
    """The cells of one picture, four by four."""
    rows, columns = coarser(grid)
    return _raster(*grid, 2).view(rows, 2, columns, 2).permute(0, 2, 3, 1).flatten()


def _raster(h: int, w: int, multiple: int) -> Int[torch.Tensor, "h2 w2"]:
    """The numbers of cells row by row, filled up to multiples with `OUTSIDE`."""
    cells = torch.full((h + -h % multiple, w + -w % multiple), OUTSIDE, device=HOST)
    cells[:h, :w] = torch.arange(h * w, device=HOST).view(h, w)
    return cells


def _windows(grid: Grid, sides: tuple[int, int]) -> tuple[Int[torch.Tensor, "k n"], ...]:
    """The cells of the windows of one picture, kind by kind: one kind where nothing is shifted, else four."""
    side, shift = sides
    cells = _raster(*grid, side).roll((-shift, -shift), (0, 1))
    cells = cells.unflatten(1, (-1, side)).unflatten(0, (-1, side)).transpose(1, 2).flatten(2)
    if not shift:
        return (cells.flatten(0, 1),)
    return cells[:-1, :-1].flatten(0, 1), cells[:-1, -1], cells[-1, :-1], cells[-1, -1:]


def _hidden(side: int, shift: int) -> Float[torch.Tensor, "k n n"]:
    """For each kind 1 where two cells of a window do not see each other, else 0."""
    if not shift:
        return torch.zeros(1, side**2, side**2, device=HOST)
    beyond = torch.arange(side, device=HOST) >= side - shift
    right, below = beyond.repeat(side), beyond.repeat_interleave(side)
    parts = torch.stack([0 * right, 1 * right, 2 * below, 1 * right + 2 * below])
    return (parts[:, :, None] != parts[:, None]).float()


def _steps(side: int) -> Int[torch.Tensor, "n2"]:
    """Where the displacement of any two cells of a window stands in a table of all."""
    cells = torch.arange(side, device=HOST)
    steps = cells[:, None] - cells + side - 1
    rows = steps[:, None, :, None] * (2 * side - 1) + steps[None, :, None, :]
    return rows.flatten()


def _joined(parts: list[torch.Tensor]) -> Int[torch.Tensor, "M"]:
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64, device=HOST)
