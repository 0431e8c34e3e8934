"""MaskGIT: how many cells are hidden, in training and after each step."""

from itertools import pairwise

import pytest
import torch
from diffusers import AmusedScheduler
from generators.networks import prior, rasters
from hypothesis import given
from hypothesis import strategies as st

from lexel.generators.maskgit import MaskGIT, left

PUBLISHED = {  # the state after the last step of the published loop has one cell open: its answer is what came before
    (256, 8): [251, 236, 212, 181, 142, 97, 49, 1],
    (256, 12): [253, 247, 236, 221, 203, 181, 155, 128, 97, 66, 33, 1],
    (64, 8): [62, 59, 53, 45, 35, 24, 12, 1],
    (32, 8): [31, 29, 26, 22, 17, 12, 6, 1],
}


@pytest.mark.parametrize(("count", "steps"), PUBLISHED)
def test_as_many_cells_are_hidden_as_published(count, steps):
    assert left(count, steps) == [*PUBLISHED[count, steps][:-1], 0]


@pytest.mark.parametrize("steps", [1, 2, 8, 10])
@pytest.mark.parametrize("side", [2, 4, 16])
def test_masks_are_those_of_amused(side, steps):
    """The scheduler of diffusers, step by step. Of 12, its float32 takes cos(π/3) for less than ½."""
    theirs = AmusedScheduler(mask_token_id=11)
    theirs.set_timesteps(steps)
    sample, draw, counts = torch.full((1, side, side), 11), torch.Generator().manual_seed(0), []
    for time in theirs.timesteps:
        logits = torch.randn(1, 11, side, side, generator=draw)
        sample = theirs.step(logits, time, sample, generator=draw).prev_sample
        counts.append(int((sample == 11).sum()))
    assert left(side * side, steps) == counts


@given(st.integers(0, 300), st.integers(1, 30))
def test_fewer_are_open_after_each_step(count, steps):
    counts = [count, *left(count, steps)]
    assert len(counts) == steps + 1
    assert counts[-1] == 0
    assert all(a >= b for a, b in pairwise(counts))
    assert all(a > b for a, b in pairwise(counts) if a > 1)


@given(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_hidden_cells_count_alike_and_1_together(count, h, w, seed):
    lots = MaskGIT().lots((count, h, w), seed=seed)
    assert lots.shape == (count, h, w)
    assert torch.equal(lots, MaskGIT().lots((count, h, w), seed=seed))
    if lots.numel():
        assert ((lots > 0).sum((1, 2)) >= 1).all()
        assert lots.sum().item() == pytest.approx(1)
        assert len(lots[lots > 0].unique()) == 1


def test_a_share_of_a_cosine_is_hidden_anywhere():
    hidden = MaskGIT().lots((4000, 2, 8), seed=1) > 0
    assert hidden.float().mean().item() == pytest.approx(2 / torch.pi + 0.5 / 16, abs=0.01)  # rounded up
    assert hidden.float().mean(0).std() < 0.02


def test_the_surest_cells_are_kept_first():
    """Without noise, as the literal loop does it."""
    network, codes = prior(), rasters(1, 3, 4)
    codes[0, :2] = network.blank
    way = MaskGIT(steps=3, temperature=1e-9, choice_temperature=0.0)  # what is drawn is the likeliest
    state = codes.clone()
    for count in left(8, 3):
        sure, likely = (network(state) / 1e-9).double().log_softmax(-1).max(-1)
        was = state == network.blank
        state = torch.where(was, likely, state)
        order = sure.where(was, torch.inf).flatten().argsort(stable=True)
        answer = state.clone()
        state.view(-1)[order[:count]] = network.blank
    assert torch.equal(way.filled(network, codes, seed=0), answer)
