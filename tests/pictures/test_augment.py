"""The same seed gives the same bits, and each change keeps to its range."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures.samples import photo
from PIL import Image

from lexel.errors import BadArguments
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture

NOTHING = Augmentation(crop=(1.0, 1.0), ratio=None)
EVERYTHING = Augmentation(
    crop=(0.3, 0.9), ratio=(0.75, 1.33), flip=0.5, rotate=20.0, color=0.4, hue=0.1, gray=0.2, blur=0.02
)
seeds = st.integers(0, 2**63 - 1)
sides = st.integers(1, 60)


def picture(height=60, width=90):
    pixels = np.asarray(photo(height, width))
    return Picture(pixels, "a.jpg", (height, width), "digest")


def ramp(height, width):
    """Red says the column and green the row."""
    y, x = np.mgrid[:height, :width]
    return Picture(np.stack([x, y, 0 * x], axis=-1).astype(np.uint8), "a.png", (height, width), "")


def changed(augmentation, seed=0, **size):
    return augmentation(picture(**size), seed).pixels


def test_the_same_seed_gives_the_same_bits():
    one, again, other = (EVERYTHING(ramp(40, 50), seed) for seed in (3, 3, 4))
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)


def test_crops_and_flips_are_drawn_as_ever():
    cuts = [Augmentation(crop=(0.1, 0.6), ratio=(0.5, 2.0), flip=0.5)(ramp(90, 120), seed) for seed in range(4)]
    assert [
        (*cut.size, *cut.pixels[0, 0, :2].tolist(), bool(cut.pixels[0, 1, 0] < cut.pixels[0, 0, 0])) for cut in cuts
    ] == [(58, 42, 3, 0, False), (38, 72, 78, 50, True), (43, 33, 71, 4, False), (34, 24, 100, 33, True)]


@settings(max_examples=40)
@given(height=sides, width=sides, seed=seeds)
def test_what_comes_out_is_a_picture_like_any_other(height, width, seed):
    one = EVERYTHING(picture(height, width), seed)
    assert one.pixels.dtype == np.uint8
    assert one.pixels.shape == (*one.size, 3)
    assert one.pixels.flags.c_contiguous
    assert not one.pixels.flags.writeable
    assert (one.name, one.digest) == ("a.jpg", "digest")


@settings(max_examples=40)
@given(height=sides, width=sides, seed=seeds)
def test_nothing_changes_where_nothing_is_asked_for(height, width, seed):
    assert np.array_equal(NOTHING(picture(height, width), seed).pixels, picture(height, width).pixels)


@settings(max_examples=40)
@given(height=sides, width=sides, seed=seeds)
def test_the_crop_is_a_square_of_nine_tenths_at_least_and_lies_inside(height, width, seed):
    rows, columns = Augmentation()(ramp(height, width), seed).size
    short = min(height, width)
    assert rows == columns
    assert round(0.9**0.5 * short) <= rows <= short


@given(seed=seeds, low=st.floats(0.05, 1), more=st.floats(0, 1), ratio=st.floats(0.3, 3))
def test_a_crop_keeps_to_its_share_and_ratio_and_is_a_part_of_the_picture(seed, low, more, ratio):
    whole = ramp(200, 120)
    high = low + (1 - low) * more
    cut = Augmentation(crop=(low, high), ratio=(ratio, ratio * 1.2))(whole, seed)
    height, width = cut.size
    column, row = cut.pixels[0, 0, :2]
    assert np.array_equal(cut.pixels, whole.pixels[row : row + height, column : column + width])
    assert (
        ratio * (width - 1) / (width + 1) / 1.1 <= width / height <= ratio * 1.2 * (width + 1) / max(1, width - 1) * 1.1
    )
    largest = min(120, 200 * width / height) * min(200, 120 * height / width)
    assert low * 0.85 - 0.05 <= height * width / largest <= high * 1.15 + 0.05


def test_every_place_of_the_crop_is_drawn_alike():
    firsts = [tuple(Augmentation(crop=(0.25, 0.25))(ramp(4, 4), seed).pixels[0, 0, :2]) for seed in range(900)]
    counts = np.zeros((3, 3), int)
    np.add.at(counts, tuple(np.transpose(firsts)), 1)
    assert counts.sum() == 900
    assert abs(counts - 100).max() < 40  # four standard deviations


def test_a_flip_happens_as_often_as_asked():
    halves = [
        np.array_equal(changed(replace(NOTHING, flip=0.3), seed), picture().pixels[:, ::-1]) for seed in range(200)
    ]
    assert 35 < sum(halves) < 85
    assert np.array_equal(changed(replace(NOTHING, flip=1.0)), picture().pixels[:, ::-1])


def test_one_change_more_leaves_the_draws_of_the_others():
    plain, flipped = (Augmentation(flip=flip)(ramp(40, 50), 7).pixels for flip in (0.0, 1.0))
    assert np.array_equal(plain, flipped[:, ::-1])


def test_a_turn_keeps_the_middle_and_fills_with_the_edge():
    grey = Picture(np.full((30, 40, 3), 90, np.uint8), "", (30, 40), "")
    assert (replace(NOTHING, rotate=180.0)(grey, 5).pixels == 90).all()
    turned = [replace(NOTHING, rotate=45.0)(ramp(41, 41), seed).pixels[20, 20, :2] for seed in range(20)]
    assert np.abs(np.array(turned, int) - 20).max() <= 1


def test_brightness_contrast_and_saturation_stay_within_their_factors():
    flat = Picture(np.full((4, 4, 3), 100, np.uint8), "", (4, 4), "")
    levels = [int(replace(NOTHING, color=0.3)(flat, seed).pixels[0, 0, 0]) for seed in range(200)]
    assert 69 <= min(levels) < 80
    assert 120 < max(levels) <= 131


def test_hue_turns_the_circle_of_colours():
    red = Picture(np.full((2, 2, 3), (200, 0, 0), np.uint8), "", (2, 2), "")
    hues = [
        Image.fromarray(replace(NOTHING, hue=0.25)(red, seed).pixels).convert("HSV").getpixel((0, 0))
        for seed in range(200)
    ]
    turns = np.array([(hue[0] + 128) % 256 - 128 for hue in hues])
    assert -65 <= turns.min() < -50
    assert 50 < turns.max() <= 65
    assert {hue[2] for hue in hues} == {200}


def test_gray_and_blur_take_colour_and_detail():
    gray = changed(replace(NOTHING, gray=1.0))
    assert (gray[..., 0] == gray[..., 1]).all()
    assert (gray[..., 1] == gray[..., 2]).all()
    noise = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "", (64, 64), "")
    deviations = [replace(NOTHING, blur=0.05)(noise, seed).pixels.std() for seed in range(5)]
    assert np.median(deviations) < noise.pixels.std() / 2


@pytest.mark.parametrize(
    "wrong",
    [{"crop": (0.0, 1.0)}, {"crop": (0.9, 0.5)}, {"ratio": (0.0, 1.0)}, {"flip": 1.1}, {"hue": 0.6}, {"rotate": -1.0}],
)
def test_a_number_out_of_its_range_is_refused(wrong):
    with pytest.raises(BadArguments, match=next(iter(wrong))):
        Augmentation(**wrong)
