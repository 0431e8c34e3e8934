"""The nearest code of each row, exactly, without a matrix of distances.

    |x − c|² is smallest where x·c − ½|c|² is largest: the product of [x, 1] and [c, −½|c|²]

              tile 0    tile 1    …    tile T−1      a tile: rows × codes, small enough for the cache
    rows     ▒▒▒▒▒▒▒▒  ▒▒▒▒▒▒▒▒       ▒▒▒▒▒▒▒▒
                └─────────┴── maximum ───┘           the best column of each row: T codes, of which one is the best

Scores are float32, and what they may be wrong by is known. A row whose second best comes that near is looked at again:
all codes that near are compared by their distances in float64. So the answer is that of float64, ties to the lowest
index, however torch multiplies. Rows and codes are centred on the mean of the codebook, because an offset that they
share would eat the digits.

Many wide rows are screened first, where the processor multiplies bytes: `screening.py` leaves a few codes of each.
"""

from lexel.kernels.linear import linear
from lexel.kernels.processor import at_home_with_mkl, multiplies_bytes
from lexel.kernels.screening import Screen
from lexel.needs import torch
from lexel.shapes import Bool, Float, Int

ROWS = 512  # of a tile, for each thread; with fewer, calling torch costs more than its products
CODES, CODES_WIDE, WIDE = 256, 1024, 64  # of a tile; wide from this width on, where products cost most
SCREENED, MANY = 128, 1024  # width and rows from which on bytes are faster than floats
BLOCK = 1 << 20  # numbers held at once where rows are looked at again: 8 MB in float64
UNIT = 2.0**-24  # rounding of float32
# Rounding of the numbers before they are multiplied, by what torch.set_float32_matmul_precision allows.
INPUTS = {"highest": 0.0, "high": 2.0**-11, "medium": 2.0**-8}


@torch.no_grad()
def nearest(x: Float[torch.Tensor, "N D"], codebook: Float[torch.Tensor, "K D"]) -> Int[torch.Tensor, "N"]:
    """The index of the nearest row of `codebook` for each row of `x`, int64. Ties: the lowest.

    Any float dtypes, one device; N may be 0, K is 1 or more. A row that is not finite gets some index.
    """
    x, codebook = (t.detach() if t.dtype == torch.float64 else t.detach().float() for t in (x, codebook))
    codes = _Codes(codebook)
    screen = _screen(x, codes)
    together = screen.together if screen else codes.rows
    found = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    sure = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for begin in range(0, len(x), together):
        rows = slice(begin, begin + together)
        best = codes.best_of(screen, x[rows]) if screen else None
        if best is None:  # a screen that leaves too many here will leave too many there
            screen, best = None, codes.best(x[rows])
        found[rows], sure[rows] = best
    for some in (~sure).nonzero()[:, 0].split(max(1, BLOCK // len(codebook))):
        found[some] = codes.exactly(x[some])
    return found


def _screen(x: Float[torch.Tensor, "N D"], codes: "_Codes") -> Screen | None:
    """A screen for these rows where it is worth it."""
    if x.device.type != "cpu" or x.shape[1] < SCREENED or len(x) < MANY or not multiplies_bytes():
        return None
    largest = torch.stack([(some - codes.centre).abs().amax() for some in x.split(MANY)]).amax()
    screen = Screen(codes.centred, largest=float(largest))
    return screen if screen.sharp else None


class _Codes:
    """A codebook, laid out to be compared with rows."""

    def __init__(self, codebook: Float[torch.Tensor, "K D"]) -> None:
        count, width = codebook.shape
        self.codebook, self.centre = codebook, codebook.mean(dim=0)
        centred = (codebook - self.centre).float()
        squares = centred.square().sum(dim=1)
        self.length = squares.max().sqrt()
        self.columns = min(count, CODES_WIDE if width >= WIDE else CODES)
        tiles = -(-count // self.columns)
        laid = centred.new_zeros(tiles * self.columns, width + 1)
        laid[:count, :width] = centred
        laid[:count, width] = squares / -2
        laid[count:, width] = -torch.inf  # what fills the last tile is never the best
        self.all, self.centred = laid, laid[:count, :width]
        self.tiles = [tile.mT for tile in laid.split(self.columns)]
        self.by_column = laid.view(tiles, self.columns, width + 1).transpose(0, 1).contiguous()
        self.rows = ROWS * torch.get_num_threads()
        self.scores, self.top = (centred.new_empty(self.rows, self.columns) for _ in range(2))

    def best(self, x: Float[torch.Tensor, "n D"]) -> tuple[Int[torch.Tensor, "n"], Bool[torch.Tensor, "n"]]:
        """The code of the highest score for each of at most `rows` rows, and whether no other comes near it."""
        rows, margin = self._rows(x)
        scores, top = self.scores[: len(x)], self.top[: len(x)]
        top.copy_(_product(rows, self.tiles[0], scores))
        for tile in self.tiles[1:]:
            torch.maximum(top, _product(rows, tile, scores), out=top)
        column, alone = _largest(top, margin)
        inside = torch.bmm(self.by_column.index_select(0, column), rows[:, :, None])[:, :, 0]
        tile_, alone_inside = _largest(inside, margin)
        return tile_ * self.columns + column, alone & alone_inside

    def best_of(
        self, screen: Screen, x: Float[torch.Tensor, "n D"]
    ) -> tuple[Int[torch.Tensor, "n"], Bool[torch.Tensor, "n"]] | None:
        """The same, among the codes that a screen leaves; None where it leaves too many."""
        rows, margin = self._rows(x)
        pairs = screen.near(rows[:, :-1], margin)
        if pairs is None:
            return None
        row, code = pairs
        scores = (rows.index_select(0, row) * self.all.index_select(0, code)).sum(dim=1)
        highest = scores.new_full((len(x),), -torch.inf).scatter_reduce(0, row, scores, "amax")
        near = scores >= (highest - margin)[row]
        row, code = row[near], code[near]
        return code.new_zeros(len(x)).scatter_(0, row, code), torch.bincount(row, minlength=len(x)) == 1

    def exactly(self, x: Float[torch.Tensor, "n D"]) -> Int[torch.Tensor, "n"]:
        """The nearest code of each row, by distances in float64 to all codes whose scores come near the highest."""
        rows, margin = self._rows(x)
        scores = rows @ self.all.mT
        row, code = (scores >= (scores.amax(dim=1) - margin)[:, None]).nonzero(as_tuple=True)
        size = max(1, BLOCK // x.shape[1])
        pairs = zip(row.split(size), code.split(size), strict=True)
        distance = torch.cat([(x[r].double() - self.codebook[c].double()).square().sum(dim=1) for r, c in pairs])
        least = distance.new_full((len(x),), torch.inf).scatter_reduce(0, row, distance, "amin")
        tied = distance == least[row]
        found = code.new_full((len(x),), len(self.codebook)).scatter_reduce(0, row[tied], code[tied], "amin")
        return found.where(found < len(self.codebook), 0)  # a row that is not finite is near nothing

    def _rows(self, x: Float[torch.Tensor, "n D"]) -> tuple[torch.Tensor, torch.Tensor]:
        """[x, 1], centred, in float32; and by how much the score of the nearest code may lie below the highest.

        The bound of the error of a sum of products in any order, for both of them, with a little more for centring.
        """
        centred = (x - self.centre).float()
        rows = torch.cat([centred, centred.new_ones(len(x), 1)], dim=1)
        each = (x.shape[1] + 10) * UNIT + 2 * INPUTS[torch.get_float32_matmul_precision()]
        return rows, 2 * each * self.length * (centred.norm(dim=1) + self.length)


def _product(
    rows: Float[torch.Tensor, "n D"], tile: Float[torch.Tensor, "D C"], space: Float[torch.Tensor, "n C"]
) -> Float[torch.Tensor, "n C"]:
    """rows · tile: by torch's own product into `space`, which stays in the cache, or where that is slow by ours."""
    if rows.device.type != "cpu" or at_home_with_mkl():
        return torch.mm(rows, tile, out=space)
    return linear(rows, tile.mT)


def _largest(
    scores: Float[torch.Tensor, "n C"], margin: Float[torch.Tensor, "n"]
) -> tuple[Int[torch.Tensor, "n"], Bool[torch.Tensor, "n"]]:
    """Where the largest score of each row is, and whether all others lie lower by more than the margin.

    Where they do not, some column. Overwrites the scores: by 1 where they come near the largest, else by 0. A sum of
    that counts, and a sum of that times the column is the column; torch finds a maximum and its place far slower.
    """
    near = torch.ge(scores, (scores.amax(dim=1) - margin)[:, None], out=scores)
    alone = near.sum(dim=1) == 1
    columns = torch.arange(near.shape[1], dtype=near.dtype, device=near.device)
    return near.mul_(columns).sum(dim=1).long().clamp_(max=near.shape[1] - 1), alone
