"""Losses of reconstruction against their literal formulas."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from lexel import box
from lexel.errors import BadArguments
from lexel.measures import pixels
from lexel.pictures.read import read
from lexel.training.losses import SCALES, Perceptual, Weights, frequency_loss, ms_ssim, ssim

NAMES = ("l1", "l2", "frequency", "ssim", "ms_ssim")


def pair(size=(24, 31), seed=0, noise=0.3):
    """Two stacks of pictures that resemble each other, from −1 to 1."""
    draw = torch.Generator().manual_seed(seed)
    wanted = torch.rand(2, 3, *size, generator=draw) * 2 - 1
    return (wanted + noise * torch.randn(wanted.shape, generator=draw)).clamp(-1, 1), wanted


def only(**weights):
    """These and no others."""
    return Weights(**{"l2": 0.0, **weights})


def shifted(levels):
    """Bytes [H, W, 3] → [1, 3, H, W] from −1 to 1."""
    return torch.tensor(levels).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_nothing_for_equal_pictures_and_something_for_others(name):
    painted, wanted = pair()
    losses = only(**{name: 2.0}).terms
    assert losses(wanted, wanted)[name].item() == pytest.approx(0, abs=1e-6)
    assert losses(painted, wanted)[name].item() == pytest.approx(
        2 * only(**{name: 1.0}).terms(painted, wanted)[name].item()
    )
    assert losses(painted, wanted)[name] > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_leads_from_what_is_painted_to_what_is_wanted(name):
    painted, wanted = pair()
    painted.requires_grad_()
    optimizer = torch.optim.Adam([painted], lr=0.03)
    before = only(**{name: 1.0}).terms(painted, wanted)[name].item()
    for _ in range(8):
        optimizer.zero_grad()
        loss = only(**{name: 1.0}).terms(painted, wanted)[name]
        loss.backward()
        assert painted.grad.isfinite().all()
        optimizer.step()
    assert loss.item() < 0.9 * before


def test_pixel_losses_are_means():
    painted, wanted = pair()
    found = only(l1=1.0, l2=1.0).terms(painted, wanted)
    assert found["l1"].item() == pytest.approx(np.abs((painted - wanted).numpy()).mean(), rel=1e-6)
    assert found["l2"].item() == pytest.approx(((painted - wanted).numpy() ** 2).mean(), rel=1e-6)


def test_the_frequency_loss_equals_its_literal_sum():
    painted, wanted = pair((4, 6))
    total = 0.0
    for difference in (painted - wanted).double().flatten(0, 1).numpy():
        height, width = difference.shape
        spectrum = np.zeros((height, width), complex)
        for u, v, y, x in np.ndindex(height, width, height, width):
            turn = 2 * math.pi * (u * y / height + v * x / width)
            spectrum[u, v] += difference[y, x] * complex(math.cos(turn), -math.sin(turn)) / math.sqrt(height * width)
        distance = np.abs(spectrum)
        total += (distance / distance.max() * distance**2).sum()
    assert frequency_loss(painted, wanted).item() == pytest.approx(total / painted.numel(), rel=1e-5)


def test_without_its_weights_the_frequency_loss_would_be_l2():
    """One frequency alone has weight 1, everywhere where there is anything."""
    wave = torch.cos(2 * math.pi * torch.arange(16) * 3 / 16).expand(1, 3, 8, 16)
    assert frequency_loss(wave, torch.zeros_like(wave)).item() == pytest.approx(wave.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["astronaut", "camera", "text"])
def test_ssim_is_that_of_the_measures(name):
    [picture] = read(box.path(name))
    noise = np.random.default_rng(0).integers(-12, 13, picture.pixels.shape)
    other = np.clip(picture.pixels + noise, 0, 255).astype(np.uint8)
    ours = ssim(shifted(picture.pixels), shifted(other)).item()
    assert abs(ours - pixels.ssim(picture.pixels, other)) <= 1e-5


def test_ssim_of_a_stack_is_that_of_each_picture():
    painted, wanted = pair()
    alone = [ssim(a[None], b[None]).item() for a, b in zip(painted, wanted, strict=True)]
    assert ssim(painted, wanted).tolist() == pytest.approx(alone, abs=1e-6)


def test_ms_ssim_of_one_scale_is_the_published_ssim():
    """Gaussian windows, population covariance, as scikit-image has them."""
    painted, wanted = pair((11, 21))
    a, b = ((x[0].permute(1, 2, 0).numpy() + 1) * 127.5 for x in (painted, wanted))
    theirs = structural_similarity(
        a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1][5:-5, 5:-5].mean((0, 1))
    assert ms_ssim(painted, wanted)[0].item() == pytest.approx(theirs.mean(), abs=1e-5)


def test_ms_ssim_equals_its_literal_product():
    painted, wanted = (x.double() for x in pair((176, 177), noise=0.2))
    places = np.arange(-5, 6)
    window = np.exp(-(places**2) / 4.5)
    window = np.outer(window, window) / window.sum() ** 2

    def means(x):
        views = np.lib.stride_tricks.sliding_window_view(x, (11, 11))
        return (views * window).sum((2, 3))

    def halved(x):
        height, width = (side // 2 * 2 for side in x.shape)
        return x[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))

    found = []
    for a, b in zip(painted[0].numpy(), wanted[0].numpy(), strict=True):
        product = 1.0
        for scale, weight in enumerate(SCALES):
            ma, mb = means(a), means(b)
            structure = (2 * (means(a * b) - ma * mb) + 0.06**2) / (
                means(a * a) - ma**2 + means(b * b) - mb**2 + 0.06**2
            )
            luminance = (2 * (ma + 1) * (mb + 1) + 0.02**2) / ((ma + 1) ** 2 + (mb + 1) ** 2 + 0.02**2)
            product *= (structure * luminance if scale == 4 else structure).mean() ** weight
            a, b = halved(a), halved(b)
        found.append(product)
    assert ms_ssim(painted, wanted)[0].item() == pytest.approx(np.mean(found), rel=1e-6)


def test_opposite_pictures_have_a_gradient_all_the_same():
    """Their structure is negative, and a negative number has no power."""
    _, wanted = pair((44, 44))
    painted = (-wanted).requires_grad_()
    loss = only(ms_ssim=1.0).terms(painted, wanted)["ms_ssim"]
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=1e-3)
    assert painted.grad.isfinite().all()


class Blurred:
    """What a network of one average sees."""

    def __call__(self, painted, wanted):
        return torch.nn.functional.avg_pool2d(painted - wanted, 8).square().mean((1, 2, 3), keepdim=True)


def test_a_network_that_somebody_brings_counts_in_the_mean():
    painted, wanted = pair()
    network = Blurred()
    assert isinstance(network, Perceptual)
    found = only(l1=1.0, perceptual=3.0, network=network).terms(painted, wanted)
    assert list(found) == ["l1", "perceptual"]
    assert found["perceptual"].item() == pytest.approx(3 * network(painted, wanted).mean().item())


def test_losses_are_computed_in_full_precision():
    painted, wanted = pair()
    with torch.autocast("cpu", torch.bfloat16):
        found = only(l2=1.0, frequency=1.0, ssim=1.0, ms_ssim=1.0).terms(painted.bfloat16(), wanted)
    assert {loss.dtype for loss in found.values()} == {torch.float32}
    assert found["ssim"].item() == pytest.approx(1 - ssim(painted.bfloat16().float(), wanted).mean().item(), abs=1e-6)


@pytest.mark.parametrize(
    "weights", [{}, {"l1": -1.0}, {"l1": 1.0, "ssim": -0.1}, {"l1": 1.0, "divergence": -1.0}, {"perceptual": 1.0}]
)
def test_weights_that_make_no_loss_are_refused(weights):
    with pytest.raises(BadArguments):
        only(**weights)


@pytest.mark.parametrize(("similarity", "side"), [(ssim, 7), (ms_ssim, 11)])
def test_pictures_without_a_window_are_refused(similarity, side):
    assert similarity(*pair((side, side + 2))).shape == (2,)
    with pytest.raises(BadArguments, match=f"takes {side} × {side} pixels or more"):
        similarity(*pair((side + 9, side - 1)))
