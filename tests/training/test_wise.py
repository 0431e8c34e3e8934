"""Mixtures of weights: exact at the ends, number by number between them, and the best one found."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.duals import PICTURES, TEXTS, dual
from towers.peers import SIDE, clip_peer, our_clip

from lexel.errors import BadArguments
from lexel.pictures.published import clip as clip_preparation
from lexel.training import lora, wise

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def model(seed):
    peer = clip_peer(seed=seed)
    return dual(peer, our_clip(peer), clip_preparation(SIDE), name=f"./{seed}")


@pytest.fixture(scope="module")
def before():
    return model(0)


@pytest.fixture(scope="module")
def after():
    return model(1)


def test_the_ends_are_the_two_models_to_the_last_bit(before, after):
    for end, alpha in ((before, 0.0), (after, 1.0)):
        mixed = wise.interpolate(before, after, alpha)
        assert (mixed.embed(PICTURES) == end.embed(PICTURES)).all()
        assert (mixed.embed(TEXTS) == end.embed(TEXTS)).all()


def test_every_number_is_mixed(before, after):
    mixed = wise.interpolate(before, after, 0.3).state_dict()
    for name, value in mixed.items():
        start, end = before.state_dict()[name].double(), after.state_dict()[name].double()
        assert close(value, 0.7 * start + 0.3 * end, tolerance=1e-6), name


def test_a_mixture_touches_neither_model_and_is_another_one(before, after):
    was = after.embed(PICTURES)
    mixed = wise.interpolate(before, after, 0.5)
    with torch.no_grad():
        for parameter in mixed.parameters():
            parameter.zero_()
    assert (after.embed(PICTURES) == was).all()
    assert mixed.digest not in (before.digest, after.digest)
    assert not mixed.training


def test_the_best_alpha_is_found_by_what_is_measured_first(before, after):
    """The measure is largest where the mixture is nearest to what lies at 0.7."""
    target = wise.interpolate(before, after, 0.7).embed(PICTURES)

    def measure(mixed):
        return {"nearness": float((mixed.embed(PICTURES) * target).sum()), "other": 1.0}

    steps = wise.along(before, after, measure)
    assert [step.alpha for step in steps] == [x / 10 for x in range(11)]
    assert steps[0].measures == measure(before)
    assert steps[-1].measures == measure(after)
    assert wise.best(steps).alpha == 0.7


def test_of_equal_steps_the_one_nearest_to_the_model_before_is_best():
    steps = [wise.Step(alpha, {"acc1": score}) for alpha, score in ((0.0, 0.5), (0.4, 0.9), (0.6, 0.9), (1.0, 0.7))]
    assert wise.best(steps).alpha == 0.4


@pytest.mark.parametrize("alpha", [-0.1, 1.5, np.nan])
def test_an_alpha_off_the_line_is_refused(before, after, alpha):
    with pytest.raises(BadArguments, match="between 0 and 1"):
        wise.interpolate(before, after, alpha)


def test_models_of_two_architectures_are_not_mixed(before):
    with pytest.raises(BadArguments, match="not of one architecture") as raised:
        wise.interpolate(before, lora.add(before), 0.5)
    assert raised.value.hint == "adapters are merged first"
