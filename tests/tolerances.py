"""What "equal" means for floats, one line a dtype: `max|a − b| ≤ tolerance · max(1, max|b|)`.

The bound is relative to the scale of the whole expected array, not to each number: a network's output of ±20 carries
rounding of that scale even where a single value is near zero.
"""

import numpy as np
from numpy.typing import ArrayLike

TOLERANCE = {
    "float64": 1e-12,
    "float32": 1e-5,
}


def close(a: ArrayLike, b: ArrayLike, *, dtype: str = "float32", tolerance: float | None = None) -> bool:
    """Whether `a` is the expected `b` up to the rounding of `dtype`, the coarser of the two, or to `tolerance`.

    Shapes must be equal, nothing may be NaN, and infinities must be at the same places.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or np.isnan(a).any() or np.isnan(b).any():
        return False
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite]):
        return False
    difference = np.abs(a[finite] - b[finite])
    return bool(difference.max(initial=0.0) <= (tolerance or TOLERANCE[dtype]) * np.abs(b[finite]).max(initial=1.0))
