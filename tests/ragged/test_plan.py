"""Plans against literal sums over their edges."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.ragged.plan import Plan

ONE = np.array([0, 6])


@st.composite
def plans(draw, splits_in=None):
    """Any plan: hard or soft, with overlaps, drops, pictures without tokens."""
    if splits_in is None:
        counts = draw(st.lists(st.integers(0, 6), max_size=4))
        splits_in = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    edges, splits_out = [], [0]
    for a, b in pairwise(splits_in):
        targets = draw(st.integers(0, int(b - a)))
        for target in range(splits_out[-1], splits_out[-1] + targets):
            rows = draw(st.sets(st.integers(int(a), int(b) - 1), min_size=1))
            edges += [(target, row) for row in sorted(rows)]
        splits_out.append(splits_out[-1] + targets)
    weight = np.array(draw(st.lists(st.integers(1, 4), min_size=len(edges), max_size=len(edges))), np.float32)
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    return Plan(pairs[:, 1], pairs[:, 0], draw(st.sampled_from([None, weight])), splits_in, np.array(splits_out))


def matrix(plan):
    """The plan as a dense [M, N] matrix of weights."""
    dense = np.zeros((plan.splits_out[-1], plan.splits_in[-1]))
    dense[plan.target, plan.source] = 1 if plan.weight is None else plan.weight
    return dense


def values(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)).astype(np.float32), rng.integers(1, 5, n).astype(np.float32)


@given(plans())
def test_means_and_masses_equal_the_dense_matrix(plan):
    x, mass = values(plan.splits_in[-1])
    share = matrix(plan) * mass
    np.testing.assert_allclose(plan.out_mass(mass), share.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(plan.mean(x, mass), share @ x / share.sum(axis=1, keepdims=True), atol=1e-5)


@given(plans())
def test_take_gives_the_heaviest_source_and_the_lowest_of_equal_ones(plan):
    _, mass = values(plan.splits_in[-1])
    rows = plan.take(np.arange(plan.splits_in[-1]), mass)
    assert rows.tolist() == (matrix(plan).astype(np.float32) * mass).argmax(axis=1).tolist() if len(rows) else True


@given(plans())
def test_union_is_the_smallest_box_around_the_sources(plan):
    boxes = np.random.default_rng(0).random((plan.splits_in[-1], 4)).astype(np.float32)
    for target, box in enumerate(plan.union(boxes)):
        mine = boxes[plan.source[plan.target == target]]
        assert box.tolist() == [*mine[:, :2].min(axis=0), *mine[:, 2:].max(axis=0)]


@given(st.data())
def test_two_plans_in_a_row_are_one_plan(data):
    first = data.draw(plans())
    second = data.draw(plans(splits_in=first.splits_out))
    both = first.then(second)
    np.testing.assert_allclose(matrix(both), matrix(second) @ matrix(first))
    x, mass = values(first.splits_in[-1])
    by_steps = second.mean(first.mean(x, mass), first.out_mass(mass))
    np.testing.assert_allclose(both.mean(x, mass), by_steps, atol=1e-5)
    keys = list(zip(both.target, both.source, strict=True))
    assert keys == sorted(set(keys))


def test_plans_of_other_tokens_do_not_compose():
    with pytest.raises(ValueError, match="starts from"):
        Plan.identity(ONE).then(Plan.identity(np.array([0, 5])))


@given(plans())
def test_scatter_gives_back_means_over_the_targets_of_a_token(plan):
    y = np.random.default_rng(1).normal(size=(plan.splits_out[-1], 2)).astype(np.float32)
    weight = matrix(plan).T
    total = weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(plan.scatter(y), weight @ y / np.where(total, total, 1), atol=1e-5)
    assert plan.dropped.tolist() == (total[:, 0] == 0).tolist()


def test_assign_drops_minus_one_and_sorts_edges():
    plan = Plan.assign(np.array([0, 1, 0, 2, 2, -1]), ONE, np.array([0, 3]))
    assert plan.source.tolist() == [0, 2, 1, 3, 4]
    assert plan.target.tolist() == [0, 0, 1, 2, 2]
    assert plan.dropped.tolist() == [False] * 5 + [True]
    assert plan.hard


def test_bytes_stay_bytes_where_nothing_may_join():
    bytes_ = np.arange(12, dtype=np.uint8).reshape(6, 2)
    kept = Plan.keep(np.arange(6) % 2 == 0, ONE)
    assert kept.mean(bytes_, np.ones(6, np.float32)).dtype == np.uint8
    joined = Plan.assign(np.arange(6), ONE, ONE)
    assert joined.mean(bytes_, np.ones(6, np.float32)).dtype == np.float32


def test_an_untouched_token_keeps_its_bits():
    x, mass = values(6)
    plan = Plan.assign(np.array([0, 1, 2, 3, 4, 4]), ONE, np.array([0, 5]))
    assert np.array_equal(plan.mean(x, mass)[:4], x[:4])


@given(plans())
def test_home_is_where_a_token_gives_most(plan):
    dense = matrix(plan)
    for token, home in enumerate(plan.home):
        column = dense[:, token]
        assert home == (column.argmax() if column.any() else -1)  # argmax: ties to the lowest
