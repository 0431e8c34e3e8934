"""Pyramids: exact inversion, residuals by the letter, levels that can be left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments, TokensError
from lexel.partitions.patch import Patch
from lexel.partitions.pyramid import Pyramid, residuals, summed
from lexel.ragged.plan import Plan
from tests.partitions.test_patch import noise

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
pyramids = st.builds(
    lambda side, levels: Pyramid(*(side << k for k in range(levels))), st.integers(1, 5), st.integers(1, 4)
)


@given(st.lists(sizes, max_size=3), pyramids)
def test_pyramids_give_back_every_picture_exactly(sizes, pyramid):
    pictures = [noise(size, f"{b}.png", b) for b, size in enumerate(sizes)]
    back = pyramid.detokenize(pyramid.tokenize(pictures))
    for before, after in zip(pictures, back, strict=True):
        assert np.array_equal(before.pixels, after.pixels)


def literal(pixels, levels):
    """Averages and residuals, pixel by pixel; sides divide."""
    height, width, _ = pixels.shape
    averages = []
    for k in range(levels):
        side = 1 << k
        mean = np.empty((height >> k, width >> k, 3), int)
        for y, x in np.ndindex(mean.shape[:2]):
            square = pixels[y * side : (y + 1) * side, x * side : (x + 1) * side].reshape(-1, 3).astype(int)
            mean[y, x] = np.floor(square.mean(axis=0) + 0.5)
        averages.append(mean)
    found = [averages[-1]]
    for k in range(levels - 2, -1, -1):
        residual = averages[k].copy()
        for y, x in np.ndindex(residual.shape[:2]):
            residual[y, x] -= averages[k + 1][y // 2, x // 2]
        found.append((residual + 128) % 256)
    return found


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 3))
def test_levels_equal_the_literal_residuals(h, w, levels, seed):
    pixels = noise((h << (levels - 1), w << (levels - 1)), seed=seed).pixels
    found, expected = residuals(pixels, levels), literal(pixels, levels)
    assert [level.tolist() for level in found] == [level.tolist() for level in expected]
    assert np.array_equal(summed(found), pixels)


def test_a_pyramid_of_256_pixels_has_64_256_and_1024_tokens():
    tokens = Pyramid(8, 16, 32).tokenize([noise((256, 256))])
    assert tokens.data.shape == (64 + 256 + 1024, 192)
    assert np.bincount(tokens.level).tolist() == [1024, 256, 64]
    assert [raster.shape[:2] for raster in tokens.grids()] == [(8, 8), (16, 16), (32, 32)]
    for level, cells in enumerate((1024, 256, 64)):
        assert tokens.mass[tokens.level == level].sum() == cells
    assert np.array_equal(tokens["crop"], 2 - tokens.level)


@given(sizes, pyramids)
def test_the_boxes_of_every_level_tile_the_picture(size, pyramid):
    tokens = pyramid.tokenize([noise(size)])
    for level, side in enumerate(pyramid.sides):
        boxes = tokens.boxes[tokens.level == level].astype(float)
        assert len(boxes) == -(-size[0] // side) * -(-size[1] // side)
        assert np.isclose(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum(), 1)


def test_without_its_finest_level_a_pyramid_is_the_average():
    picture = noise((32, 64))
    pyramid = Pyramid(4, 8, 16)
    tokens = pyramid.tokenize([picture])
    data = tokens.data.copy()
    data[tokens.level == 0] = 128
    [back] = pyramid.detokenize(tokens.with_(data=data))
    blocks = picture.pixels.reshape(16, 2, 32, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.array_equal(back.pixels, np.floor(blocks + 0.5).repeat(2, axis=0).repeat(2, axis=1))


def test_the_coarsest_level_is_a_smaller_picture():
    picture = noise((32, 32))
    tokens = Pyramid(8, 16).tokenize([picture])
    coarse = picture.pixels.reshape(16, 2, 16, 2, 3).astype(float).mean(axis=(1, 3))
    patches = Patch(8).tokenize([noise((16, 16))]).with_(data=tokens.data[:4])
    assert np.array_equal(Patch(8).detokenize(patches)[0].pixels, np.floor(coarse + 0.5))


def test_merged_or_dropped_levels_are_not_given_back():
    pyramid = Pyramid(8, 16)
    tokens = pyramid.tokenize([noise((32, 32))])
    with pytest.raises(TokensError, match="no raster"):
        pyramid.detokenize(tokens.where(tokens.level > 0))
    pairs = Plan.assign(np.arange(tokens.total) // 2, tokens.splits, np.array([0, tokens.total // 2]))
    with pytest.raises(TokensError, match="float32"):
        pyramid.detokenize(tokens.apply(pairs))


def test_pyramids_refuse_tokens_of_another_space():
    with pytest.raises(TokensError, match="gives back"):
        Pyramid(8, 16).detokenize(Patch(8).tokenize([noise((8, 8))]))


@pytest.mark.parametrize("sides", [(), (8, 24), (16, 8), (8, 32), (0,), (8, 16.0)])
@pytest.mark.usefixtures("unchecked_shapes")
def test_sides_double(sides):
    with pytest.raises(BadArguments):
        Pyramid(*sides)
