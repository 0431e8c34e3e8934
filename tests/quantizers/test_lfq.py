import pytest
import torch
import vector_quantize_pytorch as peers

from lexel.errors import BadArguments
from lexel.quantizers._bits import entropy_of_bits, entropy_of_mean, numbered, signs
from lexel.quantizers.lfq import LFQ
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def table(logits):
    """The chance of each of the 2^D codes for each vector, as one table."""
    ones = signs(torch.arange(1 << logits.shape[1]), logits.shape[1]).double()
    return ((ones @ logits.double().mT) / 2).mT.softmax(dim=1)


def nats(chance):
    return -(chance * chance.clamp(min=1e-300).log()).sum(dim=-1)


@pytest.mark.parametrize("bits", [1, 4, 11])
def test_lfq_equals_the_peer(bits):
    ours, peer = LFQ(bits).eval(), peers.LFQ(dim=bits, codebook_size=1 << bits).eval()
    for x in (drawn(300, bits), torch.zeros(1, bits)):
        quantized, codes, _ = peer(x[None])
        made = ours(x)
        assert torch.equal(made.codes, codes[0])
        assert torch.equal(made.quantized, quantized[0])
    assert torch.equal(ours.codebook, peer.codebook)


def test_losses_of_lfq_equal_those_of_the_peer():
    ours = LFQ(6).train()
    peer = peers.LFQ(dim=6, codebook_size=64, entropy_loss_weight=0.1, commitment_loss_weight=0.25).train()
    a, b = (0.003 * drawn(400, 6) for _ in range(2))  # as unsure as to leave no chance below the 1e-5 of the peer
    a.requires_grad_(), b.requires_grad_()
    loss = sum(ours(a).losses.values())
    *_, theirs = peer(b[None])
    assert close(loss.detach(), theirs.detach())
    loss.backward(), theirs.backward()
    assert close(a.grad, b.grad)


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_the_entropy_of_the_mean_is_that_of_the_whole_table(bits):
    logits = 3 * drawn(50, bits)
    chance = table(logits)
    assert close(entropy_of_mean(logits), nats(chance.mean(dim=0)))
    assert close(entropy_of_bits(logits).sum(dim=1), nats(chance))


def test_codes_are_exact_beyond_the_digits_of_floats():
    codes = torch.randint(1 << 62, (50,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(numbered(signs(codes, 62) > 0), codes)
    assert numbered(torch.tensor([[True, False, False, False], [False, False, False, True]])).tolist() == [8, 1]


def test_every_lfq_code_is_its_own():
    lfq = LFQ(12)
    every = torch.arange(4096)
    assert torch.equal(lfq.codes(lfq.decode(every)), every)
    assert torch.equal(lfq.codes(0.01 * lfq.decode(every)), every)  # only signs count


@pytest.mark.parametrize("bits", [0, 25, 2.0])
def test_bits_out_of_range_are_refused(bits, unchecked_shapes):
    with pytest.raises(BadArguments, match="lfq: bits"):
        LFQ(bits)
