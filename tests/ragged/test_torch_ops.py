"""On torch the primitives, the plans and the selectors answer what they answer on NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from contracts.examples import built, examples
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close

from lexel.contracts.making import make_tokens
from lexel.ragged import numpy_ops, ops, torch_ops
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence

counts = st.lists(st.integers(0, 5), max_size=4)


def packed(counts, *rest, seed=0):
    """Whole numbers, so that ties are many and sums exact."""
    splits = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return np.random.default_rng(seed).integers(-3, 4, (splits[-1], *rest)).astype(np.float32), splits


def both(name, *arrays, **options):
    """What NumPy and torch answer, the latter in NumPy."""
    theirs = getattr(ops, name)(*(torch.tensor(x) if isinstance(x, np.ndarray) else x for x in arrays), **options)
    ours = getattr(ops, name)(*arrays, **options)
    if isinstance(ours, tuple):
        return ours, tuple(x.numpy() for x in theirs)
    return (ours,), (theirs.numpy(),)


def equal(pair):
    ours, theirs = pair
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@given(counts, st.integers(0, 3))
def test_segments_are_summed_maximised_and_sorted_as_on_numpy(counts, seed):
    x, splits = packed(counts, seed=seed)
    rows, _ = packed(counts, 3, seed=seed)
    assert equal(both("segment_sum", x, splits))
    assert equal(both("segment_sum", rows, splits))
    assert equal(both("segment_sum", x.astype(np.int64), splits))
    assert equal(both("segment_max", x, splits))
    assert equal(both("segment_max", x.astype(np.int64), splits))
    assert equal(both("segment_argsort", x, splits))
    assert equal(both("segment_argsort", x, splits, descending=True))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=4), st.integers(0, 3))
def test_rows_are_matched_as_on_numpy(pairs, seed):
    a, a_splits = packed([p[0] for p in pairs], 3, seed=seed)
    b, b_splits = packed([p[1] for p in pairs], 3, seed=seed + 1)
    assert equal(both("segment_match", a, a_splits, b, b_splits))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_equal_segments_are_matched_as_on_numpy(segments, na, nb):
    a, a_splits = packed([na] * segments, 3)
    b, b_splits = packed([nb] * segments, 3, seed=1)
    assert equal(both("segment_match", a, a_splits, b, b_splits))


def test_matching_in_blocks_gives_what_one_block_gives(monkeypatch):
    monkeypatch.setattr(torch_ops, "BLOCK", 6)
    a, a_splits = packed([7, 7], 3)
    b, b_splits = packed([4, 4], 3, seed=1)
    assert equal(both("segment_match", a, a_splits, b, b_splits))


@given(counts)
def test_rows_are_taken_and_repeated_and_split_as_on_numpy(counts):
    x, splits = packed(counts, 2)
    owners = np.repeat(np.arange(len(counts)), counts)
    assert equal(both("take", x, np.arange(len(x))[::-1].copy()))
    assert equal(both("repeat", packed([len(counts)])[0], np.array(counts, np.int64)))
    assert equal(both("splits_of", np.array(counts, np.int64)))
    assert equal(both("bounds", owners, len(counts)))
    assert np.array_equal(ops.bounds(owners, len(counts)), splits)


def test_an_array_goes_to_the_library_of_another_and_back():
    x = np.arange(3)
    there = ops.like(x, torch.zeros(1))
    assert torch.equal(there, torch.arange(3))
    assert ops.like(x, x) is x
    assert np.array_equal(ops.host(there), x)
    assert ops.host(torch.ones(1, dtype=torch.bfloat16)).dtype == np.float32


def test_every_name_of_numpy_is_there_on_torch():
    names = {name for name in vars(numpy_ops) if name.islower() and callable(getattr(numpy_ops, name))}
    assert names <= set(vars(torch_ops))


SELECTORS = examples("reducers")
SHOWN = {
    "rasters": make_tokens((4, 5), (0, 0), (1, 1), (7, 3), protected=1, columns=("keys",)),
    "no pictures": make_tokens(columns=("keys",)),
    "one picture": make_tokens((6, 7), protected=2, columns=("keys",), seed=1),
}


def on_torch(evidence: Evidence) -> Evidence:
    fields = ("splits", "mass", "kind", "grid", "keys")
    return replace(evidence, **{name: torch.tensor(getattr(evidence, name)) for name in fields})


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("selector", SELECTORS)
def test_a_selector_plans_on_torch_what_it_plans_on_numpy(selector, shown):
    selector = built(selector)
    evidence = Evidence.of(SHOWN[shown])
    ours, theirs = selector.plan(evidence), selector.plan(on_torch(evidence))
    assert isinstance(theirs.source, torch.Tensor)
    same_plan(ours, theirs.host())


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_plan_does_to_tensors_what_it_does_to_arrays(selector):
    selector = built(selector)
    tokens = SHOWN["rasters"]
    evidence = Evidence.of(tokens)
    ours, theirs = selector.plan(evidence), selector.plan(on_torch(evidence))
    data, mass = torch.tensor(tokens.data), torch.tensor(tokens.mass)
    assert close(theirs.mean(data, mass), ours.mean(tokens.data, tokens.mass))
    assert close(theirs.out_mass(mass), ours.out_mass(tokens.mass))
    assert np.array_equal(theirs.take(torch.tensor(tokens.kind), mass), ours.take(tokens.kind, tokens.mass))
    assert theirs.mean(data.bfloat16(), mass).dtype == torch.bfloat16


def test_gradients_flow_through_a_plan():
    plan = Plan.assign(torch.tensor([0, 1, 0]), torch.tensor([0, 3]), torch.tensor([0, 2]))
    x = torch.ones(3, 2, requires_grad=True)
    plan.mean(x, torch.tensor([3.0, 1.0, 1.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.75, 0.75], [1, 1], [0.25, 0.25]]


def same_plan(a: Plan, b: Plan) -> None:
    for name in ("source", "target", "weight", "splits_in", "splits_out", "grid"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None and y is None) or (x.dtype == y.dtype and np.array_equal(x, y)), name
    assert a.joins == b.joins
