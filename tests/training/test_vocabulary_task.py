"""Vocabularies in training: what moves whom, what is told of codes, and that chunks and processes change nothing."""

import signal

import pytest
import torch
from training.forked import losses, processes, weights
from training.small import Always, gradients
from training.tasks import Notes
from training.visual import AVERAGES, loader, model, task

from lexel.training.discriminator import judged
from lexel.training.kept import undone
from lexel.training.losses import Weights
from lexel.training.sanity import Learnable
from lexel.training.trainer import Settings, adamw, train, update

FSQ = "fsq(5, 5, 5)"


def test_it_keeps_the_protocol():
    assert isinstance(task(model()), Learnable)


@pytest.mark.parametrize("kind", ["vqvae", "autoencoder", "vae"])
def test_every_kind_learns_squares(kind, tmp_path):
    made = task(model(kind, quantizer=FSQ))
    before, notes = made.measure(), Notes()
    train(made, loader(), Settings(steps=40, learning_rate=8e-3, save_every=40), tmp_path, notes)
    assert made.measure()["psnr"] > before["psnr"] + 2
    assert notes.losses[-1][1] < 0.7 * notes.losses[0][1]


def test_before_its_start_a_judge_changes_nothing():
    batch = loader()[0]
    plain, judged = task(model()), task(model(), start=1)
    for one in (plain, judged):
        one.gradients(batch, 0)
    assert all(p.grad is None for p in judged.module.judge.parameters())
    theirs = gradients(plain.model)
    assert all(torch.equal(found, theirs[name]) for name, found in gradients(judged.model).items())


@pytest.mark.parametrize("against", ["hinge", "logistic"])
def test_from_its_start_both_have_gradients_and_neither_that_of_the_other(against):
    batch = loader()[0]
    plain, made = task(model()), task(model(), start=0, against=against)
    plain.gradients(batch, 0)
    found = made.gradients(batch, 0)
    assert {"loss", "l2", "commitment", "judge", "fooled", "listens"} <= found.keys()
    assert all(p.grad.abs().sum() > 0 for name, p in made.module.judge.named_parameters() if name != "main.11.bias")
    ours, theirs = (one.model.image.decoder.conv_out.weight.grad for one in (made, plain))
    added = ours - theirs  # what the judge asks for: at the last layer half as long, by its weight
    assert added.norm().item() == pytest.approx(0.5 * theirs.norm().item(), rel=0.02)

    alone = gradients(made.module.judge)
    made.module.zero_grad()
    judge, pixels = made.module.judge, batch.pixels
    painted = made._painted(pixels)[0].detach()
    judged(judge(pixels), judge(painted), against).backward()
    assert all(torch.allclose(alone[name], value, atol=1e-6) for name, value in gradients(judge).items())


def test_a_judge_begins_after_so_many_updates(tmp_path):
    made = task(model(), start=3)
    told = []

    class Told(Notes):
        def step(self, step, losses, facts):
            told.append("judge" in losses)

    train(made, loader(), Settings(steps=6, save_every=2), tmp_path, Told())
    assert told == [False] * 3 + [True] * 3
    assert made.module.updates == 6


def test_chunks_change_nothing_but_the_memory():
    batch = loader()[0]
    found = []
    for chunk in (0, 4):
        made = task(model(), weights=Weights(l1=1.0, l2=0.0, ssim=0.1))
        values = made.gradients(batch, chunk)
        torch.manual_seed(0)  # of the k-means that begins the codebook
        made.after_step()
        found.append((values, gradients(made.model), made.model.image.quantizer.codebook))
    (values, ours, codebook), (again, theirs, same) = found
    assert again == pytest.approx(values, abs=1e-6)
    assert all(torch.allclose(ours[name], value, atol=1e-6) for name, value in theirs.items())
    assert torch.allclose(codebook, same, atol=1e-5)


def test_codes_are_found_in_full_precision_where_the_rest_is_not():
    made, seen = task(model(quantizer="simvq(4, codebook_size=16)")), []
    made.model.image.quantizer.register_forward_pre_hook(
        lambda module, given: seen.append((given[0].dtype, torch.is_autocast_enabled("cpu")))
    )
    settings = Settings(steps=1, precision="bfloat16")
    update(made, loader()[0], adamw(made.module, settings), settings, 0)
    assert seen == [(torch.float32, False)]


def test_codes_are_watched_once_enough_were_seen():
    made = task(model(quantizer=AVERAGES))
    told = []
    for step in range(6):
        told.append(made.gradients(loader()[step], 0))
        made.after_step()
    assert all({"used", "dead", "perplexity"} <= one.keys() for one in told)  # 96 codes a step, 16 in all
    last = told[-1]
    assert last["dead"] == round(16 * (1 - last["used"]))
    assert 1 <= last["perplexity"] <= 16
    assert "used" not in task(model("vae")).gradients(loader()[0], 0)


def test_sanity_undoes_what_was_remembered():
    """Everything that a step changes is in the state of the module."""
    made = task(model(), start=0)
    before = {name: value.clone() for name, value in made.module.state_dict().items()}
    assert {"updates", "health.counts0", "model.image.quantizer.codebook"} < before.keys()
    settings = Settings(steps=4, learning_rate=1e-2)
    with undone(made.module):
        optimizer = adamw(made.module, settings)
        for step in range(3):
            update(made, Always(loader()[0])[step], optimizer, settings, step)
        changed = made.module.state_dict()
        assert not any(torch.equal(changed[name], value) for name, value in before.items() if "norm" not in name)
    assert all(torch.equal(made.module.state_dict()[name], value) for name, value in before.items())


def test_a_run_with_averages_and_a_judge_goes_on_with_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    kills = [[(killed, moment, 0, 1, 0)] for moment in (6, 14, 25, 40)]
    alone, last = (whole, 0, 0, 1, 0), (killed, 0, 0, 1, 0)
    first, *died, end = processes("training.visual:watched", [alone], *kills, [last])
    assert (first, end) == ([0], [0])
    assert sum(status == [-signal.SIGKILL] for status in died) >= 3
    assert losses(killed) == losses(whole)
    assert all(torch.equal(weights(killed)[name], value) for name, value in weights(whole).items())
