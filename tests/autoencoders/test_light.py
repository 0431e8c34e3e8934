"""Autoencoders that are trained here: saved and loaded exactly, any number of levels, learned by heart."""

import json
import math

import numpy as np
import pytest
import torch
from autoencoders.light import LIGHT, diffusion, plain, vae, vqvae
from training.small import batch_of

from lexel.autoencoders._light import Light
from lexel.autoencoders.vae import divergence, drawn
from lexel.errors import BadArguments, LoadError
from lexel.loading.load import load, save
from lexel.pictures.read import read
from lexel.training.losses import Weights
from lexel.training.reconstruct import ReconstructionTask
from lexel.training.trainer import Settings, adamw, update

KINDS = {
    "fsq": vqvae,
    "vq": lambda light=LIGHT: vqvae("vq(4, codebook_size=32)", light),
    "averages": lambda light=LIGHT: vqvae("vq(4, codebook_size=32, decay=0.9)", light),
    "residual": lambda light=LIGHT: vqvae('residual("vq(4, codebook_size=16, decay=0.9)", 2)', light),
    "vae": lambda light=LIGHT: vae(light=light),
    "plain": lambda light=LIGHT: plain(light=light),
}
SAVED = KINDS | {"diffusion": lambda light=LIGHT: diffusion(light=light)}
by_kind = pytest.mark.parametrize("kind", KINDS)


def pictures():
    draw = np.random.default_rng(0)
    return list(read([draw.integers(0, 256, (*size, 3), np.uint8) for size in ((40, 64), (33, 17))]))


@pytest.mark.parametrize("kind", SAVED)
def test_a_trained_vocabulary_is_saved_and_loaded_exactly(tmp_path, kind):
    model = SAVED[kind]()
    save(model, tmp_path)
    loaded = load(tmp_path)
    model.name, model.digest = loaded.name, loaded.digest
    ours, theirs = model.tokenize(pictures()), loaded.tokenize(pictures())
    assert ours.space == theirs.space
    assert np.array_equal(ours.data, theirs.data)
    for a, b in zip(model.detokenize(ours), loaded.detokenize(theirs), strict=True):
        assert np.array_equal(a.pixels, b.pixels)
    assert repr(model.image.config) == repr(loaded.image.config)


@pytest.mark.parametrize(("levels", "cell"), [(1, 4), (2, 8), (3, 16)])
def test_every_level_halves_the_raster(levels, cell):
    light = Light(encoder=(8,) * levels, decoder=(8,) * levels, blocks=(1,) * levels)
    model = plain(light=light)
    latents = model.image.encode(torch.zeros(2, 3, 3 * cell, 2 * cell))
    assert model.image.cell == cell
    assert latents.shape == (2, 4, 3, 2)
    assert model.image.decode(latents).shape == (2, 3, 3 * cell, 2 * cell)


@by_kind
def test_a_new_network_learns_pictures_by_heart(kind):
    torch.manual_seed(0)
    model = KINDS[kind]().train().requires_grad_(True)
    task = ReconstructionTask(model, weights=Weights(l1=0.1, divergence=1e-6))
    batch, settings = batch_of(4), Settings(120, learning_rate=5e-3, warmup=5, weight_decay=0.0)
    optimizer = adamw(model, settings)
    losses = [update(task, batch, optimizer, settings, step)[0]["loss"] for step in range(120)]
    assert losses[-1] < 0.35 * task.bounds(batch).blind
    assert losses[-1] < 0.35 * losses[0]


def test_the_divergence_is_that_of_many_draws():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(1, 3, 1, 1), torch.randn(1, 3, 1, 1)
    assert divergence(torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)).tolist() == [0.0, 0.0]
    some = 100_000
    z = drawn(mean.expand(some, 3, 1, 1), log_variance.expand(some, 3, 1, 1))
    inside = -0.5 * (((z - mean) ** 2) / log_variance.exp() + log_variance + math.log(2 * math.pi))
    outside = -0.5 * (z**2 + math.log(2 * math.pi))
    differences = (inside - outside).sum(dim=(1, 2, 3))
    error = float(differences.std()) / some**0.5
    assert abs(float(differences.mean()) - float(divergence(mean, log_variance))) < 4 * error


def test_a_draw_lets_gradients_through():
    mean, log_variance = torch.zeros(1, 1, 1, 1, requires_grad=True), torch.ones(1, 1, 1, 1, requires_grad=True)
    torch.manual_seed(3)
    z = drawn(mean, log_variance)
    z.sum().backward()
    assert float(mean.grad) == 1.0
    assert float(log_variance.grad) == pytest.approx(float(z.detach()) / 2, rel=1e-6)


@pytest.mark.parametrize("wrong", [{"blocks": (1,)}, {"encoder": (8, 0)}, {"encoder": (), "decoder": (), "blocks": ()}])
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(BadArguments, match=r"levels|channels"):
        Light(**{"encoder": (8, 8), "decoder": (8, 8), "blocks": (1, 1)} | wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("encoder_widths", 3), ("blocks", [1]), ("quantizer", "vq("), ("quantizer", "nothing(3)"), ("edge", -1)],
)
def test_broken_settings_are_refused_by_name(tmp_path, name, value):
    save(vqvae(), tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {name: value}))
    with pytest.raises(LoadError, match="levels" if name == "blocks" else name) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)
