import torch
from vector_quantize_pytorch import SimVQ as Peer

from lexel.quantizers.simvq import SimVQ
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair():
    peer, ours = Peer(dim=6, codebook_size=50, rotation_trick=False), SimVQ(6, codebook_size=50)
    ours.load_state_dict({"fixed": peer.frozen_codebook, "transform.weight": peer.code_transform.weight})
    return ours, peer


def test_simvq_equals_the_peer():
    ours, peer = (one.eval() for one in pair())
    x = drawn(300, 6)
    with torch.no_grad():
        quantized, codes, loss = peer(x[None])
        made = ours(x)
    assert torch.equal(made.codes, codes[0])
    assert close(made.quantized, quantized[0], tolerance=1e-6)
    assert close(sum(made.losses.values()), loss)


def test_a_step_of_simvq_moves_every_code():
    ours, _ = pair()
    before = ours.codebook.detach()
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    sum(ours(drawn(3, 6)).losses.values()).backward()  # three vectors: at most three codes are chosen
    optimizer.step()
    assert (ours.codebook.detach() != before).any(dim=1).all()
    assert [name for name, _ in ours.named_parameters()] == ["transform.weight"]


def test_every_simvq_code_is_its_own():
    ours, _ = pair()
    every = torch.arange(50)
    assert torch.equal(ours.codes(ours.decode(every)), every)
