"""Resize: a smaller raster of the same tokens. The second baseline that every cleverer selector has to beat.

    □ □ □ □ □        ▭ ▭ ▭
    □ □ □ □ □   →    ▭ ▭ ▭        each new token a bilinear mean, antialiased
    □ □ □ □ □

Paper      none; the down-sampling baseline of arXiv 2510.07143, where it beats many selectors
Kind       selector; not learned; inside a tower or after one
Needs      a raster
Cost       one pass over the tokens
Checked by test_resize_equals_pillows_bilinear, test_resize_gives_at_most_the_tokens_asked_for
"""

from dataclasses import dataclass

import numpy as np

from lexel.errors import BadArguments
from lexel.ragged.plan import Plan
from lexel.reducers._raster import raster_plan
from lexel.shapes import Array, Float
from lexel.tokens.protocols import Evidence, stage_text


@dataclass(frozen=True, repr=False)
class Resize:
    """Bilinear means of the raster (triangle filter of Pillow and PyTorch with antialias).

    resize(tokens)       the largest raster of the same aspect with at most that many tokens
    resize(rows, cols)   that raster; sides that are already smaller stay

    The masses of a picture whose tokens weigh the same add up to what they were. Tokens that are no regions stay,
    before the raster, and are not counted. Raises `BadArguments` for numbers below 1 and for tokens that lie on no
    raster.

        patch(16) of 224 × 224 | resize(49)   →  7 × 7 tokens
    """

    tokens: int
    cols: int | None = None

    needs = frozenset[str]()
    __repr__ = stage_text

    def __post_init__(self) -> None:
        if any(not isinstance(side, int) or side < 1 for side in (self.tokens, self.cols or 1)) or self.cols == 0:
            raise BadArguments(f"{self!r}: rows, columns and tokens are whole numbers from 1")

    def plan(self, evidence: Evidence) -> Plan:
        """The same weights for every picture of one size."""

        def weights(h: int, w: int) -> tuple[Float[Array, "rows h"], Float[Array, "cols w"]]:
            rows, cols = _raster(h, w, self.tokens) if self.cols is None else (self.tokens, self.cols)
            return _triangle(h, min(rows, h)), _triangle(w, min(cols, w))

        return raster_plan(self, evidence, weights)


def _raster(h: int, w: int, tokens: int) -> tuple[int, int]:
    """The raster of at most `tokens` cells whose aspect is nearest to h : w."""
    if h * w <= tokens:
        return h, w
    rows = max(1, min(h, tokens, round((tokens * h / w) ** 0.5)))
    return rows, min(w, tokens // rows)


def _triangle(length: int, count: int) -> Float[Array, "count length"]:
    """Weights of the antialiased triangle filter; each row sums to length / count, the mass of its token."""
    scale = length / max(count, 1)
    centre = (np.arange(count)[:, None] + 0.5) * scale
    weight = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centre) / max(scale, 1))
    weight *= scale / weight.sum(axis=1, keepdims=True)
    return weight.astype(np.float32)
