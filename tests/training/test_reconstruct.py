"""Visual vocabularies: gradients of parts are those of the whole, codebooks move after the step, health is counted."""

import math
from copy import deepcopy

import pytest
import torch
from autoencoders.light import LIGHT, plain, vae, vqvae
from autoencoders.peers import bare, vqvae2
from training.small import Drawings, batch_of, gradients

from lexel.errors import BadArguments
from lexel.loading.load import load
from lexel.training.losses import Weights
from lexel.training.reconstruct import ReconstructionTask
from lexel.training.trainer import Settings, adamw, update

AVERAGES = "vq(4, codebook_size=16, decay=0.9)"


def learning(model):
    return model.train().requires_grad_(True)


@pytest.mark.parametrize("make", [vqvae, plain], ids=["vqvae", "plain"])
def test_chunks_add_up_to_the_gradient_of_the_batch(make):
    whole = learning(make())
    parts = deepcopy(whole)
    batch = batch_of(7)
    at_once = ReconstructionTask(whole).gradients(batch, 0)
    in_parts = ReconstructionTask(parts).gradients(batch, 3)
    assert in_parts == pytest.approx(at_once, rel=1e-5)
    expected = gradients(parts)
    for name, gradient in gradients(whole).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6, rtol=1e-4), name


def test_the_loss_is_the_weighted_sum_of_its_terms():
    model = learning(plain())
    pixels = batch_of(3).pixels
    found = ReconstructionTask(model, weights=Weights(l1=0.5, l2=2.0)).gradients(batch_of(3), 0)
    with torch.no_grad():
        difference = model.image.decode(model.image.encode(pixels)) - pixels
    assert found["l1"] == pytest.approx(0.5 * float(difference.abs().mean()), rel=1e-5)
    assert found["l2"] == pytest.approx(2.0 * float(difference.square().mean()), rel=1e-5)
    assert found["loss"] == pytest.approx(found["l1"] + found["l2"], rel=1e-6)


def test_a_codebook_of_averages_moves_after_the_step_by_all_chunks():
    model = learning(vqvae(AVERAGES))
    task, batch = ReconstructionTask(model), batch_of(6)
    before = model.image.quantizer.codebook.clone()
    task.gradients(batch, 4)
    assert torch.equal(model.image.quantizer.codebook, before)
    task.after_step()
    assert not torch.equal(model.image.quantizer.codebook, before)
    cells = 6 * (16 // LIGHT.cell) ** 2
    assert float(model.image.quantizer.averages.counts.sum()) == pytest.approx(cells)


def test_a_run_is_measured_as_its_pictures_come_back():
    torch.manual_seed(0)
    model = learning(vqvae(AVERAGES))
    task = ReconstructionTask(model, Drawings(broken=(3,)))
    first = task.measure()
    settings = Settings(60, learning_rate=5e-3, warmup=5)
    optimizer = adamw(model, settings)
    for step in range(60):
        update(task, batch_of(16), optimizer, settings, step)
    last = task.measure()
    assert model.training
    assert last["psnr"] > first["psnr"] + 3
    assert 1 <= last["perplexity"] <= 16
    assert 0 < last["used"] <= 1
    alone = [model.eval().detokenize(model.tokenize([picture]))[0] for picture in map(Drawings().picture, (0, 1))]
    errors = [
        (torch.tensor(a.pixels).float() - torch.tensor(Drawings().picture(i).pixels)).square().mean()
        for i, a in enumerate(alone)
    ]
    few = ReconstructionTask(model, Two()).measure()["psnr"]
    assert few == pytest.approx(sum(10 * math.log10(255**2 / float(e)) for e in errors) / 2, abs=0.05)


class Two(Drawings):
    def __len__(self):
        return 2


def test_nothing_is_measured_where_nothing_is_held_out():
    assert ReconstructionTask(learning(vae())).measure() == {}


def test_a_network_of_several_maps_is_refused(tmp_path):
    with pytest.raises(BadArguments, match="several maps"):
        ReconstructionTask(load(bare(vqvae2(), tmp_path)))


def test_blind_is_the_best_colour_and_nothing_else():
    batch = batch_of(4)
    bounds = ReconstructionTask(learning(plain()), weights=Weights(l1=1.0, l2=0.0)).bounds(batch)
    flat = batch.pixels.permute(1, 0, 2, 3).flatten(1)
    for shift in (-0.1, 0.1):
        other = (flat - flat.median(dim=1, keepdim=True).values - shift).abs().mean()
        assert bounds.blind <= float(other)
    assert bounds.lowest == 0.0
