"""Absorbing-state diffusion: its bound is reached by a perfect network, whatever the schedule."""

import numpy as np
import pytest
import torch
from generators.networks import Joint
from hypothesis import given
from hypothesis import strategies as st

from lexel.generators._objective import surprise
from lexel.generators.absorbing import EARLIEST, Absorbing

ENTROPY = 1.220607  # nats of Joint.P
schedules = pytest.mark.parametrize("schedule", ["linear", "cosine"])


@schedules
def test_the_bound_of_a_perfect_network_is_the_entropy(schedule):
    """∫ weight(t) E[Σ −log p(hidden | shown)] dt, by Gauss-Legendre, over all that can be hidden."""
    way, total = Absorbing(schedule=schedule), 0.0
    rows = torch.tensor([[a, b] for a in (0, 1) for b in (0, 1)])[:, None]
    for at, width in zip(*np.polynomial.legendre.leggauss(40), strict=True):
        t = torch.tensor((at + 1) / 2, dtype=torch.float64)
        blank = way.blank(t)
        for hidden in ([True, False], [False, True], [True, True]):
            hides = torch.tensor(hidden)
            chance = blank.where(hides, 1 - blank).prod()
            nats = surprise(Joint(), rows, ~hides.expand(4, 1, 2))[..., hides].sum((1, 2))
            total += width / 2 * way.weight(t) * chance * (Joint.P.flatten() * nats).sum()
    assert float(total) == pytest.approx(ENTROPY, abs=1e-6)


@schedules
def test_the_weight_is_the_rate_at_which_cells_go_blank(schedule):
    way, t = Absorbing(schedule=schedule), torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    ends = way.blank(torch.tensor([0.0, 1.0], dtype=torch.float64))
    rate = (way.blank(t + 1e-6) - way.blank(t - 1e-6)) / 2e-6
    assert ends.tolist() == [0, 1]
    assert torch.allclose(way.weight(t), rate / way.blank(t), rtol=1e-6)


def test_times_are_spread_over_the_batch():
    """One in each part of the time, the same step apart; a weight says at which time a raster is."""
    lots = Absorbing().lots((8, 20, 20), seed=3) * (8 * 400)
    times = 1 / lots.flatten(1).amax(1)
    assert torch.allclose(times.diff(), torch.full((7,), 1 / 8), atol=1e-4)
    assert 0 < times[0] < 1 / 8
    assert torch.allclose((lots > 0).float().mean((1, 2)), times, atol=0.1)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
def test_no_cell_counts_without_bound(count, h, w, seed):
    lots = Absorbing().lots((count, h, w), seed=seed)
    assert lots.shape == (count, h, w)
    assert torch.equal(lots, Absorbing().lots((count, h, w), seed=seed))
    assert lots.sum() <= 1 / EARLIEST


def test_the_loss_of_a_perfect_network_is_its_entropy_a_code():
    rows = torch.tensor([[0, 0]] * 5 + [[0, 1]] * 2 + [[1, 0]] * 2 + [[1, 1]])[:, None].repeat(400, 1, 1)
    lots = Absorbing().lots(tuple(rows.shape), seed=1)
    loss = (lots * surprise(Joint(), rows, lots == 0)).sum()
    assert loss.item() == pytest.approx(ENTROPY / 2, rel=0.02)
