"""Attention over packed pictures against the literal formula, picture by picture and head by head."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close

from lexel.kernels import attention as kernel
from lexel.kernels.attention import (
    attention,
    attention_maps,
    attention_received,
    attention_rows,
    causal_attention,
)

HEADS, WIDTH = 3, 8
counts = st.lists(st.integers(0, 6), max_size=4)


def drawn(rows, *, seed=0, dtype=torch.float32):
    return torch.randn(rows, HEADS, WIDTH, generator=torch.Generator().manual_seed(seed)).to(dtype)


def masses(rows):
    return torch.randint(1, 5, (rows,), generator=torch.Generator().manual_seed(3)).float()


def literal(q, k, v, queries, counts, log_mass=None, *, causal=False):
    """Rows of attention [H, nq, n] and what they mix, of every picture."""
    rows, mixed = [], [q[:0]]
    pieces = zip(q.split(queries), k.split(counts), v.split(counts), strict=True)
    bias = torch.zeros(len(k)) if log_mass is None else log_mass
    for (a, b, c), more in zip(pieces, bias.split(counts), strict=True):
        scores = torch.einsum("qhd,khd->hqk", a, b) / WIDTH**0.5 + more
        if causal:
            scores = scores.masked_fill(torch.ones(len(a), len(a), dtype=bool).triu(1), -torch.inf)
        rows.append(scores.softmax(-1))
        mixed.append(torch.einsum("hqk,khd->qhd", rows[-1], c))
    return rows, torch.cat(mixed)


@given(counts, st.booleans())
def test_attention_equals_the_literal_formula(counts, weighed):
    n = sum(counts)
    q, k, v = drawn(n), drawn(n, seed=1), drawn(n, seed=2)
    log_mass = masses(n).log() if weighed else None
    _, expected = literal(q, k, v, counts, counts, log_mass)
    assert close(attention(q, k, v, counts=counts, log_mass=log_mass), expected)
    _, expected = literal(q, k, v, counts, counts, log_mass, causal=True)
    assert close(causal_attention(q, k, v, counts=counts, log_mass=log_mass), expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=4))
def test_other_rows_may_ask(pairs):
    queries, counts = [q for q, _ in pairs], [n for _, n in pairs]
    q, k, v = drawn(sum(queries)), drawn(sum(counts), seed=1), drawn(sum(counts), seed=2)
    _, expected = literal(q, k, v, queries, counts)
    assert close(attention(q, k, v, counts=counts, queries=queries), expected)


def test_a_token_of_mass_three_is_three_tokens():
    k, v, q = drawn(4, seed=1), drawn(4, seed=2), drawn(1)
    mass = torch.tensor([1.0, 3.0, 1.0, 2.0])
    heavy = attention(q, k, v, counts=[4], queries=[1], log_mass=mass.log())
    times = mass.long()
    many = attention(q, k.repeat_interleave(times, 0), v.repeat_interleave(times, 0), counts=[7], queries=[1])
    assert close(heavy, many)


@given(counts, st.sampled_from(["first", "last"]))
def test_rows_of_one_token_equal_those_of_the_formula(counts, of):
    n = sum(counts)
    q, k = drawn(n), drawn(n, seed=1)
    rows, _ = literal(q, k, k, counts, counts, masses(n).log())
    at = 0 if of == "first" else -1
    expected = torch.cat([torch.zeros(0, HEADS), *(x[:, at].T for x in rows if x.shape[2])])
    assert close(attention_rows(q, k, counts=counts, log_mass=masses(n).log(), of=of), expected)


@given(counts)
def test_received_attention_is_the_mean_of_the_rows(counts):
    n = sum(counts)
    q, k, v = drawn(n), drawn(n, seed=1), drawn(n, seed=2)
    rows, expected = literal(q, k, v, counts, counts)
    mixed, received = attention_received(q, k, v, counts=counts)
    assert close(mixed, expected)
    assert close(received, torch.cat([torch.zeros(0, HEADS), *(x.mean(1).T for x in rows if x.shape[2])]))


@given(counts, st.booleans())
def test_maps_are_the_rows_of_all_tokens_filled_up_with_zeros(counts, weighed):
    n, widest = sum(counts), max(counts, default=0)
    q, k = drawn(n), drawn(n, seed=1)
    log_mass = masses(n).log() if weighed else None
    rows, _ = literal(q, k, k, counts, counts, log_mass)
    filled = [torch.nn.functional.pad(x.mean(0), (0, widest - x.shape[2])) for x in rows]
    assert close(attention_maps(q, k, counts=counts, log_mass=log_mass), torch.cat([torch.zeros(0, widest), *filled]))


def test_rows_in_tiles_equal_those_of_one_tile(monkeypatch):
    q, k, v = drawn(23), drawn(23, seed=1), drawn(23, seed=2)

    def explicit():
        return *attention_received(q, k, v, counts=[17, 6]), attention_maps(q, k, counts=[17, 6])

    whole = explicit()
    monkeypatch.setattr(kernel, "TILE", 5)
    for ours, expected in zip(explicit(), whole, strict=True):
        assert close(ours, expected)


@pytest.mark.parametrize("counts", [[70, 70], [70, 65], [20, 20]])
@pytest.mark.parametrize("weighed", [True, False])
@pytest.mark.parametrize("multiplied", [True, False])
def test_bfloat16_takes_either_way_to_the_same_answer(monkeypatch, counts, weighed, multiplied):
    monkeypatch.setattr(kernel, "multiplies_bfloat16", lambda: multiplied)
    n = sum(counts)
    q, k, v = (drawn(n, seed=seed, dtype=torch.bfloat16) for seed in range(3))
    log_mass = masses(n).log() if weighed else None
    _, expected = literal(q.float(), k.float(), v.float(), counts, counts, log_mass)
    ours = attention(q, k, v, counts=counts, log_mass=log_mass)
    assert ours.dtype == torch.bfloat16
    assert close(ours.float(), expected, tolerance=2e-2)


@pytest.mark.parametrize("counts", [[5, 5], [5, 3]])
def test_gradients_flow(counts):
    q = drawn(sum(counts)).requires_grad_()
    attention(q, q, q, counts=counts, log_mass=masses(sum(counts)).log()).sum().backward()
    literal_q = drawn(sum(counts)).requires_grad_()
    literal(literal_q, literal_q, literal_q, counts, counts, masses(sum(counts)).log())[1].sum().backward()
    assert close(q.grad, literal_q.grad)


@pytest.mark.parametrize("attend", [attention, causal_attention])
def test_gradients_of_unequal_pictures_are_those_of_the_formula_and_no_slice_is_as_large_as_the_batch(attend):
    """Slicing each picture out of the batch would make a gradient of the whole batch for each of them."""
    counts = [3, 5, 3, 1, 5]
    q, k, v = (drawn(17, seed=seed, dtype=torch.float64).requires_grad_() for seed in range(3))
    mixed, weights = attend(q, k, v, counts=counts), drawn(17, seed=4, dtype=torch.float64)
    found = torch.autograd.grad((mixed * weights).sum(), (q, k, v), retain_graph=True)
    _, expected = literal(q, k, v, counts, counts, causal=attend is causal_attention)
    for ours, theirs in zip(found, torch.autograd.grad((expected * weights).sum(), (q, k, v)), strict=True):
        assert close(ours, theirs, dtype="float64")
    graph, slices = [mixed.grad_fn], set()
    while graph:
        node = graph.pop()
        slices |= {node} if node.name() == "SliceBackward0" else set()
        graph += [before for before, _ in node.next_functions if before]
    assert len(slices) == 1  # of no row, in front of what is put together
