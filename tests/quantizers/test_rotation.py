import pytest
import torch
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from lexel.errors import BadArguments, UnknownName
from lexel.quantizers.rotation import Rotation, rotated
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradient(rotate, x, to, outside):
    x = x.clone().requires_grad_()
    (rotate(x, to) * outside).sum().backward()
    return x.grad


def test_rotation_equals_the_peer():
    x, to, outside = (drawn(200, 8, seed=seed) for seed in range(3))
    assert torch.equal(rotated(x, to), to)
    assert close(rotated(x, to), rotate_to(x, to))
    assert close(gradient(rotated, x, to, outside), gradient(rotate_to, x, to, outside))


def test_the_angle_between_gradient_and_vector_is_kept():
    x, to, outside = (drawn(100, 5, seed=seed) for seed in range(3))
    turned = gradient(rotated, x, to, outside)
    cosine = torch.nn.functional.cosine_similarity
    assert close(cosine(turned, x), cosine(outside, to))
    assert close(turned.norm(dim=1), outside.norm(dim=1) * to.norm(dim=1) / x.norm(dim=1), tolerance=1e-4)


@pytest.mark.parametrize("x", [torch.zeros(1, 4), -torch.ones(1, 4)], ids=["no direction", "the other way"])
def test_where_no_rotation_is_defined_numbers_stay_finite(x):
    to = torch.ones(1, 4)
    assert torch.equal(rotated(x, to), to)
    assert gradient(rotated, x, to, torch.ones(1, 4)).isfinite().all()


def test_all_but_gradients_are_those_of_the_quantizer_inside():
    rotation, x = Rotation("residual('vq(4, codebook_size=16)', 2)"), drawn(30, 4)
    for training in (True, False):
        made, inside = rotation.train(training)(x), rotation.quantizer(x)
        assert torch.equal(made.codes, inside.codes)
        assert torch.equal(made.quantized, inside.quantized)
        assert made.losses == inside.losses
    assert rotation.sizes == (16, 16)


def test_updates_reach_the_quantizer_inside():
    rotation, x = Rotation("vq(4, codebook_size=5, decay=0.9)"), drawn(30, 4)
    before = rotation.codebook.clone()
    rotation.update(x, rotation.codes(x))
    assert not torch.equal(rotation.codebook, before)


def test_what_is_no_quantizer_is_refused():
    with pytest.raises(BadArguments, match=r"patch\(16\) is no quantizer"):
        Rotation("patch(16)")
    with pytest.raises(UnknownName, match="vqq"):
        Rotation("vqq(4)")
