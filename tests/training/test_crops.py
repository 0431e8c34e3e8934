"""Squares follow from their seed, lie in their picture, and change as they were told to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures.samples import pixels
from training.sets import Numbers

from lexel.pictures.picture import Picture
from lexel.training.crops import Several, Squares

seeds = st.integers(0, 10**9)


def picture(height, width, seed=0):
    return Picture(pixels(height, width, seed), "a.png", (height, width), "")


def levels(shown):
    """[3, S, S] → bytes [S, S, 3]."""
    return ((shown.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)


@given(st.integers(1, 70), st.integers(1, 70), seeds)
def test_a_square_has_its_size_and_follows_from_its_seed(height, width, seed):
    squares = Squares(side=24, shrink=3.0, flip=0.5, turn=0.5, exchange=0.5, light=0.4)
    shown = squares(picture(height, width), seed)
    assert (shown.shape, shown.dtype) == ((3, 24, 24), np.float32)
    assert -1 <= shown.min() <= shown.max() <= 1
    assert np.array_equal(shown, squares(picture(height, width), seed))


@given(seeds)
def test_without_changes_a_square_is_a_piece_of_its_picture(seed):
    whole = picture(40, 50)
    shown = levels(Squares(side=16)(whole, seed))
    places = np.lib.stride_tricks.sliding_window_view(whole.pixels, (16, 16, 3))[:, :, 0]
    assert (places == shown).all((2, 3, 4)).any()


def test_every_place_can_be_cut():
    whole = np.zeros((18, 17, 3), np.uint8)
    whole[..., 0], whole[..., 1] = np.arange(18)[:, None], np.arange(17)
    corners = {
        tuple(levels(Squares(side=16)(Picture(whole, "a", (18, 17), ""), seed))[0, 0, :2]) for seed in range(200)
    }
    assert corners == {(y, x) for y in range(3) for x in range(2)}


@pytest.mark.parametrize(
    ("how", "changed"),
    [
        ({"flip": 1.0}, lambda square: [square[:, ::-1]]),
        ({"turn": 1.0}, lambda square: [np.rot90(square, quarters) for quarters in (1, 2, 3)]),
        (
            {"exchange": 1.0},
            lambda square: [square[..., o] for o in ([0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])],
        ),
    ],
)
def test_a_change_is_one_of_those_that_it_says(how, changed):
    whole, seen = picture(16, 16), set()
    for seed in range(60):
        shown = levels(Squares(side=16, **how)(whole, seed))
        [which] = [at for at, one in enumerate(changed(whole.pixels)) if np.array_equal(one, shown)]
        seen.add(which)
    assert seen == set(range(len(changed(whole.pixels))))


def test_half_of_the_squares_are_larger_ones_averaged_down():
    whole = picture(64, 64)
    places = np.lib.stride_tricks.sliding_window_view(whole.pixels, (16, 16, 3))[:, :, 0]
    native = [
        bool((places == levels(Squares(side=16, shrink=4.0)(whole, seed))).all((2, 3, 4)).any()) for seed in range(80)
    ]
    assert 25 <= sum(native) <= 60


def test_light_changes_each_color_by_no_more_than_its_share():
    grey = Picture(np.full((16, 16, 3), 128, np.uint8), "a", (16, 16), "")
    shown = np.stack([Squares(side=16, light=0.3)(grey, seed)[:, 0, 0] for seed in range(200)])
    assert 0.2 < np.abs(shown).max() < 0.31
    assert 70 < (np.abs(shown - 1 / 255) < 1e-6).all(1).sum() < 130


def test_each_picture_counts_several_times_and_is_decoded_once():
    data = Numbers(3)
    several = Several(data, 4, edge=8)
    assert len(several) == 12
    assert len({several.key(index) for index in range(12)}) == 12
    assert [several.picture(index).name for index in (0, 1, 2, 3, 11)] == ["0.png", "1.png", "2.png", "0.png", "2.png"]
    assert data.asked == [0, 1, 2]


def test_large_pictures_are_as_large_as_they_are_tokenized():
    class One(Numbers):
        def picture(self, index):
            return picture(30, 60)

    found = Several(One(1), 1, edge=20).picture(0)
    assert (found.pixels.shape, found.size) == ((10, 20, 3), (10, 20))
