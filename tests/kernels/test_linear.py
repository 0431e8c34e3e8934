"""One linear layer, three ways to compute it, one answer."""

import pytest
import torch
from tolerances import close

from lexel.kernels import linear as kernel
from lexel.kernels.linear import CONVOLUTION_ROWS, MKL_ROWS, MKL_WIDTH, linear


def numbers(rows, *, inputs=MKL_WIDTH + 16, outputs=40, dtype=torch.float32):
    draw = torch.Generator().manual_seed(rows)
    return [torch.randn(size, generator=draw).to(dtype) for size in ((rows, inputs), (outputs, inputs), (outputs,))]


@pytest.mark.parametrize("rows", [0, 1, CONVOLUTION_ROWS - 1, CONVOLUTION_ROWS, 200, MKL_ROWS])
@pytest.mark.parametrize("inputs", [MKL_WIDTH, MKL_WIDTH + 1])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("learning", [True, False])
@pytest.mark.parametrize("at_home", [True, False])
def test_every_way_gives_the_product(monkeypatch, rows, inputs, with_bias, learning, at_home):
    monkeypatch.setattr(kernel, "at_home_with_mkl", lambda: at_home)
    x, weight, bias = numbers(rows, inputs=inputs)
    weight.requires_grad_(learning)
    y = linear(x, weight, bias if with_bias else None)
    expected = x.double() @ weight.detach().double().T + (bias.double() if with_bias else 0)
    assert close(y.detach(), expected)
    assert y.requires_grad == learning


@pytest.mark.parametrize("rows", [1, 200])
def test_gradients_are_those_of_torch(rows):
    gradients = []
    for way in (linear, torch.nn.functional.linear):
        x, weight, bias = (tensor.requires_grad_() for tensor in numbers(rows))
        way(x, weight, bias).square().sum().backward()
        gradients.append([tensor.grad for tensor in (x, weight, bias)])
    assert all(close(ours, theirs) for ours, theirs in zip(*gradients, strict=True))


def test_the_operator_without_a_backward_never_meets_gradients(monkeypatch):
    """It would answer None without an error."""

    def refuse(*_):
        raise AssertionError("the private operator was asked while gradients were wanted")

    monkeypatch.setattr(kernel, "_onednn", refuse)
    x, weight, bias = numbers(200)
    linear(x.requires_grad_(), weight, bias)
    linear(x.detach(), weight.requires_grad_(), bias)


def test_a_build_without_the_private_operator_falls_back(monkeypatch):
    monkeypatch.setattr(kernel, "_onednn", lambda *_: torch.ops.mkldnn.no_such_operator())
    kernel._onednn_agrees.cache_clear()
    try:
        x, weight, bias = numbers(7)
        assert torch.equal(linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias))
    finally:
        kernel._onednn_agrees.cache_clear()


def test_an_operator_that_disagrees_is_not_used(monkeypatch):
    monkeypatch.setattr(kernel, "_onednn", lambda x, weight, bias: torch.zeros(len(x), len(weight)))
    kernel._onednn_agrees.cache_clear()
    try:
        x, weight, bias = numbers(7)
        assert close(linear(x, weight, bias), x @ weight.T + bias)
    finally:
        kernel._onednn_agrees.cache_clear()


def test_bfloat16_stays_bfloat16():
    x, weight, bias = numbers(70, dtype=torch.bfloat16)
    y = linear(x, weight, bias)
    assert y.dtype == torch.bfloat16
    assert close(y.float(), x.float() @ weight.float().T + bias.float(), tolerance=1e-2)


@pytest.mark.parametrize("multiplied", [True, False])
@pytest.mark.parametrize("learning", [True, False])
def test_bfloat16_is_the_product_rounded_whatever_the_processor_multiplies(monkeypatch, multiplied, learning):
    monkeypatch.setattr(kernel, "multiplies_bfloat16", lambda: multiplied)
    x, weight, bias = numbers(50, dtype=torch.bfloat16)
    expected = (x.double() @ weight.double().T + bias.double()).bfloat16()
    y = linear(x, weight.requires_grad_(learning), bias)
    assert y.dtype == torch.bfloat16
    assert y.requires_grad == learning
    assert close(y.detach().float(), expected.float(), tolerance=2**-7)


@pytest.mark.parametrize("rows", [1, CONVOLUTION_ROWS, MKL_ROWS])
def test_autocast_gives_the_same_numbers_with_and_without_gradients(rows):
    """Gradient caching computes features without them first, and then with them."""
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(rows, 16, generator=draw), torch.randn(8, 16, generator=draw).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        learned = linear(x, weight)
        with torch.no_grad():
            looked = linear(x, weight)
    assert learned.dtype == looked.dtype == torch.bfloat16
    assert torch.equal(learned, looked)
