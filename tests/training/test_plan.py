"""The plan: what a step costs, in one line, and a model that is what it was."""

import pytest
import torch
from training.small import Always, batch, dual

from lexel.training import plan
from lexel.training.dual import DualTask
from lexel.training.plan import Plan
from lexel.training.trainer import Settings


def test_a_plan_counts_samples_tokens_and_operations_and_changes_nothing():
    model = dual()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given = batch(model, 8)
    found = plan.line(DualTask(model), Always(given), Settings(steps=500))
    assert (found.steps, found.samples, found.tokens) == (500, 8, 8 * 17 + len(given.words.ids))
    # Forward and backward are three products a weight, and every token meets every weight of its blocks.
    blocks = {"image": 8 * 17, "text": len(given.words.ids)}
    weights = {
        tower: sum(w.numel() for w in getattr(model, tower).transformer.parameters() if w.ndim == 2) for tower in blocks
    }
    least = sum(2 * 3 * tokens * weights[tower] for tower, tokens in blocks.items())
    assert least < found.flops < 1.3 * least
    assert found.seconds > 0
    assert found.peak is None or found.peak > 10_000_000
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_plan_is_a_line():
    found = Plan(steps=20_000, seconds=0.75, samples=900, tokens=72_000, flops=1, peak=3_100_000_000)
    assert str(found) == "1,200 samples/s · 96,000 tokens/s · 3.1 GB · 4 h 10 min for 20,000 steps"
    assert "GB" not in str(Plan(1, 1.0, 1, 1, 1, None))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0 s"), (59.6, "1 min 0 s"), (15_000.0, "4 h 10 min"), (200_000.0, "2 d 7 h")]
)
def test_a_duration_has_two_units(seconds, said):
    assert plan.duration(seconds) == said
