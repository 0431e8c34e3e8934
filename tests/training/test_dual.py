"""Contrastive training: gradients are those of transformers, in chunks and with locked towers, and it learns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from loading.references import CLIP, SIGLIP, noisy, saved
from tolerances import close
from training.small import CAPTIONS, Drawings, batch, dual, gradients
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from lexel.errors import BadArguments, LoadError
from lexel.loading.layouts import clip as clip_layout
from lexel.loading.layouts import siglip as siglip_layout
from lexel.loading.load import load
from lexel.nn.loaded import changed
from lexel.training import fresh
from lexel.training.contrastive import MAX_LOGIT_SCALE, clip_loss, siglip_loss
from lexel.training.dual import DualTask
from lexel.training.loader import Batch
from lexel.training.trainer import Settings, adamw, update
from lexel.words.value import Words

FAMILIES = {
    "clip": (lambda: CLIPModel(CLIPConfig(**CLIP, projection_dim=24)), clip_layout.KEYS),
    "siglip": (lambda: SiglipModel(SiglipConfig(**SIGLIP)), siglip_layout.KEYS),
}
LOSSES = {"clip": clip_loss, "siglip": siglip_loss}
each_loss = pytest.mark.parametrize("loss", LOSSES)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_equal_those_of_transformers(family, tmp_path):
    make, table = FAMILIES[family]
    theirs = noisy(make())
    ours = load(saved(theirs, tmp_path / "model")).trainable().double()
    theirs = theirs.double().requires_grad_(True)
    draw = torch.Generator().manual_seed(3)
    pixels = torch.randn(6, 3, 28, 28, generator=draw, dtype=torch.float64)
    ids = torch.randint(3, 60, (6, 16), generator=draw)
    ids[:, -1] = 63
    if family == "clip":  # texts end where they end
        for row, stop in enumerate((4, 9, 9, 15, 2, 5)):
            ids[row, stop:] = 63
    theirs(input_ids=ids, pixel_values=pixels, return_loss=True).loss.backward()

    ours.speller = SimpleNamespace(pad=1)  # they are spelled already
    found = DualTask(ours).gradients(Batch(pixels, spelled(ids, end=63), torch.arange(6)), 0)
    assert found["scale"] == pytest.approx(theirs.logit_scale.exp().item())
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, gradient in gradients(ours).items():
        for published, part in table.stored(name, gradient).items():
            assert close(part, expected.pop(published).reshape(part.shape), dtype="float64", tolerance=1e-9), name
    assert not expected


def spelled(ids, *, end):
    """Rows of ids as words: each text ends at its first end token."""
    rows = [row[: row.tolist().index(end) + 1] for row in ids]
    flat, splits = torch.cat(rows).int().numpy(), np.cumsum([0, *map(len, rows)])
    return Words(flat, splits, np.zeros((len(flat), 2), np.int32), ("",) * len(ids))


def by_hand(model, given, chunk):
    """One graph over all chunks, dropout drawn chunk by chunk, and the loss as its paper writes it."""
    ids, unit = model.text.arrange(given.words, model.speller.pad), torch.nn.functional.normalize
    images, texts = [], []
    for start in range(0, len(ids), chunk):
        part = slice(start, start + chunk)
        images.append(unit(model.image.pooled(model.image.encode_pixels(given.pixels[part]))))
        texts.append(unit(model.text.pooled(model.text.encode_ids(ids[part]), ids[part])))
    biased = model.logit_bias is not None
    learned = [model.logit_scale, model.logit_bias] if biased else [model.logit_scale]
    value = LOSSES["siglip" if biased else "clip"](torch.cat(images), torch.cat(texts), *learned)
    value.backward()
    return value.item(), gradients(model)


def agree(ours, expected, **how):
    return ours.keys() == expected.keys() and all(close(ours[name], expected[name], **how) for name in expected)


@each_loss
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [0, 1, 4])
def test_chunks_give_the_gradients_of_the_whole_batch(loss, dropout, chunk):
    ours, theirs = dual(loss, dropout=dropout).double(), dual(loss, dropout=dropout).double()
    given = batch(ours, 6, dtype=torch.float64)
    torch.manual_seed(1)
    found = DualTask(ours).gradients(given, chunk)
    torch.manual_seed(1)
    value, expected = by_hand(theirs, given, chunk or len(given))
    assert found["loss"] == pytest.approx(value, rel=1e-12)
    assert agree(gradients(ours), expected, dtype="float64", tolerance=1e-10)


@each_loss
def test_autocast_rounds_chunks_and_the_whole_alike(loss):
    model = dual(loss)
    given, task, found = batch(model), DualTask(model), {}
    for chunk in (0, 5):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            found[chunk] = task.gradients(given, chunk)["loss"], gradients(model)
    model.zero_grad()
    task.gradients(given, 0)
    assert found[0][0] == pytest.approx(found[5][0], rel=1e-3)
    assert agree(found[0][1], gradients(model), tolerance=0.05)
    assert agree(found[5][1], found[0][1], tolerance=0.01)


@each_loss
@pytest.mark.parametrize("chunk", [0, 5])
@pytest.mark.parametrize("what", ["text", "image", "projection"])
def test_a_part_learns_as_it_would_with_the_others(loss, chunk, what):
    whole, part = dual(loss).double(), fresh.trained(dual(loss).double(), what)
    given = batch(whole, dtype=torch.float64)
    DualTask(whole).gradients(given, 0)
    DualTask(part).gradients(given, chunk)
    learned = gradients(part)
    paths = {
        "text": ("text.",),
        "image": ("image.",),
        "projection": ("image.projection", "image.head", "text.projection"),
    }
    assert learned.keys() == {name for name in gradients(whole) if name.startswith(("logit_", *paths[what]))}
    assert agree(learned, {name: gradients(whole)[name] for name in learned}, dtype="float64", tolerance=1e-10)


def test_a_locked_tower_runs_once_without_a_graph():
    model, seen = fresh.trained(dual(), "text"), []
    see = model.image.trace
    model.image.trace = lambda pixels: seen.append((len(pixels), torch.is_grad_enabled())) or see(pixels)
    DualTask(model).gradients(batch(model), 6)
    assert seen == [(6, False), (6, False), (4, False)]


def test_batch_normalisation_is_refused_in_chunks():
    model = dual()
    model.image = changed(model.image, norm_out=torch.nn.BatchNorm1d(24))
    DualTask(model).gradients(batch(model), 0)
    with pytest.raises(BadArguments, match="batch normalisation mixes the samples of a chunk"):
        DualTask(model).gradients(batch(model), 5)


def test_the_scale_stays_within_its_range():
    model = dual()
    task = DualTask(model)
    for value, kept in ((9.0, MAX_LOGIT_SCALE), (-1.0, 0.0), (2.0, 2.0)):
        with torch.no_grad():
            model.logit_scale.fill_(value)
        task.after_step()
        assert model.logit_scale.item() == pytest.approx(kept)


def test_half_a_model_cannot_be_trained():
    model = dual()
    model.text = None
    with pytest.raises(LoadError, match="has not both towers and a tokenizer"):
        DualTask(model)


@each_loss
def test_it_learns_which_caption_belongs_to_which_drawing(loss):
    """Held out are the same drawings with captions in capitals too, one of them unreadable: most are found."""
    model = dual(loss)
    task, settings = DualTask(model, Drawings(broken=[3])), Settings(steps=100, learning_rate=5e-3)
    before, optimizer = task.measure(), adamw(model, settings)
    given = batch(model)
    found = [update(task, given, optimizer, settings, step)[0] for step in range(60)]
    after = task.measure()
    assert next(iter(after)) == "image_retrieval_recall@1"
    assert before["image_retrieval_recall@1"] < 0.3
    assert min(after["image_retrieval_recall@1"], after["text_retrieval_recall@1"]) > 0.6
    assert found[-1]["loss"] < 0.4 * found[0]["loss"]
    assert found[-1]["images_alike"] < 0.2 < found[0]["images_alike"]
    assert all(part.training for part in model.modules())


def test_without_held_out_pairs_there_is_nothing_to_measure():
    assert DualTask(dual()).measure() == {}
    assert DualTask(dual(), Drawings(broken=range(16))).measure() == {}


def test_copies_in_a_batch_cost_what_no_model_can_avoid():
    """With n copies CLIP's best is ln n; SigLIP's is one yes among n equal questions, each answered 1/n."""
    for loss, alike, two in (("clip", np.log(4), np.log(2)), ("siglip", 4 * np.log(4) - 3 * np.log(3), np.log(4))):
        model = dual(loss)
        task, given = DualTask(model), batch(model, 4)
        captions = Batch(given.pixels, model.speller([CAPTIONS[0]] * 4), given.indices)
        both = Batch(given.pixels[[1, 1, 1, 1]], captions.words, given.indices)
        half = Batch(given.pixels[[0, 0, 1, 1]], given.words, given.indices)
        for one, lowest, why in (
            (given, 0, ""),
            (captions, alike, "all 4 captions are alike"),
            (both, alike, "all 4 captions and pictures are alike"),
            (half, two, ""),
        ):
            found = task.bounds(one)
            assert (found.lowest, found.blind) == (pytest.approx(lowest), pytest.approx(alike))
            assert found.why == why


def test_no_model_beats_the_lowest_loss_of_copies():
    """Features that are as good as they can be, at scales from 1 to 100: the lowest is nearly reached, never passed."""
    owner = torch.tensor([0, 0, 0, 1, 2])
    images, texts = torch.eye(5), torch.eye(5)[owner]
    images[:3] = images[0]
    images[3:], texts[3:] = torch.eye(5)[1:3], torch.eye(5)[1:3]
    found = [clip_loss(images, texts, torch.tensor(scale)).item() for scale in np.linspace(0, np.log(100), 50)]
    lowest = 3 / 5 * np.log(3)
    assert lowest <= min(found) + 1e-6 < lowest + 1e-4


@each_loss
def test_a_batch_is_as_large_as_what_goes_through_the_towers(loss):
    model = dual(loss)
    words = 24 * 5 if loss == "siglip" else sum(len(model.speller([text]).ids) for text in CAPTIONS[:5])
    assert DualTask(model).size(batch(model, 5)) == (5, 5 * (17 if loss == "clip" else 16) + words)
