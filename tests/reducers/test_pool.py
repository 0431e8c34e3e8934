"""Pooling against literal windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.reducers.pool import Pool
from lexel.tokens.protocols import Evidence
from tests.tokens.test_value import on_grids, with_class

side = st.integers(1, 7)


def pooled(tokens, pool):
    return tokens.apply(pool.plan(Evidence.of(tokens)))


@given(side, side, st.integers(1, 4))
def test_pool_equals_means_of_windows(h, w, window):
    tokens = on_grids((h, w))
    result = pooled(tokens, Pool(window)).grid(0)
    raster = tokens.grid(0)
    for i, row in enumerate(result):
        for j, cell in enumerate(row):
            mine = raster[i * window : (i + 1) * window, j * window : (j + 1) * window].reshape(-1, 3)
            np.testing.assert_allclose(cell, mine.mean(axis=0), rtol=1e-5)
    assert result.shape[:2] == (-(-h // window), -(-w // window))


@given(side, side, side, side)
def test_adaptive_pool_equals_the_literal_windows(h, w, rows, cols):
    tokens = on_grids((h, w))
    result = pooled(tokens, Pool(rows, cols)).grid(0)
    raster, rows, cols = tokens.grid(0), min(rows, h), min(cols, w)
    for i in range(rows):
        for j in range(cols):
            y, x = slice(i * h // rows, -(-(i + 1) * h // rows)), slice(j * w // cols, -(-(j + 1) * w // cols))
            np.testing.assert_allclose(result[i, j], raster[y, x].reshape(-1, 3).mean(axis=0), rtol=1e-5)
    assert result.shape[:2] == (rows, cols)


@given(side, side, st.integers(1, 4))
def test_windows_conserve_mass(h, w, window):
    tokens = on_grids((h, w), (w, h))
    assert pooled(tokens, Pool(window)).mass.sum() == tokens.mass.sum()


def test_class_tokens_stay_before_the_raster():
    tokens = with_class(on_grids((2, 4), (4, 2)))
    result = pooled(tokens, Pool(2))
    assert result.kind.tolist() == [1, 0, 0, 1, 0, 0]
    assert result.pictures.grids.tolist() == [[1, 2], [2, 1]]
    assert result.data[0].tolist() == tokens.data[0].tolist()


def test_tokens_on_no_raster_are_refused():
    tokens = on_grids((2, 2))
    with pytest.raises(BadArguments, match="raster"):
        pooled(tokens.where(tokens.data[:, 0] > 0), Pool(2))


def test_windows_are_whole_numbers_from_one(unchecked_shapes):
    for arguments in ((0,), (2, 0), (1.5,)):
        with pytest.raises(BadArguments, match="from 1"):
            Pool(*arguments)
