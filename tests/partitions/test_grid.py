"""A fixed number of cells: exact inversion at every size, boxes of exactly k/n."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments, SpaceMismatch, TokensError
from lexel.partitions.grid import Grid
from tests.partitions.test_patch import noise, sizes

side = st.integers(1, 7)


@given(sizes, side, side)
def test_grids_give_back_every_picture_exactly(size, rows, cols):
    pictures = [noise(size, seed=seed) for seed in range(2)]
    grid = Grid(rows, cols)
    for before, after in zip(pictures, grid.detokenize(grid.tokenize(pictures)), strict=True):
        assert np.array_equal(before.pixels, after.pixels)


@given(sizes, side, side)
def test_a_grid_has_rows_times_cols_tokens(size, rows, cols):
    tokens = Grid(rows, cols).tokenize([noise(size)])
    assert tokens.total == rows * cols
    assert tokens.boxes[:, 0].tolist() == (np.tile(np.arange(cols) / cols, rows)).astype(np.float32).tolist()
    assert tokens.boxes[:, 1].tolist() == (np.repeat(np.arange(rows) / rows, cols)).astype(np.float32).tolist()


def test_cells_of_a_size_that_divides_are_its_patches():
    picture = noise((12, 20))
    tokens = Grid(3, 5).tokenize([picture])
    assert tokens.data.reshape(3, 5, 4, 4, 3)[2, 4].tolist() == picture.pixels[8:12, 16:20].tolist()


def test_pictures_of_two_sizes_need_one_size():
    pictures = [noise((8, 8), "a.png"), noise((20, 8), "b.png")]
    with pytest.raises(SpaceMismatch, match=r"b\.png") as error:
        Grid(2, 2).tokenize(pictures)
    assert "size=(height, width)" in error.value.hint
    tokens = Grid(2, 2, size=(8, 8)).tokenize(pictures)
    assert tokens.counts.tolist() == [4, 4]
    assert tokens.space == Grid(2, 2, size=(8, 8)).space


def test_tokens_of_another_size_are_refused():
    grid, tokens = Grid(2, 2), Grid(2, 2).tokenize([noise((8, 8))])
    other = tokens.with_(pictures=grid.tokenize([noise((9, 9))]).pictures)
    with pytest.raises(TokensError, match="9 × 9"):
        grid.detokenize(other)


def test_rows_and_cols_are_whole_numbers_from_one():
    with pytest.raises(BadArguments, match="from 1"):
        Grid(0, 3)
