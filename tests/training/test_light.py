"""New vocabularies: sizes as they were said, weights of the seed, and the scale of latents."""

import numpy as np
import pytest
import torch
from training.visual import Photographs

from lexel.errors import BadArguments
from lexel.training.light import LightSizes, continuous, last_layer, measure_scale, vqvae

SIZES = LightSizes(down=8, width=16, blocks=1, edge=64)


@pytest.mark.parametrize(
    ("down", "widths", "blocks"),
    [(4, (104,), (3,)), (8, (48, 104), (1, 3)), (16, (24, 48, 104), (1, 1, 3)), (32, (8, 24, 48, 104), (1, 1, 1, 3))],
)
def test_levels_are_about_half_as_wide_as_the_next(down, widths, blocks):
    light = LightSizes(down=down, width=104, blocks=3, edge=512).light
    assert (light.encoder, light.decoder, light.blocks, light.edge) == (widths, widths, blocks, 512)
    assert light.cell == down


def test_the_recommended_sizes_have_the_measured_number_of_parameters():
    model = vqvae(LightSizes(down=8, width=104, blocks=3, edge=1024), "fsq(8, 5, 5, 5)", seed=0)
    assert 1.3e6 < sum(parameter.numel() for parameter in model.parameters()) < 1.4e6


@pytest.mark.parametrize("down", [2, 6, 12])
def test_other_cells_are_refused(down):
    with pytest.raises(BadArguments, match="down is 4, 8, 16"):
        LightSizes(down=down, width=16, blocks=1, edge=64)


def test_weights_follow_from_the_seed_and_leave_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a, b, c = (vqvae(SIZES, "vq(4, codebook_size=8)", seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a[name], value) for name, value in b.items())
    assert not torch.equal(a["image.quantizer.codebook"], c["image.quantizer.codebook"])


@pytest.mark.parametrize("kind", ["autoencoder", "vae"])
def test_scaled_latents_have_no_mean_and_unit_deviation(kind):
    model = continuous(SIZES, kind, 4, seed=0).eval().requires_grad_(False)
    with pytest.raises(BadArguments, match="scaled"):
        model.tokenize([Photographs().picture(0)], scaled=True)
    measure_scale(model, Photographs())
    scaled = model.tokenize(map(Photographs().picture, range(2)), scaled=True).data
    assert np.abs(scaled.mean(0)).max() < 1e-4
    assert np.abs(scaled.std(0) - 1).max() < 1e-4
    assert model.image.config.scaling is model.image.scaling


def test_codes_have_no_scale():
    model = vqvae(SIZES, "fsq(5, 5)", seed=0)
    measure_scale(model, Photographs())
    assert not hasattr(model.image, "scaling")


def test_the_last_layer_makes_the_pixels():
    model = continuous(SIZES, "vae", 4, seed=0)
    assert last_layer(model).shape == (48, 8, 3, 3)
