"""Average pooling: neighbours on the raster become one token.

    □ □ □ □        ┌───┬───┐
    □ □ □ □        │   │   │
    □ □ □ □   →    ├───┼───┤        pool(2): windows of 2 × 2
    □ □ □ □        └───┴───┘

Paper      the pooling of LLaVA-OneVision and of Gemma 3 (arXiv 2408.03326, 2503.19786); adaptive windows as in
           PyTorch's adaptive_avg_pool2d
Kind       selector; not learned; inside a tower or after one
Needs      a raster
Cost       one pass over the tokens
Checked by test_pool_equals_means_of_windows, test_adaptive_pool_equals_the_literal_windows
"""

from dataclasses import dataclass

import numpy as np

from lexel.errors import BadArguments
from lexel.ragged.plan import Plan
from lexel.reducers._raster import raster_plan
from lexel.shapes import Array, Float
from lexel.tokens.protocols import Evidence, stage_text


@dataclass(frozen=True, repr=False)
class Pool:
    """Means by mass over windows of the raster.

    pool(window)       windows of window × window; at the right and lower edge what is left of one
    pool(rows, cols)   that many windows a picture: window i of n reaches from ⌊i·h/n⌋ to ⌈(i+1)·h/n⌉, as published.
                       Where n does not divide the raster, windows overlap, and a token that is in two of them
                       counts in both masses

    Tokens that are no regions stay, before the raster. Raises `BadArguments` for numbers below 1 and for tokens that
    lie on no raster.

        patch(14) of 336 × 336 | pool(2)   →  576 tokens become 144
    """

    rows: int
    cols: int | None = None

    needs = frozenset[str]()
    __repr__ = stage_text

    def __post_init__(self) -> None:
        if any(not isinstance(side, int) or side < 1 for side in (self.rows, self.cols or 1)) or self.cols == 0:
            raise BadArguments(f"{self!r}: windows are whole numbers from 1")

    def plan(self, evidence: Evidence) -> Plan:
        """The same windows for every picture of one size."""
        if self.cols is None:
            return raster_plan(self, evidence, lambda h, w: (_windows(h, self.rows), _windows(w, self.rows)))
        rows, cols = self.rows, self.cols
        return raster_plan(self, evidence, lambda h, w: (_adaptive(h, rows), _adaptive(w, cols)))


def _windows(length: int, window: int) -> Float[Array, "n length"]:
    """Membership of each cell in each window along one side."""
    start = np.arange(-(-length // window))[:, None] * window
    cell = np.arange(length)
    return ((start <= cell) & (cell < start + window)).astype(np.float32)


def _adaptive(length: int, count: int) -> Float[Array, "n length"]:
    """As `_windows`, for so many windows; never more than there are cells."""
    count = min(count, length)
    i, cell = np.arange(count)[:, None], np.arange(length)
    return ((i * length // count <= cell) & (cell < -(-(i + 1) * length // count))).astype(np.float32)
