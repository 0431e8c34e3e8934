import pytest
import torch
from vector_quantize_pytorch import VectorQuantize

from lexel.errors import BadArguments
from lexel.quantizers.vq import VQ
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [1, 8, 70])
def test_vq_equals_the_peer(dim):
    peer = VectorQuantize(dim=dim, codebook_size=61, rotation_trick=False).eval()
    ours = VQ(dim, codebook_size=61).eval()
    ours.load_state_dict({"codebook": peer.codebook})
    x = drawn(200, dim)
    with torch.no_grad():
        quantized, codes, _ = peer(x[None])
        made = ours(x)
    assert torch.equal(made.codes, codes[0])
    assert torch.equal(made.quantized, quantized[0])


def test_gradients_of_vq_are_the_published_ones():
    vq, x = VQ(3, codebook_size=5), drawn(7, 3).requires_grad_()
    made = vq(x)
    outside = drawn(7, 3, seed=1)
    (made.quantized * outside).sum().backward()
    assert torch.equal(x.grad, outside)  # straight through
    assert vq.codebook.grad is None
    x.grad = None
    sum(vq(x).losses.values()).backward()
    away = (x - vq.codebook[made.codes]).detach()
    assert close(x.grad, 2 * 0.25 * away / x.numel())
    pulled = torch.zeros(5, 3).index_add(0, made.codes, -2 * away / x.numel())
    assert close(vq.codebook.grad, pulled)


def test_in_training_the_value_is_that_of_the_code():
    vq, x = VQ(8, codebook_size=30).train(), 3 * drawn(50, 8)
    made = vq(x)
    assert close(made.quantized.detach(), vq.decode(made.codes).detach(), tolerance=1e-6)


def test_every_code_is_its_own():
    vq = VQ(4, codebook_size=200)
    every = torch.arange(200)
    assert torch.equal(vq.codes(vq.decode(every)), every)


def test_codes_follow_a_codebook_that_is_reordered():
    vq, x, order = VQ(4, codebook_size=20), drawn(50, 4), torch.randperm(20)
    before = vq(x)
    vq.load_state_dict({"codebook": vq.codebook.detach()[order]})
    after = vq(x)
    assert torch.equal(order[after.codes], before.codes)
    assert torch.equal(after.quantized, before.quantized)


def test_optimizers_see_a_codebook_only_where_gradients_move_it():
    assert [name for name, _ in VQ(2, codebook_size=3).named_parameters()] == ["codebook"]
    averaged = VQ(2, codebook_size=3, decay=0.9)
    assert not list(averaged.requires_grad_(True).parameters())
    assert set(averaged(drawn(4, 2)).losses) == {"commitment"}


@pytest.mark.parametrize("wrong", [{"codebook_size": 0}, {"codebook_size": 2.5}, {"codebook_size": 4, "decay": 1.0}])
def test_numbers_out_of_range_are_refused(wrong, unchecked_shapes):
    with pytest.raises(BadArguments, match="vq: "):
        VQ(4, **wrong)
