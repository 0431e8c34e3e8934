"""Numbers that all tests of the losses share: unit rows and learned scalars, float64 unless said, wanting gradients."""

import torch

SCALE, BIAS = 3.0, -5.0


def unit_rows(rows, *, width=16, seed=0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, width, generator=draw, dtype=torch.float64)
    return torch.nn.functional.normalize(x).to(dtype).requires_grad_()


def scalar(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype, requires_grad=True)


def inputs(loss, rows, **options):
    """Pictures, texts, and what the loss learns: its scale, and its bias where it is SigLIP's."""
    learned = [scalar(SCALE), scalar(BIAS)] if "siglip" in loss.__name__ else [scalar(SCALE)]
    return [unit_rows(rows, seed=1, **options), unit_rows(rows, seed=2, **options), *learned]


def value_and_gradients(loss, given, **options):
    """The loss of `given`, then its gradients by each of them."""
    value = loss(*given, **options)
    return [value.detach(), *torch.autograd.grad(value, given)]
