"""Fixed patches: exact inversion, the literal loop, boxes of the pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexel.errors import BadArguments, TokensError
from lexel.partitions.patch import Patch
from lexel.pictures.picture import Picture

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def noise(size, name="a.png", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Picture(pixels, name, size, "00" * 16)


@given(st.lists(sizes, max_size=3), st.integers(1, 9))
def test_patches_give_back_every_picture_exactly(sizes, side):
    pictures = [noise(size, f"{b}.png", b) for b, size in enumerate(sizes)]
    tokens = Patch(side).tokenize(pictures)
    for before, after in zip(pictures, Patch(side).detokenize(tokens), strict=True):
        assert np.array_equal(before.pixels, after.pixels)
        assert (before.name, before.size, before.digest) == (after.name, after.size, after.digest)


@given(sizes, st.integers(1, 9))
def test_patches_equal_the_literal_loop(size, side):
    picture = noise(size)
    tokens = Patch(side).tokenize([picture])
    height, width = size
    row = 0
    for y in range(0, height, side):
        for x in range(0, width, side):
            patch = [
                picture.pixels[min(y + i, height - 1), min(x + j, width - 1)].tolist()
                for i in range(side)
                for j in range(side)
            ]
            assert tokens.data[row].reshape(-1, 3).tolist() == patch
            box = np.float32([x / width, y / height, min(x + side, width) / width, min(y + side, height) / height])
            assert np.array_equal(tokens.boxes[row], box)
            row += 1
    assert row == tokens.total


def test_a_picture_is_resized_only_where_asked():
    picture = noise((40, 60))
    assert Patch(16).tokenize([picture]).pictures.grids.tolist() == [[3, 4]]
    assert Patch(16, size=32).tokenize([picture]).pictures.grids.tolist() == [[2, 2]]
    square = Patch(16, size=(32, 32)).tokenize([picture])
    pillow = np.asarray(Image.fromarray(picture.pixels).resize((32, 32), Image.Resampling.BICUBIC))
    assert np.array_equal(Patch(16, size=(32, 32)).detokenize(square)[0].pixels, pillow)


def test_tokens_of_another_space_or_without_a_raster_are_refused():
    tokens = Patch(4).tokenize([noise((8, 8))])
    with pytest.raises(TokensError, match="8×8"):
        Patch(8).detokenize(tokens)
    with pytest.raises(TokensError, match="raster"):
        Patch(4).detokenize(tokens.where(np.arange(4) > 0))


def test_sizes_are_whole_pixels_from_one(unchecked_shapes):
    for side, size in ((0, None), (1.5, None), (16, 0), (16, (1, 2, 3)), (16, (0, 5)), (True, None)):
        with pytest.raises(BadArguments, match="whole pixels"):
            Patch(side, size=size)
