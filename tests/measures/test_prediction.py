"""What a level is judged by: the literal sums, and weights that least squares gives."""

import numpy as np
import pytest
from measures.test_coding import LEVELS, smooth

from lexel.measures.contexts import Spelling
from lexel.measures.prediction import CLASSES, PARTS, RIDGE, UNIT, Prediction

BEFORE = [(0, -1), (-1, 0), (-1, 1), (-1, -1)]
AFTER = [(0, 1), (1, 0), (1, 1), (1, -1)]
SPELLING = Spelling(LEVELS, tuple(level // 2 for level in LEVELS))


@pytest.fixture(scope="module")
def cells():
    return SPELLING.spelled(smooth(0, (9, 11)))


@pytest.fixture(scope="module")
def prediction(cells):
    return Prediction.fit([cells, SPELLING.spelled(smooth(1))], LEVELS)


def literal(cells, d, row, column):
    """What level `d` of a cell is told by: the features of its centre, and of its spread."""
    height, width, count = cells.inside.shape

    def level(offset, e):
        r, c = row + offset[0], column + offset[1]
        known = e < d or (e == d and offset in BEFORE)
        inside = 0 <= r < height and 0 <= c < width
        return int(cells.inside[r, c, e]) - LEVELS[e] // 2 if inside and known else 0

    each = range(count)
    centre = [level(offset, e) for offset in [*BEFORE, (0, 0), *AFTER] for e in each] + [1]
    left, up, upper_right, upper_left = BEFORE
    pairs = [(left, upper_left), (up, upper_left), (upper_right, up), (left, up)]
    spread = [abs(level(a, e) - level(b, e)) for a, b in pairs for e in each]
    spread += [abs(level(offset, e)) for offset in (left, up) for e in each]
    spread += [abs(level((0, 0), e) - level(offset, e)) if e < d else 0 for offset in (left, up) for e in each]
    return centre, [*spread, 1]


def test_contexts_are_the_literal_sums(cells, prediction):
    for d, size in enumerate(LEVELS):
        at = cells.all
        centres, spreads = prediction.contexts(cells, d, at)
        for i, (row, column) in enumerate(at.T.tolist()):
            centre, spread = literal(cells, d, row, column)
            expected = sum(a * int(b) for a, b in zip(centre, prediction.centre[d], strict=True)) // UNIT
            assert centres[i] == min(max(expected, 0), (size - 1) * PARTS)
            wide = sum(a * int(b) for a, b in zip(spread, prediction.spread[d], strict=True))
            assert spreads[i] == sum(bound < wide for bound in prediction.bounds[d].tolist())


def test_weights_are_those_of_least_squares(cells):
    found = Prediction.fit([cells], LEVELS)
    for d, size in enumerate(LEVELS):
        rows = [literal(cells, d, row, column) for row, column in cells.all.T.tolist()]
        level = cells.inside[..., d].reshape(-1) - size // 2
        weights = ridge(np.array([centre for centre, _ in rows], float), level)
        expected = np.rint(weights * PARTS * UNIT)
        expected[-1] += size // 2 * PARTS * UNIT + UNIT // 2
        assert np.abs(found.centre[d] - expected).max() <= 1
        off = np.abs(level - np.array([centre for centre, _ in rows]) @ weights)
        assert np.abs(found.spread[d] - np.rint(ridge(np.array([s for _, s in rows], float), off) * UNIT)).max() <= 1


def ridge(x, y):
    """Least squares with a little of every weight counted as an error."""
    lifted = np.concatenate([x, np.sqrt(RIDGE) * np.eye(x.shape[1])])
    return np.linalg.lstsq(lifted, np.concatenate([y, np.zeros(x.shape[1])]), rcond=None)[0]


def test_classes_of_spreads_hold_about_equally_many(prediction):
    cells = SPELLING.spelled(smooth(1))
    _, spreads = prediction.contexts(cells, 2, cells.all)
    assert np.bincount(spreads, minlength=CLASSES).max() < 3 * spreads.size / CLASSES


def test_smooth_levels_are_predicted_well(prediction):
    cells = SPELLING.spelled(smooth(2))
    centre, _ = prediction.contexts(cells, 0, cells.all)
    level = cells.symbol(cells.all, 0)
    assert np.abs(centre / PARTS - level).mean() < 0.8 * np.abs(np.median(level) - level).mean()
