"""AutoencoderKL: how many parameters, what is drawn, what a generator gets, and how pictures come back."""

import numpy as np
import pytest
import torch
from autoencoders.peers import kl, saved
from tolerances import close

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders._stacks import Stacks
from lexel.autoencoders.autoencoder_kl import AutoencoderKL, AutoencoderKLConfig
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, TokensError
from lexel.loading.load import load
from lexel.pipelines.compose import pipeline

PUBLISHED = {"widths": (128, 256, 512, 512), "blocks": 2, "attention": (False,) * 4}


@pytest.mark.parametrize(
    ("latent", "convolutions", "count"), [(4, True, 83_653_863), (16, False, 83_819_683)], ids=["SD, SDXL", "SD3, FLUX"]
)
def test_parameter_counts_of_autoencoder_kl_are_the_published_ones(latent, convolutions, count):
    stacks = Stacks(**PUBLISHED, latent=latent)
    with torch.device("meta"):
        config = AutoencoderKLConfig(
            stacks=stacks, quant=convolutions, post_quant=convolutions, scaling=Scaling(), edge=512
        )
        network = AutoencoderKL(config)
    assert sum(value.numel() for value in network.parameters()) == count
    assert network.cell == 8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(saved(kl("sd"), tmp_path_factory.mktemp("sd")))


@pytest.fixture(scope="module")
def pictures():
    return [make_picture(30, 44), make_picture(64, 21, seed=1)]


def test_latents_lie_on_the_raster_of_the_picture(model, pictures):
    """At most 48 pixels a side, as the config says, and whole cells of 2."""
    tokens = model.tokenize(pictures)
    assert tokens.pictures.grids.tolist() == [[15, 22], [24, 8]]
    assert tokens.data.shape == (15 * 22 + 24 * 8, 4)
    sides = tokens.boxes[:, 2:] - tokens.boxes[:, :2]
    assert [float(sides[a:b].prod(1).sum()) for a, b in ((0, 330), (330, 522))] == pytest.approx([1, 1], abs=1e-5)
    assert model.tokenize(pictures, size=16).pictures.grids.tolist() == [[6, 8], [8, 3]]


def test_pictures_come_back_as_the_decoder_makes_them(model, pictures):
    tokens = model.tokenize(pictures)
    for b, (picture, shape) in enumerate(zip(model.detokenize(tokens), [(30, 44), (48, 16)], strict=True)):
        assert picture.pixels.shape == (*shape, 3)
        prepared, _ = model.preparation.prepare(pictures[b])
        with torch.inference_mode():
            shown = model.image.decode(model.image.encode(torch.from_numpy(prepared)[None]))[0]
        levels = ((shown.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()
        assert np.abs(picture.pixels.astype(int) - levels[: shape[0], : shape[1]]).max() <= 1


@pytest.mark.parametrize("scaled", [False, True])
def test_a_draw_depends_on_the_seed_and_the_picture_alone(model, pictures, scaled):
    drawn = model.tokenize(pictures, seed=3, scaled=scaled)
    assert not np.array_equal(drawn.data, model.tokenize(pictures, seed=4, scaled=scaled).data)
    alone = model.tokenize(pictures[1:], seed=3, scaled=scaled)
    assert close(alone.data, drawn[1].data, tolerance=1e-6)
    assert drawn.space == model.tokenize(pictures, scaled=scaled).space


def test_draws_have_the_mean_and_the_deviation_of_the_posterior(model):
    picture = make_picture(48, 48)
    prepared, _ = model.preparation.prepare(picture)
    with torch.inference_mode():
        mean, log_variance = model.image.posterior(torch.from_numpy(prepared)[None])
    mean, deviation = (x[0].flatten(1).T.numpy() for x in (mean, (log_variance / 2).exp()))
    noise = (model.tokenize([picture], seed=0).data - mean) / deviation  # 2,304 numbers: one deviation is 0.02
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(1, abs=0.1)


def test_scaled_latents_are_a_space_of_their_own_and_come_back(model, pictures):
    plain, scaled = model.tokenize(pictures), model.tokenize(pictures, scaled=True)
    assert close(scaled.data, plain.data * 0.18215)
    assert scaled.space == model.scaled_space != plain.space
    for a, b in zip(model.detokenize(plain), model.detokenize(scaled), strict=True):
        assert np.abs(a.pixels.astype(int) - b.pixels).max() <= 1


def test_a_scale_with_a_mean_for_each_channel_is_undone():
    scaling = Scaling(2.0, shift=(1.0, -1.0), std=(4.0, 0.5))
    latents = torch.tensor([[3.0, 0.0], [1.0, -1.0]])
    assert scaling.scaled(latents).tolist() == [[1.0, 4.0], [0.0, 0.0]]
    assert torch.equal(scaling.latents(scaling.scaled(latents)), latents)


def test_tokens_of_another_space_and_merged_ones_are_refused(model, pictures):
    tokens = model.tokenize(pictures)
    with pytest.raises(TokensError, match="gives back"):
        model.detokenize(pipeline("patch(16)")(pictures))
    with pytest.raises(TokensError, match="lie on no raster"):
        model.detokenize(tokens.where(np.arange(tokens.total) > 3))


@pytest.mark.parametrize("size", [0, -1, True])
def test_a_size_that_is_none_is_refused(model, size):
    with pytest.raises(BadArguments, match="size is a whole number of pixels from 1"):
        model.tokenize([], size=size)


def test_a_pipeline_asks_and_undoes(tmp_path, pictures, monkeypatch):
    saved(kl("sd"), tmp_path / "vae")
    monkeypatch.chdir(tmp_path)
    how = pipeline("./vae(size=16, scaled=True)")
    tokens = how(pictures)
    assert tokens.recipe.startswith("./vae(size=16, scaled=True)")
    assert [picture.pixels.shape[:2] for picture in how.detokenize(tokens)] == [(11, 16), (16, 5)]


def test_gradients_flow_from_pixels_to_weights_in_a_trainable_copy(model):
    trained = model.trainable()
    batch = torch.zeros(1, 3, 8, 8)
    torch.stack(trained.decode_pixels(trained.encode_pixels(batch))).square().mean().backward()
    without = [name for name, value in trained.named_parameters() if value.grad is None]
    assert without == []
    assert all(value.grad is None for value in model.parameters())
