import pytest
import torch
from vector_quantize_pytorch import ResidualVQ

from lexel.errors import BadArguments
from lexel.quantizers._codebook import kmeans
from lexel.quantizers.residual import Residual
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_residual_equals_the_peer():
    peer = ResidualVQ(dim=8, num_quantizers=4, codebook_size=32).eval()
    ours = Residual("vq(8, codebook_size=32)", 4).eval()
    ours.load_state_dict({f"stages.{i}.codebook": layer.codebook for i, layer in enumerate(peer.layers)})
    x = drawn(200, 8)
    with torch.no_grad():
        quantized, codes, _ = peer(x[None])
        made = ours(x)
    assert torch.equal(made.codes, codes[0])
    assert close(made.quantized, quantized[0], tolerance=1e-6)


def test_more_codes_are_never_worse_on_average():
    ours, x = Residual("vq(4, codebook_size=16)", 4), drawn(400, 4)
    rest = x
    for stage in ours.stages:
        stage.load_state_dict({"codebook": kmeans(rest, 16)[0]})
        rest = rest - stage.decode(stage.codes(rest)).detach()
    codes = ours.codes(x)
    errors = [float((x - ours.decode(codes[:, :q]).detach()).square().mean()) for q in range(1, 5)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]


def test_losses_are_means_over_partial_sums():
    ours, x = Residual("vq(4, codebook_size=8)", 3), drawn(30, 4)
    codes = ours.codes(x)
    apart = [(x - ours.decode(codes[:, :q]).detach()).square().mean() for q in (1, 2, 3)]
    losses = ours(x).losses
    assert close(losses["commitment"].detach(), 0.25 * sum(apart) / 3)
    assert close(losses["codebook"].detach(), sum(apart) / 3)


def test_gradients_pass_once_over_all_depths():
    ours, x, outside = (
        Residual("vq(4, codebook_size=8)", 3).train(),
        drawn(30, 4).requires_grad_(),
        drawn(30, 4, seed=1),
    )
    (ours(x).quantized * outside).sum().backward()
    assert torch.equal(x.grad, outside)


def test_a_residual_learns_from_what_each_depth_saw():
    ours, x = Residual("vq(4, codebook_size=6, decay=0.5)", 3), drawn(60, 4)
    codes, seen, rest = ours.codes(x), [], x
    for stage, column in zip(ours.stages, codes.unbind(dim=1), strict=True):
        seen.append(rest)
        rest = rest - stage.decode(column)
    torch.manual_seed(0)
    ours.update(x, codes)
    torch.manual_seed(0)
    for stage, vectors in zip(ours.stages, seen, strict=True):
        assert torch.equal(stage.codebook, kmeans(vectors, 6)[0])


@pytest.mark.parametrize("depth", [0, 1.5])
def test_depths_out_of_range_are_refused(depth, unchecked_shapes):
    with pytest.raises(BadArguments, match="residual: depth"):
        Residual("fsq(5, 5)", depth)


def test_a_quantizer_of_several_codebooks_is_refused():
    with pytest.raises(BadArguments, match="has several codebooks"):
        Residual("product('fsq(5, 5)', 2)", 2)
