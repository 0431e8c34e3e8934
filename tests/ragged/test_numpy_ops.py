"""Each primitive against its literal loop, empty segments and N = 0 included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.ragged import numpy_ops as ops
from lexel.ragged.groups import places, splits_where

counts = st.lists(st.integers(0, 6) | st.just(40), max_size=6)


def packed(counts, width=None, seed=0, ties=False):
    splits = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rng = np.random.default_rng(seed)
    shape = (splits[-1],) if width is None else (splits[-1], width)
    return (rng.integers(0, 3, shape) if ties else rng.normal(size=shape)).astype(np.float32), splits


@given(counts, st.booleans())
def test_segment_sum_equals_the_loop(counts, wide):
    x, splits = packed(counts, 3 if wide else None)
    loop = [x[a:b].sum(axis=0) for a, b in pairwise(splits)]
    np.testing.assert_allclose(ops.segment_sum(x, splits), np.array(loop).reshape(len(counts), *x.shape[1:]), atol=1e-5)


@given(counts)
def test_segment_sum_of_integers_is_exact(counts):
    x, splits = packed(counts, ties=True)
    x = x.astype(np.int64)
    assert ops.segment_sum(x, splits).tolist() == [x[a:b].sum() for a, b in pairwise(splits)]


@given(counts, st.booleans())
def test_segment_max_answers_the_lowest_row_of_equal_values(counts, ties):
    x, splits = packed(counts, ties=ties)
    value, row = ops.segment_max(x, splits)
    for s, (a, b) in enumerate(pairwise(splits)):
        assert (value[s], row[s]) == ((x[a:b].max(), a + x[a:b].argmax()) if b > a else (-np.inf, -1))


@given(counts, st.booleans(), st.booleans())
def test_segment_argsort_is_stable_both_ways(counts, ties, descending):
    x, splits = packed(counts, ties=ties)
    loop = [
        a + row
        for a, b in pairwise(splits)
        for row in sorted(range(b - a), key=lambda i: -x[a + i] if descending else x[a + i])
    ]
    assert ops.segment_argsort(x, splits, descending=descending).tolist() == loop


@given(counts, st.data(), st.booleans())
def test_segment_match_equals_the_loop(a_counts, data, ties):
    b_counts = data.draw(st.lists(st.integers(0, 5), min_size=len(a_counts), max_size=len(a_counts)))
    (a, a_splits), (b, b_splits) = packed(a_counts, 4, ties=ties), packed(b_counts, 4, seed=1, ties=ties)
    score, row = ops.segment_match(a, a_splits, b, b_splits)
    for s in range(len(a_counts)):
        for i in range(a_splits[s], a_splits[s + 1]):
            mine = b[b_splits[s] : b_splits[s + 1]]
            if len(mine) == 0:
                assert (score[i], row[i]) == (-np.inf, -1)
            elif ties:
                assert row[i] == b_splits[s] + (mine @ a[i]).argmax()
            else:
                assert score[i] == pytest.approx((mine @ a[i]).max(), abs=1e-5)
                assert mine[row[i] - b_splits[s]] @ a[i] == pytest.approx(score[i], abs=1e-5)


def test_segment_match_works_through_blocks(monkeypatch):
    (a, a_splits), (b, b_splits) = packed([40, 40], 4), packed([40, 6], 4, seed=1)
    whole = ops.segment_match(a, a_splits, b, b_splits)
    monkeypatch.setattr(ops, "BLOCK", 100)
    blocks = ops.segment_match(a, a_splits, b, b_splits)
    assert np.array_equal(whole[1], blocks[1])


@given(counts)
def test_places_count_from_zero_in_each_segment(counts):
    assert places(packed(counts)[1]).tolist() == [i for n in counts for i in range(n)]


@given(counts)
def test_splits_where_counts_the_picked_rows(counts):
    x, splits = packed(counts)
    picked = splits_where(x > 0, splits)
    assert np.diff(picked).tolist() == [(x[a:b] > 0).sum() for a, b in pairwise(splits)]
