"""The judge has the published shapes, and its weight the published meaning."""

import pytest
import torch

from lexel.training.discriminator import (
    LARGEST,
    SMALLEST,
    PatchDiscriminator,
    adaptive_weight,
    batch_norm,
    fooled,
    group_norm,
    judged,
    unmoved,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("norm", [batch_norm, group_norm])
def test_the_published_discriminator_has_2765633_parameters(norm):
    judge = PatchDiscriminator(norm=norm)
    assert sum(parameter.numel() for parameter in judge.parameters()) == 2_765_633


def test_its_weights_have_the_published_names_and_shapes():
    shapes = {name: tuple(x.shape) for name, x in PatchDiscriminator().state_dict().items() if x.ndim == 4}
    assert shapes == {
        "main.0.weight": (64, 3, 4, 4),
        "main.2.weight": (128, 64, 4, 4),
        "main.5.weight": (256, 128, 4, 4),
        "main.8.weight": (512, 256, 4, 4),
        "main.11.weight": (1, 512, 4, 4),
    }


@pytest.mark.parametrize(("side", "patches"), [(256, 30), (128, 14), (64, 6), (SMALLEST, 1)])
def test_it_judges_as_many_patches_as_published(side, patches):
    judge = PatchDiscriminator(width=4)
    assert judge(noise(2, 3, side, side)).shape == (2, 1, patches, patches)


def test_a_patch_is_seventy_pixels():
    judge = PatchDiscriminator(width=2, norm=lambda width: torch.nn.Identity())
    pixels = noise(1, 3, 256, 256).requires_grad_()
    judge(pixels)[0, 0, 15, 15].backward()
    rows = pixels.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_with_group_norm_a_picture_is_judged_alone():
    judge = PatchDiscriminator(width=8, norm=group_norm)
    pixels = noise(3, 3, 64, 64)
    assert torch.allclose(judge(pixels), torch.cat([judge(one[None]) for one in pixels]), atol=1e-5)


def test_losses_are_their_formulas():
    real, painted = torch.tensor([2.0, 0.5, -3.0]), torch.tensor([-2.0, -0.5, 3.0])
    assert judged(real, painted, "hinge").item() == pytest.approx(((0 + 0.5 + 4) / 3 + (0 + 0.5 + 4) / 3) / 2)
    assert fooled(painted, "hinge").item() == pytest.approx(-0.5 / 3)
    log = (1 + (-real).exp()).log().mean() + (1 + painted.exp()).log().mean()
    assert judged(real, painted, "logistic").item() == pytest.approx(log.item())
    assert fooled(painted, "logistic").item() == pytest.approx((1 + (-painted).exp()).log().mean().item())


@pytest.mark.parametrize("against", ["hinge", "logistic"])
def test_judge_and_painter_want_opposite_things(against):
    real, painted = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    judged(real, painted, against).backward()
    assert (real.grad < 0).all()
    assert (painted.grad > 0).all()
    listening = torch.zeros(4, requires_grad=True)
    fooled(listening, against).backward()
    assert (listening.grad < 0).all()


def test_the_painter_moves_the_pixels_and_not_the_judge():
    judge = PatchDiscriminator(width=4, norm=group_norm)
    pixels = noise(2, 3, 32, 32).requires_grad_()
    found = unmoved(judge, pixels)
    assert torch.equal(found, judge(pixels))
    fooled(found, "hinge").backward()
    assert pixels.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judge.parameters())


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_the_weight_makes_both_gradients_equally_long_at_the_last_layer(scale):
    last = torch.nn.Linear(6, 4)
    made = last(noise(5, 6))
    reconstruction, adversarial = made.square().mean(), scale * made.sin().sum()
    weight = adaptive_weight(reconstruction, adversarial, last.weight)
    assert not weight.requires_grad
    ours, theirs = (
        torch.autograd.grad(loss, last.weight, retain_graph=True)[0].norm()
        for loss in (reconstruction, weight * adversarial)
    )
    assert theirs.item() == pytest.approx(ours.item(), rel=2e-3)


def test_the_weight_has_a_bound():
    last = torch.nn.Linear(6, 4)
    made = last(noise(5, 6))
    assert adaptive_weight(made.square().mean(), 0 * made.sum(), last.weight).item() == LARGEST
    assert adaptive_weight(made.square().mean(), 0 * made.sum(), last.weight, most=3.0).item() == 3
