"""What a level is expected to be, from all levels around it that are known: a centre, and how far off it may be.

    ┌────┬────┬────┐     all nine cells   the levels before this one: a level is coded in all cells before the next
    │ ul │ up │ ur │     the four before   this level, too
    ├────┼────┼────┤
    │ le │ ▓▓ │ ░░ │     centre   a weighted sum of these, in eighths of a level
    ├────┼────┼────┤     spread   a weighted sum of how much they differ among themselves, in eight classes
    │ ░░ │ ░░ │ ░░ │
    └────┴────┴────┘

Weights are those of least squares, of the level and of its error. They are kept and applied as whole numbers: every
machine finds the same contexts. On codes of photographs this takes a quarter less than tables of the left and the upper
level do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexel.measures.contexts import AFTER, BEFORE, HERE, LEFT, UP, UPPER_LEFT, UPPER_RIGHT, Cells
from lexel.shapes import Array, Bool, Float, Int, Num

AROUND = np.array([*BEFORE, HERE, *AFTER])
PARTS = 8  # of a level: how finely the centre is told
CLASSES = 8  # of spreads, about equally many symbols in each
UNIT = 1 << 12  # of a weight
RIDGE = 10.0  # keeps weights of what hardly varies small


@dataclass(frozen=True, eq=False)
class Prediction:
    """Weights for each of D levels.

    sizes    how many each level can be
    centre   int32 `[D, 9·D + 1]`, in units of 2⁻¹² eighths of a level; the last is added to the sum
    spread   int32 `[D, 8·D + 1]`, in units of 2⁻¹² levels
    bounds   int64 `[D, 7]`, rising: where the classes of spreads part
    """

    sizes: tuple[int, ...]
    centre: Num[Array, "D F"]
    spread: Num[Array, "D G"]
    bounds: Num[Array, "D C"]

    @classmethod
    def fit(cls, seen: Sequence[Cells], sizes: tuple[int, ...]) -> "Prediction":
        """Of the levels of training pictures."""
        count = len(sizes)
        blank = cls(
            sizes,
            np.zeros((count, len(AROUND) * count + 1), np.int32),
            np.zeros((count, 8 * count + 1), np.int32),
            np.zeros((count, CLASSES - 1), np.int64),
        )
        windows = [blank._window(cells, cells.all) for cells in seen]
        around = [with_one(window).astype(np.int16) for window in windows]
        unrest = [with_one(_unrest(window)).astype(np.int16) for window in windows]
        for d, size in enumerate(sizes):
            coded = np.arange(count) < d  # in all cells; level d itself in the cells before
            before = np.arange(count) <= d
            centred = [cells.symbol(cells.all, d) - size // 2 for cells in seen]
            allowed = np.append(np.concatenate([before] * len(BEFORE) + [coded] * (1 + len(AFTER))), True)
            weights = least_squares(around, centred, allowed)
            off = [np.abs(level - x @ weights) for x, level in zip(around, centred, strict=True)]
            blank.centre[d] = np.rint(weights * PARTS * UNIT)
            blank.centre[d, -1] += size // 2 * PARTS * UNIT + UNIT // 2  # from 0 on, and rounded
            allowed = np.append(np.concatenate([before] * 6 + [coded] * 2), True)
            blank.spread[d] = np.rint(least_squares(unrest, off, allowed) * UNIT)
            spreads = [x.astype(np.int64) @ blank.spread[d] for x in unrest]
            if total := np.concatenate([np.zeros(0, np.int64), *spreads]).size:
                at = np.arange(1, CLASSES) * total // CLASSES
                blank.bounds[d] = np.sort(np.concatenate(spreads))[at]
        return blank

    def shape(self, d: int) -> tuple[int, ...]:
        """How many centres and spreads level `d` has."""
        return (self.sizes[d] - 1) * PARTS + 1, CLASSES

    def contexts(self, cells: Cells, d: int, at: Int[Array, "2 N"]) -> tuple[Int[Array, "N"], ...]:
        """Centre and spread of level `d` in the cells `at` (rows, columns)."""
        window = self._window(cells, at)
        centre = with_one(window) @ self.centre[d].astype(np.int64) // UNIT
        spread = with_one(_unrest(window)) @ self.spread[d].astype(np.int64)
        return centre.clip(0, (self.sizes[d] - 1) * PARTS), np.searchsorted(self.bounds[d], spread)

    def _window(self, cells: Cells, at: Int[Array, "2 N"]) -> Int[Array, "N 9 D"]:
        """All levels around, as distances from the middle one."""
        window: Array = cells.around(at, AROUND) - np.array(self.sizes) // 2
        return window


def _unrest(window: Int[Array, "N 9 D"]) -> Int[Array, "N 8 D"]:
    """How much the levels around differ; the last two are of this cell."""
    upper_left, up, upper_right, left, here = (
        window[:, BEFORE.index(o) if o in BEFORE else len(BEFORE)] for o in (UPPER_LEFT, UP, UPPER_RIGHT, LEFT, HERE)
    )
    pairs = (left - upper_left, up - upper_left, upper_right - up, left - up, left, up, here - left, here - up)
    differences: Array = np.abs(np.stack(pairs, axis=1))
    return differences


def with_one(x: Num[Array, "N P D"]) -> Num[Array, "N F"]:
    """All numbers of a window as one row, and a one: its weight is what is added."""
    flat = x.reshape(len(x), x.shape[1] * x.shape[2])
    return np.concatenate([flat, np.ones((len(x), 1), flat.dtype)], axis=1)


def least_squares(
    rows: Sequence[Num[Array, "_ F"]], wanted: Sequence[Num[Array, "_ *T"]], allowed: Bool[Array, "F"] | None = None
) -> Float[Array, "F *T"]:
    """Weights that are 0 where nothing may be known. `allowed` may be left out where there are rows."""
    if allowed is None:
        allowed = np.ones(rows[0].shape[1], bool)
    count = int(allowed.sum())
    square: Array = RIDGE * np.eye(count)
    product: Array = np.zeros((count, *(wanted[0].shape[1:] if wanted else ())))
    for some, want in zip(rows, wanted, strict=True):
        x = some[:, allowed].astype(np.float64)
        square += x.T @ x
        product += x.T @ want
    weights = np.zeros((len(allowed), *product.shape[1:]))
    weights[allowed] = np.linalg.solve(square, product)
    return weights
