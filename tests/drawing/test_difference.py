"""PSNR and differences against the literal formula."""

import numpy as np
import pytest

from lexel.drawing.difference import decibels, difference, psnr
from lexel.pictures.picture import Picture


def picture(pixels):
    return Picture(np.ascontiguousarray(pixels), "a.png", pixels.shape[:2], "00")


def test_psnr_equals_the_formula():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 9, 13, 3), dtype=np.uint8)
    error = np.mean((a.astype(float) - b) ** 2)
    assert psnr(picture(a), picture(b)) == pytest.approx(10 * np.log10(255**2 / error))
    assert (difference(picture(a), picture(b)) == np.abs(a.astype(int) - b)).all()


def test_equal_pictures_are_exact():
    same = picture(np.full((4, 4, 3), 7, np.uint8))
    assert psnr(same, same) == np.inf
    assert decibels(np.inf) == "exact"
    assert decibels(31.44) == "31.4 dB"


def test_another_size_is_measured_at_the_size_of_the_original():
    original = picture(np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8))
    half = picture(original.pixels[::2, ::2])
    assert difference(original, half).shape == (16, 24, 3)
    assert psnr(original, half) < 30
