"""The two losses against their sums, cell by cell."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close
from training.drawn import BIAS, SCALE, inputs, unit_rows

from lexel.training.contrastive import MAX_LOGIT_SCALE, clip_loss, siglip_loss


@given(st.integers(1, 5))
def test_clip_chooses_among_the_texts_and_among_the_pictures(pairs):
    images, texts, scale = inputs(clip_loss, pairs)
    logit = [[math.exp(SCALE) * (x @ y).item() for y in texts] for x in images]
    surprise = 0.0
    for i in range(pairs):
        surprise += math.log(sum(math.exp(logit[i][j]) for j in range(pairs))) - logit[i][i]
        surprise += math.log(sum(math.exp(logit[j][i]) for j in range(pairs))) - logit[i][i]
    assert close(clip_loss(images, texts, scale).item(), surprise / (2 * pairs), dtype="float64")


@given(st.integers(1, 5))
def test_siglip_asks_each_cell_and_divides_by_the_pairs(pairs):
    images, texts, scale, bias = inputs(siglip_loss, pairs)
    wrong = 0.0
    for i in range(pairs):
        for j in range(pairs):
            logit = math.exp(SCALE) * (images[i] @ texts[j]).item() + BIAS
            wrong += math.log(1 + math.exp(-logit if i == j else logit))
    assert close(siglip_loss(images, texts, scale, bias).item(), wrong / pairs, dtype="float64")


def test_the_largest_scale_is_one_hundred():
    assert math.exp(MAX_LOGIT_SCALE) == pytest.approx(100)


@pytest.mark.parametrize("loss", [clip_loss, siglip_loss])
def test_logits_are_float32_under_autocast(loss):
    _, _, *learned = inputs(loss, 9)
    halves = unit_rows(9, seed=1).bfloat16(), unit_rows(9, seed=2).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss(*halves, *(x.float() for x in learned))
    assert rounded.dtype == torch.float32
    assert close(rounded.item(), loss(*(x.double() for x in halves), *learned).item())
