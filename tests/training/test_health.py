"""What is remembered of codes."""

import math

import pytest
import torch

from lexel.training.health import ENOUGH, Health


def seen(health, *steps):
    for codes in steps:
        health.see(torch.tensor(codes))
    return health.numbers()


def test_codes_that_occur_evenly_are_all_used():
    assert seen(Health([4]), [0, 1, 2, 3] * ENOUGH) == {"used": 1.0, "dead": 0.0, "perplexity": pytest.approx(4)}


def test_perplexity_is_two_to_the_entropy():
    found = seen(Health([4]), [0] * 8 + [1] * 4 + [2] * 4)
    assert (found["used"], found["dead"]) == (0.75, 1)
    assert found["perplexity"] == pytest.approx(2 ** (0.5 + 0.25 * 2 + 0.25 * 2))


def test_nothing_is_said_before_enough_was_seen():
    health = Health([4])
    assert seen(health, [0, 1, 2, 3] * (ENOUGH - 1)) == {}
    assert seen(health, [0, 1, 2, 3] * 2) != {}
    assert Health([4]).numbers() == {}


def test_what_does_not_occur_any_more_is_forgotten():
    health = Health([4])
    assert seen(health, [0, 1, 2, 3] * ENOUGH)["used"] == 1
    used = [seen(health, [0, 1] * 8)["used"] for _ in range(200)]
    assert used[0] == 1
    assert used[-1] == 0.5
    assert used.index(0.5) > 20


def test_a_large_codebook_is_remembered_for_longer_than_a_small_step():
    """Every code once, a few a step: all of them are used lately."""
    health = Health([1000])
    for start in range(0, 5000, 10):
        health.see(torch.arange(start, start + 10) % 1000)
    assert health.numbers()["used"] == 1


def test_of_several_codebooks_the_least_used_counts():
    found = seen(Health([2, 4]), [[0, 0], [1, 0], [0, 1], [1, 1]] * 8)
    assert (found["used"], found["dead"]) == (0.5, 2)
    assert found["perplexity"] == pytest.approx(2)


def test_a_codebook_of_sixty_bits_is_not_watched():
    health = Health([1 << 60])
    assert seen(health, [5, 1 << 59]) == {}
    assert not list(health.buffers())


def test_the_memory_is_in_the_state():
    health, other = Health([4]), Health([4])
    seen(health, [0, 1, 2] * 8)
    other.load_state_dict(health.state_dict())
    assert other.numbers() == health.numbers()
    assert math.isclose(float(health.counts0.sum()), 24)
