"""The nearest code is that of float64, ties to the lowest, however near codes lie and however torch multiplies."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from vector_quantize_pytorch import VectorQuantize

from lexel.kernels import lookup
from lexel.kernels.lookup import nearest


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def literal(x, codebook):
    """The distances as they are written in books, a row at a time."""
    found = []
    for row in x.double():
        distances = [float((row - code).square().sum()) for code in codebook.double()]
        found.append(distances.index(min(distances)))
    return torch.tensor(found, dtype=torch.int64)


def distances(x, codebook, codes):
    return (x.double() - codebook[codes].double()).square().sum(dim=1)


@given(
    rows=st.integers(0, 9),
    count=st.integers(1, 12),
    width=st.integers(1, 5),
    values=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_the_nearest_code_is_that_of_the_literal_loop(rows, count, width, values, seed):
    draw = torch.Generator().manual_seed(seed)  # small whole numbers: full of ties, and exact
    x = torch.randint(-values, values + 1, (rows, width), generator=draw).float()
    codebook = torch.randint(-values, values + 1, (count, width), generator=draw).float()
    assert torch.equal(nearest(x, codebook), literal(x, codebook))


@pytest.mark.parametrize(("width", "count"), [(8, 1000), (8, 512), (70, 2100), (300, 40)])
def test_several_tiles_and_blocks_of_rows_give_the_nearest_code(width, count):
    x, codebook = drawn(600, width), drawn(count, width, seed=1)
    found = nearest(x, codebook)
    every = torch.cdist(x.double(), codebook.double(), compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.equal(found, every.argmin(dim=1))


@pytest.mark.parametrize("width", [8, 256])
def test_codes_are_never_farther_than_those_of_the_peer(width):
    peer = VectorQuantize(dim=width, codebook_size=512).eval()
    x = drawn(2000, width)
    with torch.no_grad():
        _, theirs, _ = peer(x[None])
    codebook = peer.codebook
    ours = nearest(x, codebook)
    assert (distances(x, codebook, ours) <= distances(x, codebook, theirs[0])).all()
    assert (ours == theirs[0]).float().mean() > 0.99


def test_our_product_finds_the_same_codes_as_that_of_torch(monkeypatch):
    x, codebook = drawn(700, 70), drawn(3000, 70, seed=1)
    found = []
    for at_home in (True, False):
        monkeypatch.setattr(lookup, "at_home_with_mkl", lambda at_home=at_home: at_home)
        found.append(nearest(x, codebook))
    assert torch.equal(*found)


def test_of_equal_codes_the_lowest_is_found():
    codebook = drawn(300, 16)
    assert torch.equal(nearest(codebook, torch.cat([codebook, codebook])), torch.arange(300))


@pytest.mark.parametrize("offset", [100.0, 1e4])
def test_a_shared_offset_costs_no_digits(offset):
    x, codebook = 0.01 * drawn(200, 8) + offset, 0.01 * drawn(100, 8, seed=1) + offset
    assert torch.equal(nearest(x, codebook), literal(x, codebook))


def test_codes_that_float32_cannot_tell_apart_are_told_apart():
    codebook = (drawn(1, 32) + 1e-6 * drawn(50, 32, seed=1)).float()
    x = drawn(300, 32, seed=2)
    every = (x.double()[:, None] - codebook.double()).square().sum(dim=2)
    assert torch.equal(nearest(x, codebook), every.argmin(dim=1))


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_coarser_products_find_the_same_codes(precision):
    x, codebook = drawn(500, 64), drawn(700, 64, seed=1)
    expected = nearest(x, codebook)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        assert torch.equal(nearest(x, codebook), expected)
    finally:
        torch.set_float32_matmul_precision(before)


def test_rows_that_are_not_sure_are_looked_at_again():
    codes = lookup._Codes(torch.tensor([[0.0, 1.0], [0.0, -1.0], [5.0, 0.0]]))
    x = torch.tensor([[0.0, 0.0], [0.0, 0.9]])
    assert codes.best(x)[1].tolist() == [False, True]
    assert codes.exactly(x).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_every_float_is_compared_by_its_value(dtype):
    x, codebook = drawn(100, 8).to(dtype), drawn(60, 8, seed=1).to(dtype)
    assert torch.equal(nearest(x, codebook), literal(x, codebook))


def test_rows_that_are_not_finite_get_some_code_and_harm_no_other():
    x, codebook = drawn(10, 4), drawn(5, 4, seed=1)
    expected = nearest(x, codebook)
    x[3, 0], x[7, 2] = torch.nan, torch.inf
    found = nearest(x, codebook)
    others = [i for i in range(10) if i not in (3, 7)]
    assert torch.equal(found[others], expected[others])
    assert ((found >= 0) & (found < 5)).all()


def test_no_gradient_is_asked_for():
    x = drawn(3, 4).requires_grad_()
    codebook = drawn(2, 4).requires_grad_()
    assert not nearest(x, codebook).requires_grad
