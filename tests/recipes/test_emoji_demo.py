"""The recipe of the toy: what it draws anew is a drawing still, and every batch follows from its step."""

import importlib
import sys
from collections import Counter
from random import Random

import pytest
import torch
from house.plan import ROOT

from lexel.cli import toy

SAID = {"en": ("dog face", ["dog", "pet", "puppy", "animal"]), "de": ("Hundegesicht", []), "ja": ("イヌの顔", ["犬"])}


@pytest.fixture(scope="module")
def recipe():
    """Its modules by name, as its scripts import them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "recipes" / "emoji-demo")
        yield {name: importlib.import_module(name) for name in ("restyle", "drawings")}
        for name in ("restyle", "drawings"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def pixels():
    """uint8 [40, 4, 64, 64]: shipped drawings, white being transparent."""
    levels = torch.stack([torch.from_numpy(drawn.picture.pixels.copy()) for drawn in toy.drawings()[:40]])
    levels = levels.permute(0, 3, 1, 2)
    return torch.cat([levels, 255 * (levels < 250).any(1, keepdim=True)], 1).byte()


def restyled(recipe, pixels, strength, seed=0):
    return recipe["restyle"].restyled(pixels, strength, torch.Generator().manual_seed(seed))


def test_the_same_seed_draws_the_same_and_another_one_does_not(recipe, pixels):
    assert torch.equal(restyled(recipe, pixels, 1.0), restyled(recipe, pixels, 1.0))
    different = restyled(recipe, pixels, 1.0) != restyled(recipe, pixels, 1.0, seed=1)
    assert different.flatten(1).any(1).all()


@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_levels_stay_levels(recipe, pixels, strength):
    levels = restyled(recipe, pixels, strength)
    assert levels.shape == (40, 3, 64, 64)
    assert levels.min() >= 0
    assert levels.max() <= 1.001


def test_without_strength_a_drawing_is_nearly_what_it_was(recipe, pixels):
    shape = recipe["restyle"].on_white(pixels)
    stayed = (restyled(recipe, pixels, 0.0) - shape).abs().flatten(1).mean(1)
    changed = (restyled(recipe, pixels, 1.0) - shape).abs().flatten(1).mean(1)
    assert stayed.median() < 0.02 < 0.1 < changed.median()


def test_batches_are_permutations_one_behind_the_other(recipe):
    samples = recipe["drawings"].samples
    seen = torch.cat([samples(10, 4, step, 0) for step in range(10)])
    for epoch in seen.split(10):
        assert sorted(epoch.tolist()) == list(range(10))
    assert not torch.equal(seen[:10], seen[10:20])
    assert torch.equal(samples(10, 4, 7, 0), seen[28:32])


def test_captions_are_as_often_as_is_said(recipe):
    captions = recipe["drawings"].Captions(english=0.5, label=0.5, tag=0.2)
    dice = Random(0)
    said = Counter(captions.of(SAID, dice) for _ in range(6000))
    english = {"dog face", "dog", "pet", "puppy", "animal"}
    labels = said["dog face"] / 6000  # half of the English ones, which are half and a third of the rest
    assert labels == pytest.approx((0.5 + 0.5 / 3) * 0.5, abs=0.02)
    tags = sum(said[tag] for tag in english - {"dog face"}) / 6000
    assert tags == pytest.approx((0.5 + 0.5 / 3) * 0.2, abs=0.02)
    assert said["Hundegesicht"] / 6000 == pytest.approx(0.5 / 3, abs=0.02)  # it has no tag
    assert max(caption.count(", ") for caption in said) == recipe["drawings"].TAGS
