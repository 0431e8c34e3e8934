"""Two processes that train a dual encoder together are one that has the whole batch."""

import pytest
import torch
from training.forked import losses, processes, weights


def test_two_processes_are_one_of_the_same_batch_for_twenty_steps(tmp_path):
    """In float64, with gradient caching in uneven chunks, the real loader, an average and measurements."""
    one, two = tmp_path / "one", tmp_path / "two"
    groups = [(one, 0, 0, 1, 0.0)], [(two, 0, rank, 2, 0.0) for rank in (0, 1)]
    assert processes("training.small:contrastive", *groups) == [[0], [0, 0]]
    alone, parts = losses(one), [losses(two, rank) for rank in (0, 1)]
    assert len(alone) == 20
    for step, loss in alone.items():
        assert (parts[0][step] + parts[1][step]) / 2 == pytest.approx(loss, abs=1e-9)
    for name, value in weights(one).items():
        assert torch.allclose(weights(two)[name], value, atol=1e-8)
        assert torch.equal(weights(two)[name], weights(two, rank=1)[name])
