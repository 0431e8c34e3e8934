"""Which codes may be the nearest of a row, told by products of bytes: a fourth of the time of products of floats.

    rows       x ≈ s · x̂       x̂ in −127…127                     x̂ · ĉ − b̂  is the score x·c − ½|c|² in whole steps
    codebook   c ≈ t · ĉ       ½|c|² ≈ s · t · b̂                  of s · t, wrong by no more than the bound below

              ┌─────────────────────────┬──────────────┬───┐
    a row     │ x̂                       │ 127 127 127  │ 1 │
    a code    │ ĉ                       │ digits of −b̂ │   │      one product gives it all, in int32, exactly
              └─────────────────────────┴──────────────┴───┘

|x·c − x̂·ĉ| ≤ |x| · |c − ĉ| + |x − x̂| · |ĉ|: lengths that are known. The code of the highest score is scored once more,
as floats; one that may be nearer scores no lower than that by more than the bound. Of 8,192 random codes of 256 numbers
some four are left, and only those are compared as floats.

Worth it where products cost most, on processors that multiply bytes themselves.
"""

import math

from lexel.needs import torch
from lexel.shapes import Float, Int

LARGEST = 127  # of a byte
ROWS, SCORES = 512, 1 << 21  # at once, for each thread: 8 MB at most
TILE = 512  # codes; a tile is looked into where its best may be the nearest
DIGITS = 15  # of ½|c|² at most; beyond, codes differ so much in length that a byte says little about the short ones
CANDIDATES = 32  # a row, in the mean: with more, floats are as fast
ALIGNED = 4  # bytes that the processor multiplies at once: rows of whole ones are a tenth faster


class Screen:
    """A codebook in bytes.

    codes      float32 `[K, D]`, centred as the rows will be
    largest    number of the rows, in magnitude
    sharp      whether bytes say enough; if not, nothing else is there
    together   rows that are screened at once, at most
    """

    def __init__(self, codes: Float[torch.Tensor, "K D"], *, largest: float) -> None:
        self.width = codes.shape[1]
        step = float(codes.abs().amax()) / LARGEST or 1.0
        self.codes, self.step = codes, largest / LARGEST or 1.0  # of rows
        self.unit = self.step * step
        whole = (codes / step).round()
        self.wrong = float((codes - whole * step).norm(dim=1).max())  # |c − ĉ|
        self.length = float(whole.norm(dim=1).max()) * step  # |ĉ|
        self.half = codes.square().sum(dim=1) / 2
        self.middle = (self.half.amin() + self.half.amax()) / 2
        bias = ((self.middle - self.half) / self.unit).round()
        furthest = float(bias.abs().amax())
        self.sharp = furthest <= DIGITS * LARGEST**2  # not so where numbers are not finite
        if self.sharp:
            digits = math.ceil(furthest / LARGEST**2)
            self._lay(whole, bias, digits)

    def near(
        self, x: Float[torch.Tensor, "n D"], margin: Float[torch.Tensor, "n"]
    ) -> tuple[Int[torch.Tensor, "P"], Int[torch.Tensor, "P"]] | None:
        """Pairs of a row and a code that may be its nearest; None where so many may be that floats are faster.

        x        float32, centred as the codes; at most `together` rows
        margin   by how much a score may be wrong in float32
        """
        scaled = x / self.step
        rows, scores, whole = self.rows[: len(x)], self.scores[: len(x)], scaled.round().clamp_(-LARGEST, LARGEST)
        rows[:, : self.width] = whole
        torch._int_mm(rows, self.laid, out=scores)
        tiled = scores.view(len(x), -1, TILE)  # columns of tiles
        top = tiled.amax(dim=1)
        best = top.argmax(dim=1)
        first = tiled[torch.arange(len(x)), :, best].argmax(dim=1) * TILE + best
        first = first.where(first < len(self.codes), 0)
        known = (x * self.codes.index_select(0, first)).sum(dim=1) - self.half[first] + self.middle
        wrong = x.norm(dim=1) * self.wrong + (scaled - whole).norm(dim=1) * (self.step * self.length) + self.unit
        least = ((known - wrong - margin) / self.unit).floor().int()
        row, column = (top >= least[:, None]).nonzero(as_tuple=True)
        if len(row) > CANDIDATES * len(x):
            return None
        pair, tile = (tiled[row, :, column] >= least[row, None]).nonzero(as_tuple=True)
        row, code = row[pair], tile * TILE + column[pair]
        there = code < len(self.codes)
        return None if len(row) > CANDIDATES * len(x) else (row[there], code[there])

    def _lay(self, whole: Float[torch.Tensor, "K D"], bias: Float[torch.Tensor, "K"], digits: int) -> None:
        """Lay out what is multiplied, and the space for what comes out."""
        count = len(whole)
        width = -(-(self.width + digits + 1) // ALIGNED) * ALIGNED
        laid = whole.new_zeros((-(-count // TILE) * TILE, width), dtype=torch.int8)
        laid[:count, : self.width] = whole
        high = (bias / LARGEST).round()
        for place in range(digits):  # numbers of −127…127 whose sum is `high`
            laid[:count, self.width + place] = ((high + place) / digits).floor()
        laid[:count, self.width + digits] = bias - high * LARGEST
        laid[count:] = laid[0]  # a copy of a code changes no maximum
        self.laid = laid.mT
        self.together = max(16, min(ROWS, SCORES // len(laid))) * torch.get_num_threads()
        self.scores = laid.new_empty((self.together, len(laid)), dtype=torch.int32)
        self.rows = laid.new_zeros((self.together, width))
        self.rows[:, self.width : self.width + digits] = LARGEST
        self.rows[:, self.width + digits] = 1
