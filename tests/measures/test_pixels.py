"""SSIM against scikit-image and the literal windows; MSE and PSNR against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from lexel import box
from lexel.measures.pixels import mse, psnr, ssim
from lexel.pictures.read import read

sides = st.integers(7, 80)


def noise(size, seed=0, around=None, spread=255):
    rng = np.random.default_rng(seed)
    if around is None:
        return rng.integers(0, 256, (*size, 3), np.uint8)
    return np.clip(around + rng.integers(-spread, spread + 1, around.shape), 0, 255).astype(np.uint8)


def theirs(a, b):
    return structural_similarity(a, b, channel_axis=2, data_range=255)


@given(sides, sides, st.sampled_from([0, 1, 30, 255]), st.integers(0, 9))
def test_ssim_equals_that_of_scikit_image(height, width, spread, seed):
    a = noise((height, width), seed)
    b = noise((height, width), seed + 1, around=a, spread=spread)
    assert abs(ssim(a, b) - theirs(a, b)) < 1e-6


@pytest.mark.parametrize("name", ["astronaut", "camera", "text"])
def test_ssim_of_photographs_equals_that_of_scikit_image(name):
    [picture] = read(box.path(name))
    b = noise((), around=picture.pixels, spread=12)
    assert abs(ssim(picture.pixels, b) - theirs(picture.pixels, b)) < 1e-6


def test_ssim_equals_the_literal_windows():
    a = noise((9, 11))
    b = noise((9, 11), 1, around=a, spread=40)
    c1, c2, found = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for y, x, c in np.ndindex(3, 5, 3):
        u, v = (p[y : y + 7, x : x + 7, c].astype(float).ravel() for p in (a, b))
        cov = np.cov(u, v)  # of samples: divided by 48
        above = (2 * u.mean() * v.mean() + c1) * (2 * cov[0, 1] + c2)
        found.append(above / ((u.mean() ** 2 + v.mean() ** 2 + c1) * (cov[0, 0] + cov[1, 1] + c2)))
    assert math.isclose(ssim(a, b), np.mean(found), rel_tol=1e-12)


@pytest.mark.parametrize("value", [0, 255])
def test_equal_pictures_have_an_ssim_of_one(value):
    flat = np.full((40, 9, 3), value, np.uint8)
    assert ssim(flat, flat) == 1.0


def test_the_largest_sums_do_not_overflow():
    white, black = np.full((50, 50, 3), 255, np.uint8), np.zeros((50, 50, 3), np.uint8)
    assert abs(ssim(white, black) - theirs(white, black)) < 1e-12


@pytest.mark.parametrize("size", [(6, 40), (40, 6), (1, 1)])
def test_ssim_needs_seven_pixels_a_side(size):
    with pytest.raises(ValueError, match="7 × 7"):
        ssim(noise(size), noise(size))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 9))
def test_mse_and_psnr_equal_those_of_scikit_image(height, width, seed):
    a, b = noise((height, width), seed), noise((height, width), seed + 1)
    assert math.isclose(mse(a, b), mean_squared_error(a, b), rel_tol=1e-12)
    if mse(a, b):
        assert math.isclose(psnr(mse(a, b)), peak_signal_noise_ratio(a, b), rel_tol=1e-12)


def test_equal_pictures_have_an_infinite_psnr():
    a = noise((5, 5))
    assert (mse(a, a), psnr(0.0)) == (0.0, math.inf)
