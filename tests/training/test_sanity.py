"""A model that is sound learns a batch by heart; each of the others is named in a sentence."""

import re

import pytest
import torch
from training.small import CAPTIONS, Always, batch, dual
from training.test_masked import SIZES, drawings

from lexel.training import fresh, sanity
from lexel.training.dual import DualTask
from lexel.training.loader import Batch
from lexel.training.masked import MaskedLoader, MaskedTask
from lexel.training.trainer import Settings

SETTINGS = Settings(steps=1000, learning_rate=2e-3, warmup=500)


def checked(model, given=None, settings=SETTINGS):
    return sanity.check(DualTask(model), Always(given or batch(model, 8)), settings)


@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_a_sound_model_is_sane_and_is_what_it_was(loss):
    model = dual(loss)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = checked(model)
    assert found.wrong == ""
    assert found.last < 0.7 * found.bounds.blind < found.first
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_masked_autoencoder_is_sane():
    loader = MaskedLoader(Always(drawings()), 4)
    assert sanity.check(MaskedTask(fresh.mae(*SIZES)), loader, SETTINGS).wrong == ""


def test_a_careful_rate_is_raised_to_see_whether_the_model_can_learn(monkeypatch):
    monkeypatch.setattr(sanity, "UPDATES", 20)
    found = checked(dual(), settings=Settings(steps=1000, learning_rate=1e-5))
    assert (found.wrong, found.rate) == ("", pytest.approx(1e-3))


def test_a_rate_of_nothing_is_named():
    assert checked(dual(), settings=Settings(steps=10, learning_rate=0.0)).wrong == (
        "the learning rate is 0: no update changes anything"
    )


def test_a_locked_model_is_named():
    model = dual().requires_grad_(False)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert checked(model).wrong == f"nothing is trained: all {count:,} parameters are locked"


def test_captions_that_are_all_alike_are_named():
    model = dual()
    given = batch(model, 8)
    alike = Batch(given.pixels, model.speller([CAPTIONS[0]] * 8), given.indices)
    assert checked(model, alike).wrong == "there is nothing to learn: all 8 captions are alike"


def test_pictures_that_are_all_alike_are_named():
    model = dual()
    given = batch(model, 8)
    alike = Batch(given.pixels[:1].repeat(8, 1, 1, 1), given.words, given.indices)
    assert checked(model, alike).wrong == "there is nothing to learn: all 8 pictures are alike"


def test_a_tower_that_no_gradient_reaches_is_named():
    model = dual()
    see = model.image.trace
    model.image.trace = lambda pixels: see(pixels).then(Detached())
    model.image.projection.requires_grad_(False)
    assert checked(model).wrong.startswith("no gradient reaches image.class_token and ")


class Detached(torch.nn.Module):
    def forward(self, x):
        return x.detach()


def test_a_model_that_cannot_learn_is_named(monkeypatch):
    """It moves all texts alike."""
    model = dual().requires_grad_(False)
    model.text.norm_out.bias.requires_grad_(True)
    monkeypatch.setattr(sanity, "UPDATES", 10)
    assert re.fullmatch(
        r"10 updates on one batch bring the loss from 2\.\d+ to 2\.\d+, and a model that sees nothing reaches 2\.08",
        checked(model).wrong,
    )


def test_numbers_that_are_not_finite_are_named():
    model = dual()
    torch.nn.init.constant_(model.text.projection.weight, torch.inf)
    assert checked(model).wrong.startswith("step 1: not finite: loss nan")
