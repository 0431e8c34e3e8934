import math

import pytest
import torch
import vector_quantize_pytorch as peers

from lexel.errors import BadArguments
from lexel.quantizers.bsq import BSQ
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", [2, 9, 12])
def test_bsq_equals_the_peer(bits):
    ours, peer = BSQ(bits).eval(), peers.LFQ(dim=bits, codebook_size=1 << bits, spherical=True).eval()
    x = drawn(300, bits)
    quantized, codes, _ = peer(x[None])
    made = ours(x)
    assert torch.equal(made.codes, codes[0])
    assert close(made.quantized, quantized[0], tolerance=1e-6)


@pytest.mark.parametrize("bits", [2, 16, 36])
def test_bsq_is_never_farther_than_its_bound(bits):
    bsq, bound = BSQ(bits), math.sqrt(2 - 2 / math.sqrt(bits))
    x = torch.cat([drawn(500, bits), torch.eye(bits)])
    unit = torch.nn.functional.normalize(x)
    apart = (unit - bsq.decode(bsq.codes(x))).norm(dim=1)
    assert apart.max() <= bound + 1e-6
    assert close(apart[500:], torch.full((bits,), bound), tolerance=1e-6)  # reached where one number is all


def test_bsq_looks_at_directions_alone():
    bsq, x = BSQ(10).train(), drawn(40, 10)
    assert torch.equal(bsq(x).codes, bsq(7 * x).codes)
    x.requires_grad_()
    (bsq(x).quantized * drawn(40, 10, seed=1)).sum().backward()
    assert close((x.grad * x.detach()).sum(dim=1), torch.zeros(40), tolerance=1e-5)


def test_the_entropy_of_bsq_is_that_of_its_definition():
    bsq, x = BSQ(5), drawn(30, 5)
    chance = torch.sigmoid(4 * torch.nn.functional.normalize(x.double()) / math.sqrt(5))

    def nats(p):
        return -(p * p.log() + (1 - p) * (1 - p).log())

    expected = 0.1 * (nats(chance).sum(dim=1).mean() - nats(chance.mean(dim=0)).sum())
    assert close(bsq(x).losses["entropy"], expected, tolerance=1e-6)


def test_every_bsq_code_is_its_own():
    bsq = BSQ(10)
    every = torch.arange(1024)
    assert torch.equal(bsq.codes(bsq.decode(every)), every)


@pytest.mark.parametrize("bits", [1, 63])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(BadArguments, match="bsq: bits"):
        BSQ(bits)
