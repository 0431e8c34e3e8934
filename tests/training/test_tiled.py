"""Losses in tiles: equal to the plain ones in value and every gradient, and small."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close
from torch.utils._python_dispatch import TorchDispatchMode
from training.drawn import inputs, scalar, unit_rows, value_and_gradients

from lexel.training.contrastive import MAX_LOGIT_SCALE, clip_loss, siglip_loss
from lexel.training.tiled import tiled_clip_loss, tiled_siglip_loss

both = pytest.mark.parametrize(
    ("tiled", "plain"), [(tiled_clip_loss, clip_loss), (tiled_siglip_loss, siglip_loss)], ids=["clip", "siglip"]
)


def agree(ours, expected, *, dtype="float64"):
    return all(close(a.detach(), b.detach(), dtype=dtype) for a, b in zip(ours, expected, strict=True))


@both
@given(pairs=st.integers(1, 9), tile=st.integers(1, 10))
def test_tiles_of_any_size_equal_the_plain_loss(tiled, plain, pairs, tile):
    drawn = inputs(plain, pairs)
    assert agree(value_and_gradients(tiled, drawn, tile=tile), value_and_gradients(plain, drawn))


@both
def test_uneven_tiles_of_a_larger_batch_equal_the_plain_loss(tiled, plain):
    drawn = inputs(plain, 64)
    assert agree(value_and_gradients(tiled, drawn, tile=7), value_and_gradients(plain, drawn))


@both
def test_logits_from_minus_to_plus_one_hundred_stay_finite(tiled, plain):
    """In float32 exp(100) is infinite and exp(-200) is zero."""
    x = unit_rows(12, dtype=torch.float32)
    drawn = [x, (-x).detach().roll(1, 0).requires_grad_(), *(x.float() for x in inputs(plain, 1)[2:])]
    drawn[2] = scalar(MAX_LOGIT_SCALE, torch.float32)
    ours = value_and_gradients(tiled, drawn, tile=5)
    wide = [x.detach().double().requires_grad_() for x in drawn]
    assert agree([x.double() for x in ours], value_and_gradients(plain, wide), dtype="float32")


@both
def test_bfloat16_under_autocast_loses_only_the_rounding_of_the_features(tiled, plain):
    images, texts, *learned = inputs(plain, 20)
    halves = [x.detach().bfloat16().requires_grad_() for x in (images, texts)]
    with torch.autocast("cpu", torch.bfloat16):
        value = tiled(*halves, *(x.float() for x in learned), tile=7)
    value.backward()
    wide = [x.detach().double().requires_grad_() for x in halves]
    expected, d_images, d_texts, *_ = value_and_gradients(plain, [*wide, *learned])
    assert value.dtype == torch.float32
    assert close(value.item(), expected.item())
    assert close(halves[0].grad.double(), d_images, tolerance=1e-2)
    assert close(halves[1].grad.double(), d_texts, tolerance=1e-2)


@both
def test_a_scaled_loss_scales_its_gradients(tiled, plain):
    """What a gradient scaler does in float16."""
    drawn = inputs(plain, 9)
    scaled = torch.autograd.grad(1024 * tiled(*drawn, tile=4), drawn)
    assert agree([x / 1024 for x in scaled], value_and_gradients(plain, drawn)[1:])


@both
def test_a_frozen_tower_leaves_the_other_gradients_as_they_are(tiled, plain):
    drawn = inputs(plain, 9)
    drawn[0].requires_grad_(False)
    ours, expected = (torch.autograd.grad(loss, drawn[1:]) for loss in (tiled(*drawn, tile=4), plain(*drawn)))
    assert agree(ours, expected)


@both
def test_gradients_have_no_gradients_of_their_own(tiled, plain):
    """Said aloud, where torch would give zeros."""
    drawn = inputs(plain, 5)
    [first] = torch.autograd.grad(tiled(*drawn).square(), drawn[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


class Largest(TorchDispatchMode):
    """Remembers the most numbers that a tensor held, and counts matrix products."""

    numbers = products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numbers = max(self.numbers, out.numel())
            self.products += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.addmm_)
        return out


@both
def test_no_tensor_is_larger_than_the_features_of_both_sides(tiled, plain):
    drawn = inputs(plain, 200, width=4)
    with Largest() as ours:
        tiled(*drawn, tile=20).backward()
    with Largest() as theirs:
        plain(*drawn).backward()
    assert ours.numbers <= 2 * 200 * 4 < theirs.numbers == 200 * 200


@both
def test_a_loss_that_nobody_learns_from_computes_no_gradients(tiled, plain):
    drawn = inputs(plain, 20)
    with Largest() as looking, torch.no_grad():
        tiled(*drawn, tile=10)
    assert looking.products == 4  # one for each tile
