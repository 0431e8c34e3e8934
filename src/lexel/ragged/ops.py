"""The six segment primitives under one name each; the value given decides who computes.

    segment_sum  segment_max  segment_argsort  segment_match  take  repeat

and four small things that plans are built with: `splits_of`, `bounds`, `host`, `like`. Selectors import from here
and never ask which library holds their arrays. torch is loaded by the first tensor that somebody brings.
"""

from types import ModuleType

import numpy as np

from lexel.ragged import numpy_ops
from lexel.shapes import Array, Float, Int, Num, Shaped


def segment_sum(x: Num[Array, "N *rest"], splits: Int[Array, "S1"]) -> Num[Array, "S *rest"]:
    """Sum the rows of each segment; an empty segment sums to 0."""
    total: Array = _library(x).segment_sum(x, splits)
    return total


def segment_max(x: Num[Array, "N"], splits: Int[Array, "S1"]) -> tuple[Num[Array, "S"], Int[Array, "S"]]:
    """The largest value of each segment and its row, of equal ones the lowest; (lowest of the dtype, −1) if empty."""
    best: tuple[Array, Array] = _library(x).segment_max(x, splits)
    return best


def segment_argsort(x: Num[Array, "N"], splits: Int[Array, "S1"], *, descending: bool = False) -> Int[Array, "N"]:
    """Rows in the order of their values inside each segment; equal values keep their order both ways."""
    order: Array = _library(x).segment_argsort(x, splits, descending=descending)
    return order


def segment_match(
    a: Float[Array, "Na D"], a_splits: Int[Array, "S1"], b: Float[Array, "Nb D"], b_splits: Int[Array, "S1"]
) -> tuple[Float[Array, "Na"], Int[Array, "Na"]]:
    """For each row of `a`, the row of `b` in the same segment with the largest dot product: (score, row).

    Where the segment has no row in `b` the score is −inf and the row −1. Ties: lowest row.
    """
    match: tuple[Array, Array] = _library(a).segment_match(a, a_splits, b, b_splits)
    return match


def take(x: Shaped[Array, "N *rest"], rows: Int[Array, "E"]) -> Shaped[Array, "E *rest"]:
    """Rows of `x`, in the order asked for."""
    taken: Array = _library(x).take(x, rows)
    return taken


def repeat(x: Shaped[Array, "S *rest"], counts: Int[Array, "S"]) -> Shaped[Array, "N *rest"]:
    """Row s of `x`, `counts[s]` times: spreads a value a segment over its rows."""
    spread: Array = _library(x).repeat(x, counts)
    return spread


def splits_of(counts: Int[Array, "S"]) -> Int[Array, "S1"]:
    """Where segments of so many rows begin and end: [3, 2] → [0, 3, 5]."""
    splits: Array = _library(counts).splits_of(counts)
    return splits


def bounds(owners: Int[Array, "N"], count: int) -> Int[Array, "S1"]:
    """The splits of rows that are sorted by their owner, 0 to `count` − 1: [0, 0, 2], 3 → [0, 2, 2, 3]."""
    splits: Array = _library(owners).bounds(owners, count)
    return splits


def host(x: Shaped[Array, "*any"]) -> Shaped[Array, "*any"]:
    """The same array in NumPy; shares memory where it lies there already."""
    array: Array = _library(x).host(x)
    return array


def like(x: Shaped[Array, "*any"], model: Shaped[Array, "*others"]) -> Shaped[Array, "*any"]:
    """A NumPy array as the library and device of `model` have it; the dtype stays."""
    array: Array = _library(model).like(x, model)
    return array


def _library(x: object) -> ModuleType:
    if isinstance(x, np.ndarray):
        return numpy_ops
    from lexel.ragged import torch_ops

    return torch_ops
