"""A batch in chunks: the gradients of the whole, with dropout, and with every parameter counted once."""

from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from tolerances import close
from training.drawn import BIAS, SCALE

from lexel.training.contrastive import clip_loss, siglip_loss
from lexel.training.gradient_cache import cached
from lexel.training.tiled import tiled_clip_loss, tiled_siglip_loss

PAIRS = 21
each_loss = pytest.mark.parametrize("loss", [clip_loss, siglip_loss])


class Model(torch.nn.Module):
    """Two small towers with dropout, and what the losses learn; a chunk is pictures and texts."""

    def __init__(self, dropout=0.0):
        super().__init__()
        torch.manual_seed(0)
        dtype = {"dtype": torch.float64}
        for name in ("image", "text"):
            layers = [torch.nn.Linear(6, 8, **dtype), torch.nn.Dropout(dropout), torch.nn.Linear(8, 5, **dtype)]
            self.add_module(name, torch.nn.Sequential(*layers))
        self.scale = torch.nn.Parameter(torch.tensor(SCALE, **dtype))
        self.bias = torch.nn.Parameter(torch.tensor(BIAS, **dtype))

    def forward(self, chunk):
        images, texts = chunk
        normalize = torch.nn.functional.normalize
        return normalize(self.image(images)), normalize(self.text(texts))

    def learned(self, loss):
        return [self.scale, self.bias] if loss in (siglip_loss, tiled_siglip_loss) else [self.scale]

    def gradients(self):
        return [parameter.grad for parameter in self.parameters() if parameter.grad is not None]


def batch():
    draw = torch.Generator().manual_seed(5)
    return [torch.randn(PAIRS, 6, generator=draw, dtype=torch.float64) for _ in range(2)]


def chunks(size):
    return list(zip(*(x.split(size) for x in batch()), strict=True))


def agree(ours, expected):
    return all(close(a, b, dtype="float64") for a, b in zip(ours, expected, strict=True))


def plain(loss, *, dropout=0.0, size=PAIRS):
    """One backward pass through everything; the masks of dropout are drawn chunk by chunk."""
    model = Model(dropout)
    torch.manual_seed(1)
    features = [torch.cat(parts) for parts in zip(*(model(chunk) for chunk in chunks(size)), strict=True)]
    value = loss(*features, *model.learned(loss))
    value.backward()
    return value.detach(), model.gradients()


@each_loss
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("size", [1, 3, 7, 10, PAIRS])
def test_chunks_give_the_gradients_of_the_whole_batch(loss, dropout, size):
    model = Model(dropout)
    torch.manual_seed(1)
    value = cached(model, chunks(size), loss, *model.learned(loss))
    expected, gradients = plain(loss, dropout=dropout, size=size)
    assert close(value, expected, dtype="float64")
    assert agree(model.gradients(), gradients)


def test_the_generator_of_an_accelerator_is_set_back_too(monkeypatch):
    """Played by a generator of the CPU that only the encoder draws from."""
    there = torch.Generator()
    module = SimpleNamespace(get_rng_state=there.get_state, set_rng_state=there.set_state)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch, "get_device_module", lambda: module)
    model, seen = Model(), []

    def encode(chunk):
        seen.append(torch.rand(1, generator=there).item())
        return model(chunk)

    cached(encode, chunks(7), clip_loss, model.scale)
    assert seen[:3] == seen[3:]
    assert len({*seen}) == 3


def test_dropout_matters_here():
    """Or the test above would not see masks that are drawn anew."""
    assert not agree(plain(clip_loss, dropout=0.1)[1], plain(clip_loss)[1])


@pytest.mark.parametrize(("tiled", "loss"), [(tiled_clip_loss, clip_loss), (tiled_siglip_loss, siglip_loss)])
def test_chunks_and_tiles_together_train_as_one_large_batch(tiled, loss):
    model = Model(dropout=0.1)
    torch.manual_seed(1)
    value = cached(model, chunks(4), partial(tiled, tile=5), *model.learned(tiled))
    expected, gradients = plain(loss, dropout=0.1, size=4)
    assert close(value, expected, dtype="float64")
    assert agree(model.gradients(), gradients)


def test_gradients_are_added_to_those_that_are_there():
    model = Model()
    for _ in range(2):
        cached(model, chunks(7), clip_loss, model.scale)
    assert agree([x / 2 for x in model.gradients()], plain(clip_loss)[1])


def test_a_frozen_tower_and_a_frozen_scale_stay_without_gradients():
    model = Model()
    model.image.requires_grad_(False)
    model.scale.requires_grad_(False)
    cached(model, chunks(7), clip_loss, model.scale)
    assert {name for name, x in model.named_parameters() if x.grad is not None} == {
        name for name, _ in model.named_parameters() if name.startswith("text")
    }
    assert agree(model.gradients(), plain(clip_loss)[1][-4:])


def test_weights_learn_under_autocast():
    """Autocast keeps rounded weights: those of the pass without a graph must not serve the pass with one."""
    model = Model().float()
    with torch.autocast("cpu", torch.bfloat16):
        cached(model, [[x.float() for x in chunk] for chunk in chunks(7)], clip_loss, model.scale)
    for ours, expected in zip(model.gradients(), plain(clip_loss)[1], strict=True):
        assert close(ours, expected, tolerance=5e-2)


def test_all_chunks_but_the_last_run_without_sync():
    log, model = [], Model()

    @contextmanager
    def no_sync():
        log.append("off")
        yield
        log.append("on")

    def encode(chunk):
        log.append("encode" if torch.is_grad_enabled() else "look")
        return model(chunk)

    cached(encode, chunks(7), clip_loss, model.scale, no_sync=no_sync)
    assert log == ["look"] * 3 + ["off", "encode", "on"] * 2 + ["encode"]
