"""Rotary positions against loops, and what they promise."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close

from lexel.nn.rotary import Rotary, centres


def rows(count, heads=2, channels=8, seed=0):
    return torch.randn(count, heads, channels, generator=torch.Generator().manual_seed(seed))


def literal(x, places, theta):
    """Pair by pair: channels k and k + d/2 are turned, the first quarter of them with y and the second with x."""
    out, d = torch.empty_like(x), x.shape[2]
    for n in range(len(x)):
        for head in range(x.shape[1]):
            for k in range(d // 2):
                place = places[n, 0] if k < d // 4 else places[n, 1]
                angle = 2 * math.pi * float(place) * theta ** (-4 * (k % (d // 4)) / d)
                a, b = x[n, head, k], x[n, head, k + d // 2]
                out[n, head, k] = a * math.cos(angle) - b * math.sin(angle)
                out[n, head, k + d // 2] = b * math.cos(angle) + a * math.sin(angle)
    return out


@pytest.mark.parametrize("channels", [4, 8, 12])
@pytest.mark.parametrize("theta", [100.0, 10_000.0])
def test_rotary_equals_the_literal_turns(channels, theta):
    q, k, places = rows(5, channels=channels), rows(5, channels=channels, seed=1), torch.rand(5, 2) * 2 - 1
    turned = Rotary(theta)(q, k, places)
    assert close(turned[0], literal(q, places, theta))
    assert close(turned[1], literal(k, places, theta))


def test_a_token_of_no_place_is_not_turned():
    q, k = rows(3), rows(3, seed=1)
    turned = Rotary(100.0)(q, k, torch.zeros(3, 2))
    assert torch.equal(turned[0], q)
    assert torch.equal(turned[1], k)


@given(shift=st.floats(-1, 1), count=st.integers(0, 6))
def test_what_a_query_says_of_a_key_depends_on_their_distance_alone(shift, count):
    q, k, places = rows(count), rows(count, seed=1), rows(count, 1, 2)[:, 0].clamp(-1, 1)
    here, there = (Rotary(100.0)(q, k, places + moved) for moved in (0.0, shift))
    scores = [torch.einsum("nhd,mhd->hnm", *turned) for turned in (here, there)]
    assert close(scores[1], scores[0])


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (5, 1)])
def test_centres_lie_in_the_middle_of_cells_row_by_row(grid):
    h, w = grid
    expected = [[2 * (i + 0.5) / h - 1, 2 * (j + 0.5) / w - 1] for i in range(h) for j in range(w)]
    assert close(centres([grid], device=torch.device("cpu")), torch.tensor(expected), tolerance=1e-6)


def test_centres_of_several_pictures_lie_end_to_end():
    cpu = torch.device("cpu")
    assert torch.equal(centres([(2, 3), (1, 2)], device=cpu)[6:], centres([(1, 2)], device=cpu))
    assert centres([], device=cpu).shape == (0, 2)
