"""Latents that are drawn, and the way between two pictures."""

import numpy as np
import pytest
import torch
from autoencoders.peers import kl, saved
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.generators.latents import between, interpolated, sampled
from lexel.loading.load import load


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    """With a scale, and a mean and deviation for each channel."""
    more = {"scaling_factor": 0.5, "latents_mean": [1.0, -2.0, 0.0, 3.0], "latents_std": [1.0, 2.0, 0.5, 1.0]}
    return load(saved(kl(**more), tmp_path_factory.mktemp("kl")))


@pytest.fixture(scope="module")
def unscaled(tmp_path_factory):
    return load(saved(kl("flux"), tmp_path_factory.mktemp("flux")))


def test_latents_are_drawn_with_the_published_deviation(vae):
    tokens = sampled(vae, 20, height=16, width=32, seed=1)
    assert tokens.space == vae.space
    assert tokens.pictures.sizes.tolist() == [[32, 64]] * 20
    assert tokens.data.mean(0).tolist() == pytest.approx([1, -2, 0, 3], abs=0.1)
    assert tokens.data.std(0).tolist() == pytest.approx([2, 4, 1, 2], rel=0.03)
    cold = sampled(vae, 20, height=16, width=32, seed=1, temperature=0.5)
    assert cold.data.std(0).tolist() == pytest.approx([1, 2, 0.5, 1], rel=0.03)
    assert [picture.pixels.shape for picture in vae.detokenize(tokens[:2])] == [(32, 64, 3)] * 2


def test_the_same_seed_draws_the_same_latents(vae):
    tokens = sampled(vae, 3, height=2, width=3, seed=4)
    assert sampled(vae, 2, height=2, width=3, seed=4).equals(tokens[:2])
    assert not sampled(vae, 3, height=2, width=3, seed=5).equals(tokens)
    assert vae.detokenize(sampled(vae, 0, height=2, width=3)) == []
    with pytest.raises(BadArguments, match="1 pictures of 0 × 3 cells cannot be drawn"):
        sampled(vae, 1, height=0, width=3)


@pytest.mark.parametrize("which", ["vae", "unscaled"])
def test_the_way_between_two_pictures_ends_at_both(which, request):
    model = request.getfixturevalue(which)
    a, b = make_picture(16, 24), make_picture(16, 24, seed=3)
    shown = interpolated(model, a, b, 4)
    ends = model.detokenize(model.tokenize([a, b]))
    assert len(shown) == 4
    for i, end in ((0, ends[0]), (-1, ends[1])):
        assert np.abs(shown[i].pixels.astype(int) - end.pixels).max() <= 1
    assert not np.array_equal(shown[1].pixels, shown[0].pixels)


@given(st.integers(0, 99), st.floats(0, 1))
def test_the_way_keeps_its_length_and_ends_at_both_pictures(seed, t):
    draw = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 6, 3, generator=draw, dtype=torch.float64)
    b *= a.norm() / b.norm()
    assert between(a, b, t).norm().item() == pytest.approx(a.norm().item())
    assert close(between(a, b, 0.0), a, tolerance=1e-12)
    assert close(between(a, b, 1.0), b, tolerance=1e-12)
    angle = (a * b).sum() / a.norm() ** 2
    turned = (a * between(a, b, t)).sum() / a.norm() ** 2
    assert turned.clamp(-1, 1).arccos().item() == pytest.approx(t * angle.arccos().item(), abs=1e-6)


@given(st.floats(-3, 3), st.floats(0, 1))
def test_the_way_along_one_direction_is_straight(factor, t):
    a = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
    assert close(between(a, factor * a, t), (1 - t + t * factor) * a, tolerance=1e-9)


def test_pictures_without_a_way_are_refused(vae):
    with pytest.raises(BadArguments, match="2 pictures or more, not 1"):
        interpolated(vae, make_picture(8, 8), make_picture(8, 8), 1)
    with pytest.raises(BadArguments, match=r"has \(4, 4\) cells and .* has \(4, 8\)"):
        interpolated(vae, make_picture(8, 8), make_picture(8, 16), 3)
