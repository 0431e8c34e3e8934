"""Frequencies of levels: those that the rasters of training have, leaning on shorter contexts."""

import numpy as np
from measures.test_coding import LEVELS, smooth

from lexel.measures.coding import Tables
from lexel.measures.levels import LEAN, ONE, RARE, Levels


def test_levels_are_counted_by_what_was_expected_and_lean_on_all():
    raster = smooth(6, (6, 7))
    levels = Levels.fit([raster], LEVELS)
    cells = levels.spelling.spelled(raster)
    for d, (size, table) in enumerate(zip(LEVELS, levels.frequencies, strict=True)):
        contexts = zip(*levels.prediction.contexts(cells, d, cells.all), strict=True)
        seen = [((int(c), int(s)), int(x)) for (c, s), x in zip(contexts, cells.symbol(cells.all, d), strict=True)]
        for context in np.ndindex(table.shape[:-1]):
            assert (table[context] == counted(seen, context, size)).all()


def counted(seen, context, size):
    """Frequencies of (context, symbol) pairs in one context, as they are defined."""
    share = np.full(size, 1 / size)
    for depth in range(len(context) + 1):
        count = np.bincount([s for c, s in seen if c[:depth] == context[:depth]], minlength=size)
        share = (count + LEAN * share) / (count.sum() + LEAN)
    return np.maximum(np.rint(share / share.max() * ONE), max(1, RARE // size))


def test_no_raster_takes_fewer_bits_than_the_least():
    levels = Levels.fit([np.zeros((30, 30), int)], LEVELS)
    certain = np.zeros((9, 8), int)
    assert 0 < levels.least * certain.size <= Tables(levels).bits(certain) < 0.2 * certain.size
