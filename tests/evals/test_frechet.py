"""The Fréchet distance where it is known, and beside scipy's root of a matrix."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from lexel.errors import BadArguments
from lexel.evals.frechet import frechet_distance

RNG = np.random.default_rng(0)


def test_equal_clouds_are_at_no_distance():
    cloud = RNG.normal(size=(50, 8))
    assert frechet_distance(cloud, cloud) < 1e-6
    assert frechet_distance(cloud, cloud[::-1]) < 1e-6


def test_a_shift_costs_its_square():
    cloud, shift = RNG.normal(size=(50, 8)), np.arange(8.0)
    assert frechet_distance(cloud, cloud + shift) == pytest.approx(shift @ shift)


def test_a_spread_costs_the_square_of_its_difference():
    line = RNG.normal(size=(100, 1))
    line = (line - line.mean()) / line.std(ddof=1)
    assert frechet_distance(line, 3 * line) == pytest.approx(4)


@pytest.mark.parametrize("count", [5, 60], ids=["fewer than the width", "more"])
def test_it_is_the_formula_with_the_root_of_scipy(count):
    a, b = RNG.normal(size=(count, 12)), RNG.normal(size=(60, 12)) @ RNG.normal(size=(12, 12)) + 1
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(first @ second + 1e-12 * np.eye(12)).real
    literal = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(literal, rel=1e-4)


@pytest.mark.parametrize(("n", "m", "width"), [(1, 5, 3), (5, 5, 4), (0, 0, 3)])
def test_too_few_vectors_or_other_widths_are_refused(n, m, width):
    with pytest.raises(BadArguments, match="two vectors or more"):
        frechet_distance(np.zeros((n, 3)), np.zeros((m, width)))
