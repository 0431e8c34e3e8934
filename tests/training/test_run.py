"""A run from its file to its model, for every task, and what stops it."""

import io
import json
import os
import re
import signal

import pytest
import torch
from evals.test_perceptual import weights
from safetensors.torch import save_file
from training.shapes import begin, change, draw, told

from lexel.drawing.terminal import console
from lexel.errors import BadArguments, DataError, LoadError, TrainingError
from lexel.loading.load import load
from lexel.pictures.read import read
from lexel.settings import Settings
from lexel.training import sanity, state, trainer
from lexel.training.run import run
from lexel.training.sanity import Sanity


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("data") / "shapes")


@pytest.fixture(autouse=True)
def learns(monkeypatch):
    """The sanity run takes longer than all the rest; it has tests of its own."""
    monkeypatch.setattr(sanity, "check", lambda *given: Sanity("", 3.0, 0.5, updates=9))


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """A small CLIP that was trained; answers its folder, and what was said meanwhile."""
    folder = begin("clip", tmp_path_factory.mktemp("runs") / "trained", shapes)
    return folder, go(folder)[1]


def go(folder, **how):
    """(how it went, what was said)."""
    said = io.StringIO()
    return run(folder, console(Settings(folder, folder, columns=100, color=False), said), **how), said.getvalue()


def test_a_clip_is_trained_measured_and_told(trained, shapes):
    folder, said = trained
    went, again = go(folder)
    assert went.exit == 3  # a picture is cut
    assert (went.model, went.steps) == (folder / "model", 15)
    assert said.splitlines()[-2].startswith("result  R@1 text → picture ")
    assert said.splitlines()[-2].endswith(" %, 8 held out")
    assert "goes on after 15 of 15 steps" in again
    lines = told(folder)
    assert [line["step"] for line in lines if line["measures"]] == [0, 5, 10, 15]
    assert lines[1]["loss"] > lines[-2]["loss"]
    assert went.measures == lines[-1]["measures"]
    assert f"| R@1 text → picture | {100 * lines[0]['measures']['image_retrieval_recall@1']:.1f} % |" in (
        folder / "README.md"
    ).read_text(encoding="utf-8")
    assert str(shapes) not in (folder / "README.md").read_text(encoding="utf-8")


def test_a_masked_autoencoder_is_trained_without_captions(shapes, tmp_path):
    folder = begin("mae", tmp_path / "mine", shapes, epochs=2.0)
    went, said = go(folder)
    assert "42 pictures to learn from, 8 held out" in said  # the one without a caption counts
    assert set(went.measures) == {"explained"}
    assert load(folder / "model").tokenize([]).data.shape == (0, 32)


CELLS = {"width": 16, "blocks": 0, "edge": 64, "side": 32, "each": 2, "measures": 2}


@pytest.fixture(scope="module")
def vocabulary(shapes, tmp_path_factory):
    """A small vocabulary that was trained, with a judge; answers its folder, how it went, and what was said."""
    folder = tmp_path_factory.mktemp("runs") / "cells"
    begin("tokenizer", folder, shapes, epochs=3.0, weight=0.1, quantizer="vq(4, codebook_size=16, decay=0.9)", **CELLS)
    return folder, *go(folder)


def test_a_tokenizer_is_trained_and_gives_pictures_back(vocabulary, shapes):
    folder, went, said = vocabulary
    assert went.exit == 3  # a picture is cut
    assert "model   tokenizer, 0.0" in said  # the judge does not count
    assert "42 pictures to learn from, 8 held out" in said
    assert list(went.measures) == ["psnr", "used", "perplexity"]
    assert told(folder)[0]["measures"]["psnr"] < went.measures["psnr"]
    model = load(folder / "model")
    tokens = model.tokenize(read([shapes / "red-bar-blue.png"]))
    assert (tokens.total, tokens.space.codebook) == (25, (16,))
    [back] = model.detokenize(tokens)
    assert back.pixels.shape == (40, 40, 3)


def test_codes_and_judge_are_watched(vocabulary):
    folder, *_ = vocabulary
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert {"used", "dead", "perplexity"} <= steps[-1].keys()
    assert ["judge" in line for line in steps] == [False] * 8 + [True] * 8  # after half of the run
    page = (folder / "curve.html").read_text(encoding="utf-8")
    assert "share of all codes, %" in page


def test_the_card_of_a_tokenizer_compares_it_at_the_same_bits(vocabulary):
    text = (vocabulary[0] / "README.md").read_text(encoding="utf-8")
    assert "A visual vocabulary: a code of vq(4, codebook_size=16, decay=0.9) for each 8 × 8 pixels" in text
    assert re.search(r"\| this vocabulary \| 0\.0625 \| \d+\.\d\d dB \| ", text.replace("0.062 ", "0.0625 "))
    assert "| k-means of 8 × 8 blocks, K = 16 |" in text
    assert "transformers" not in text


def test_a_vocabulary_of_vectors_has_their_scale(shapes, tmp_path):
    folder = begin("tokenizer", tmp_path / "mine", shapes, epochs=1.0, kind="vae", **CELLS)
    went, _ = go(folder)
    assert list(went.measures) == ["psnr"]
    model = load(folder / "model")
    data = model.tokenize(read([shapes / "red-bar-blue.png"]), scaled=True).data
    assert data.shape == (25, 8)
    assert "| this vocabulary | — |" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_perceptual_loss_takes_the_files_that_are_said(shapes, tmp_path):
    features, lin = weights("alex")
    folder = begin(
        "tokenizer", tmp_path / "mine", shapes, perceptual=0.5, trunk="files/t.safetensors", lin="files/l.safetensors",
        epochs=0.5, kind="autoencoder", **CELLS,
    )  # fmt: skip
    with pytest.raises(LoadError, match=r"t\.safetensors"):
        go(folder)
    (folder / "files").mkdir()
    save_file(features, folder / "files" / "t.safetensors")
    save_file(lin, folder / "files" / "l.safetensors")
    go(folder)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert next(line for line in lines if "loss" in line)["perceptual"] > 0
    assert 'trunk = "t.safetensors"' in (folder / "README.md").read_text(encoding="utf-8")
    change(folder / "mine.toml", trunk="")
    with pytest.raises(BadArguments, match="a perceptual loss needs a network"):
        go(folder, overwrite=True)


def test_what_makes_no_codes_is_refused_before_anything_begins(shapes, tmp_path):
    with pytest.raises(BadArguments, match="fsq"):
        go(begin("tokenizer", tmp_path / "a", shapes, quantizer="fsq(1)", **CELLS))
    with pytest.raises(BadArguments, match="weights of losses"):
        go(begin("tokenizer", tmp_path / "b", shapes, l2=0.0, **CELLS))
    with pytest.raises(BadArguments, match="squares of 24 pixels or more, not 16"):
        go(begin("tokenizer", tmp_path / "c", shapes, weight=0.1, **{**CELLS, "side": 16}))


def test_a_siglip_is_trained(shapes, tmp_path):
    folder = begin("siglip", tmp_path / "mine", shapes, epochs=1.0)
    went, _ = go(folder)
    model = load(folder / "model")
    assert model.logit_bias is not None
    assert model.embed(["a red bar"]).shape == (1, 32)
    assert "image_retrieval_recall@1" in went.measures


@pytest.mark.parametrize("what", ["text", "projection", "lora"])
def test_fine_tuning_changes_what_it_says_and_nothing_else(what, trained, shapes, tmp_path):
    start = str(trained[0] / "model")
    folder = begin("finetune", tmp_path / "mine", shapes, start=start, epochs=1.0, train=what)
    go(folder)
    before, after = load(start).state_dict(), load(folder / "model").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])} - {"logit_scale"}
    parts = {
        "text": lambda name: name.startswith("text."),
        "projection": lambda name: "projection" in name,
        "lora": lambda name: ".attention." in name and name.endswith(".weight"),
    }
    assert changed
    assert all(map(parts[what], changed))
    assert told(folder)[0]["step"] == 0  # measured before


def test_mixed_weights_lie_between_those_before_and_after(trained, shapes, tmp_path):
    start = trained[0] / "model"
    folder = begin("finetune", tmp_path / "mine", shapes, start=str(start), epochs=1.0, mix=0.5)
    go(folder)
    after = state.newest(folder / "checkpoints").weights()
    before, mixed = load(start).state_dict(), load(folder / "model").state_dict()
    for name in before:
        assert torch.allclose(mixed[name], (before[name] + after[name]) / 2, atol=1e-6)


def test_fine_tuning_stops_when_it_no_longer_helps_and_says_where_it_hurt(trained, shapes, tmp_path):
    start = str(trained[0] / "model")
    settings = {"epochs": 8.0, "learning_rate": 0.3, "measures": 10, "patience": 2}
    went, said = go(begin("finetune", tmp_path / "mine", shapes, start=start, **settings))
    assert went.steps < 20
    assert f"It no longer got better, so it ended after {went.steps} of 20 steps." in said
    assert "It was better before" in said
    assert f"Training ended after {went.steps} of 20 steps." in (tmp_path / "mine" / "README.md").read_text("utf-8")


def test_a_run_that_is_asked_to_stop_says_how_it_goes_on(shapes, tmp_path, monkeypatch):
    folder = begin("clip", tmp_path / "mine", shapes)
    update = trainer.update

    def stopped(task, batch, optimizer, settings, step):
        if step == 6 and settings.warmup:  # of the run itself
            os.kill(os.getpid(), signal.SIGTERM)
        return update(task, batch, optimizer, settings, step)

    monkeypatch.setattr(trainer, "update", stopped)
    went, said = go(folder)
    assert (went.exit, went.model, went.steps) == (143, None, 7)
    assert said.splitlines()[-2:] == [
        "Stopped after 7 steps; all of them are kept. To go on:",
        f"lexel train {folder}",
    ]
    assert not (folder / "model").exists()


def test_a_dry_run_trains_nothing(shapes, tmp_path):
    folder = begin("clip", tmp_path / "mine", shapes)
    went, said = go(folder, dry_run=True)
    assert (went.exit, went.model) == (0, None)
    assert [line.split()[0] for line in said.splitlines() if not line.startswith(" ")] == [
        "model",
        "data",
        "sanity",
        "plan",
    ]
    assert {path.name for path in folder.iterdir()} == {"mine.toml", "begun.json", "words"}


def test_a_model_that_cannot_learn_is_not_trained_for_hours(shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "check", lambda *given: Sanity("no gradient reaches its eyes"))
    folder = begin("clip", tmp_path / "mine", shapes)
    with pytest.raises(TrainingError, match="does not learn one small batch by heart: no gradient reaches its eyes"):
        go(folder)
    assert not (folder / "checkpoints").exists()
    assert "sanity  no gradient reaches its eyes" in go(folder, anyway=True, dry_run=True)[1]


def test_other_settings_are_another_run(trained, shapes, tmp_path):
    folder = begin("clip", tmp_path / "mine", shapes, epochs=0.5)
    go(folder)
    before = told(folder)
    change(folder / "mine.toml", seed=1)
    with pytest.raises(BadArguments, match=r"run\.seed: was 0, is 1"):
        go(folder)
    assert told(folder) == before
    go(folder, overwrite=True)
    assert told(folder) != before
    assert json.loads((folder / "begun.json").read_text())["run.seed"] == 1


def test_a_batch_is_no_larger_than_the_data(shapes, tmp_path):
    folder = begin("clip", tmp_path / "mine", shapes, batch=1000, chunk=0)
    _, said = go(folder, dry_run=True)
    assert "a batch is 41, not 1,000: there are no more pairs" in said


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"held_out": 49.0}, BadArguments, "0 of 49 are left to train on"),
        ({"source": "nowhere"}, DataError, "nowhere"),
        ({"device": "abacus"}, BadArguments, "abacus"),
    ],
)
def test_what_cannot_be_trained_is_refused(settings, error, says, shapes, tmp_path):
    with pytest.raises(error, match=says):
        go(begin("clip", tmp_path / "mine", shapes, **settings))
