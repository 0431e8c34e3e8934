"""CLIP-Adapter against its formula, and what it learns from a few vectors."""

import numpy as np
import pytest
import torch
from connectors.few import WIDTH, accuracy, clouds, words
from tolerances import close

from lexel.connectors.clip_adapter import ClipAdapter
from lexel.errors import BadArguments


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.9])
def test_clip_adapter_is_the_published_formula(ratio):
    adapter = ClipAdapter(WIDTH, ratio=ratio).double()
    x = torch.randn(7, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    down, up = adapter.down.weight, adapter.up.weight
    assert (down.shape, up.shape) == ((WIDTH // 4, WIDTH), (WIDTH, WIDTH // 4))
    for row, found in zip(x, adapter(x), strict=True):
        bent = ratio * (up @ (down @ row).clamp(min=0)).clamp(min=0) + (1 - ratio) * row
        assert close(found.detach(), (bent / bent.norm()).detach(), dtype="float64")
    assert sum(parameter.numel() for parameter in adapter.parameters()) == WIDTH**2 // 2


def test_clip_adapter_does_not_mind_the_length_of_a_vector():
    adapter = ClipAdapter(WIDTH)
    x, _ = clouds(3, seed=1)
    assert close(adapter(torch.from_numpy(11 * x)).detach(), adapter(torch.from_numpy(x)).detach())


def test_clip_adapter_learns_what_words_did_not_say():
    zero_shot, few, others = words(), clouds(16, seed=1), clouds(40, seed=2)
    adapter = ClipAdapter.fitted(zero_shot, *few, learning_rate=0.05, epochs=60)
    before, after = accuracy(zero_shot, *others), accuracy(adapter.adapted(zero_shot), *others)
    assert before < 0.85
    assert after > before + 0.05
    assert not any(parameter.requires_grad for parameter in adapter.parameters())


def test_the_best_epoch_on_held_out_vectors_is_kept_and_nothing_is_wasted():
    """Held-out labels are those of the untrained adapter: every later epoch is worse."""
    zero_shot, few, others = words(), clouds(8, seed=1), clouds(40, seed=2)
    x, _ = others
    first = ClipAdapter.fitted(zero_shot, *few, epochs=1)
    said = first.adapted(zero_shot)(x).argmax(axis=1)
    kept = ClipAdapter.fitted(zero_shot, *few, held_out=(x, said), learning_rate=0.05, epochs=500, patience=3)
    last = ClipAdapter.fitted(zero_shot, *few, learning_rate=0.05, epochs=60)
    assert accuracy(kept.adapted(zero_shot), x, said) == 1.0
    assert accuracy(last.adapted(zero_shot), x, said) < 1.0


def test_the_same_seed_learns_the_same_adapter():
    one, two, other = (ClipAdapter.fitted(words(), *clouds(4, seed=1), epochs=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.up.weight, two.up.weight)
    assert not torch.equal(one.up.weight, other.up.weight)


def test_an_adapter_takes_no_vectors_and_learns_from_none():
    empty = np.zeros((0, WIDTH), np.float32)
    assert ClipAdapter(WIDTH).adapted(words())(empty).shape == (0, 5)
    with pytest.raises(BadArguments, match="nothing to learn from"):
        ClipAdapter.fitted(words(), empty, np.zeros(0, np.int64))
