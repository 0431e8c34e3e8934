"""K-means on bytes, in whole numbers: the nearest row, a start, and one round.

Sums and products of bytes are exact in floating point while they are small enough, so that the result depends neither
on the order in which a library adds nor on the machine.
"""

import numpy as np

from lexel.ragged.ops import segment_match, segment_sum
from lexel.shapes import Array, Float, Int, UInt8

BATCHES = 8  # of codes drawn together at the start


def nearest(x: UInt8[Array, "N D"], codebook: UInt8[Array, "K D"]) -> tuple[Int[Array, "N"], Float[Array, "N"]]:
    """The nearest row of the codebook for each row of `x`, and the squared distance to it. Ties: the lowest.

    |x − c|² = |x|² − 2·(x·c − ½|c|²): the largest product of [x, 1] and [c, −½|c|²], which no N × K matrix in memory
    is needed for. Around 128 all these numbers are whole halves that the chosen float holds exactly, in any order of
    adding them up.
    """
    float_ = np.float32 if x.shape[1] <= 341 else np.float64  # 2·D·(128² + ½·128²) < 2²⁴
    rows, codes = x.astype(float_) - 128, codebook.astype(float_) - 128
    rows = np.column_stack([rows, np.ones(len(rows), float_)])
    codes = np.column_stack([codes, np.square(codes).sum(axis=1) / -2])
    score, code = segment_match(rows, np.array([0, len(x)]), codes, np.array([0, len(codebook)]))
    return code, np.square(rows[:, :-1]).sum(axis=1) - 2 * score


def start(x: UInt8[Array, "N D"], count: int, rng: np.random.Generator) -> UInt8[Array, "K D"]:
    """Rows of `x` to begin with: each drawn in proportion to the squared distance from those drawn before.

    k-means++ in eight draws of many instead of `count` of one: equally good after a round, and many times faster.
    """
    chosen = x[rng.integers(len(x), size=1)]
    distance = nearest(x, chosen)[1].astype(np.float64)
    while len(chosen) < count:
        more = min(-(-count // BATCHES), count - len(chosen))
        drawn = np.searchsorted(np.cumsum(distance), rng.random(more) * distance.sum(), side="right")
        fresh = x[np.minimum(drawn, len(x) - 1)]
        chosen = np.concatenate([chosen, fresh])
        distance = np.minimum(distance, nearest(x, fresh)[1])
    return chosen


def lloyd(x: UInt8[Array, "N D"], codebook: UInt8[Array, "K D"]) -> UInt8[Array, "K D"]:
    """One round: every code becomes the mean of the rows nearest to it, halves rounded up.

    Codes that no row is nearest to become the rows that are farthest from theirs.
    """
    code, distance = nearest(x, codebook)
    count = np.bincount(code, minlength=len(codebook))
    splits = np.concatenate(([0], np.cumsum(count)))
    total = segment_sum(x[np.argsort(code, kind="stable")].astype(np.int64), splits)
    means: Array = ((2 * total + count[:, None]) // np.maximum(2 * count[:, None], 1)).astype(np.uint8)
    empty = np.flatnonzero(count == 0)
    means[empty] = x[np.argsort(-distance, kind="stable")[: len(empty)]]
    return means
