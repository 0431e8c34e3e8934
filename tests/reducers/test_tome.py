"""ToMe against the published steps, written out one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Evidence


def evidence(counts, protected=(), seed=0, width=8):
    """Random keys; `protected` are the places in each picture that are no regions."""
    splits = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rng = np.random.default_rng(seed)
    kind = np.full(splits[-1], Kind.REGION, np.int8)
    for start, count in zip(splits, counts, strict=False):
        kind[[start + place for place in protected if place < count]] = Kind.CLASS
    return Evidence(
        splits=splits,
        mass=rng.integers(1, 4, splits[-1]).astype(np.float32),
        kind=kind,
        grid=np.zeros((len(counts), 2), np.int64),
        keys=rng.normal(size=(splits[-1], width)).astype(np.float32),
    )


def literal(keys, r, *, class_token=False, distill_token=False):
    """The published steps for one picture: groups of sources, in the order of the output."""
    n = len(keys)
    protected = class_token + distill_token
    r = min(r, (n - protected) // 2)
    if r <= 0:
        return [[i] for i in range(n)]
    metric = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    a, b = list(range(0, n, 2)), list(range(1, n, 2))
    scores = np.array([[metric[i] @ metric[j] for j in b] for i in a])
    if class_token:
        scores[0, :] = -np.inf
    if distill_token:
        scores[:, 0] = -np.inf
    best = scores.max(axis=1)
    partner = scores.argmax(axis=1)
    order = sorted(range(len(a)), key=lambda i: -best[i])
    merged, unmerged = order[:r], order[r:]
    if class_token:
        unmerged = sorted(unmerged)
    groups = {j: [j] for j in b}
    for i in merged:
        groups[b[partner[i]]].append(a[i])
    first = [[a[i]] for i in unmerged]
    rest = [sorted(groups[j]) for j in b]
    return [first[0], rest[0], *first[1:], *rest[1:]] if distill_token else first + rest


def groups(plan, picture=0):
    low, high = plan.splits_out[picture], plan.splits_out[picture + 1]
    start = plan.splits_in[picture]
    return [(plan.source[plan.target == target] - start).tolist() for target in range(low, high)]


@given(st.integers(0, 20), st.integers(0, 12), st.integers(0, 5))
def test_tome_equals_the_literal_steps(n, r, seed):
    given = evidence([n], seed=seed)
    assert groups(ToMe(r=r).plan(given)) == literal(given.keys, r)


@given(st.integers(1, 20), st.integers(0, 12), st.integers(0, 5))
def test_tome_equals_the_literal_steps_with_a_class_token(n, r, seed):
    given = evidence([n], protected=(0,), seed=seed)
    assert groups(ToMe(r=r).plan(given)) == literal(given.keys, r, class_token=True)


@given(st.integers(2, 20), st.integers(0, 12), st.integers(0, 5))
def test_tome_equals_the_literal_steps_with_a_distillation_token(n, r, seed):
    given = evidence([n], protected=(0, 1), seed=seed)
    assert groups(ToMe(r=r).plan(given)) == literal(given.keys, r, class_token=True, distill_token=True)


@given(st.lists(st.integers(0, 12), max_size=4), st.integers(1, 6))
def test_a_batch_equals_its_pictures_one_by_one(counts, r):
    batch = evidence(counts)
    plan = ToMe(r=r).plan(batch)
    for b in range(len(counts)):
        rows = slice(batch.splits[b], batch.splits[b + 1])
        assert groups(plan, b) == literal(batch.keys[rows], r)


def test_layers_in_a_row_equal_the_literal_steps_in_a_row():
    given = evidence([50], protected=(0,))
    keys, sources = given.keys, [[i] for i in range(50)]
    splits, whole = given.splits, None
    for _ in range(6):
        layer = Evidence(splits, np.ones(len(keys), np.float32), given.kind[: len(keys)], given.grid, keys)
        plan = ToMe(r=7).plan(layer)
        steps = literal(keys, 7, class_token=True)
        sources = [sorted(s for place in group for s in sources[place]) for group in steps]
        keys = np.stack([keys[group].mean(axis=0) for group in steps])
        splits, whole = plan.splits_out, plan if whole is None else whole.then(plan)
    assert groups(whole) == sources


def test_tome_with_r_zero_changes_nothing():
    given = evidence([5, 0, 3])
    plan = ToMe(r=0).plan(given)
    assert plan.source.tolist() == plan.target.tolist() == list(range(8))
    assert not plan.joins


def test_tome_keeps_protected_tokens_apart():
    given = evidence([9], protected=(0, 3, 4, 8))
    plan = ToMe(r=9).plan(given)
    assert [group for group in groups(plan) if set(group) & {0, 3, 4, 8}] == [[0], [3], [4], [8]]


def test_equal_tokens_merge_from_the_lowest_place():
    given = evidence([6])
    given.keys[:] = 1
    assert groups(ToMe(r=2).plan(given)) == [[4], [0, 1, 2], [3], [5]]


def test_r_is_a_whole_number_from_zero(unchecked_shapes):
    for r in (-1, 0.5):
        with pytest.raises(BadArguments, match="whole number"):
            ToMe(r=r)
