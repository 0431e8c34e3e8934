"""Rows of a packed batch that a mask picks: how many in each segment, and at which place.

    mask                  1 0 1 │ 0 1 1 1           segments of 3 and 4 rows
    splits_where          0     2         5
    places of the picked  0   1     0 1 2

Written with operators and the primitives alone, so that they run on NumPy and on torch.
"""

from lexel.ragged.ops import repeat, segment_sum, splits_of
from lexel.shapes import Array, Bool, Int


def places(splits: Int[Array, "S1"]) -> Int[Array, "N"]:
    """The place of every row in its segment, from 0."""
    counts = splits[1:] - splits[:-1]
    place: Array = repeat(splits[:-1] * 0 + 1, counts).cumsum(0) - 1 - repeat(splits[:-1], counts)
    return place


def splits_where(mask: Bool[Array, "N"], splits: Int[Array, "S1"]) -> Int[Array, "S1"]:
    """The splits of the picked rows."""
    return splits_of(segment_sum(mask * 1, splits))
