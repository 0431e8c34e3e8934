"""Bits as stored; codes of fixed length."""

import numpy as np
import pytest

from lexel.measures.bits import bits, bits_per_pixel, code_bits
from lexel.partitions.patch import Patch
from lexel.partitions.quadtree import Quadtree
from lexel.partitions.superpixel import Superpixel
from lexel.tokens.meaning import Space
from tests.partitions.test_patch import noise
from tests.tokens.test_value import on_grids


def coded(codes, *codebook):
    codes = np.array(codes, np.int64)
    return on_grids((len(codes), 1)).with_(data=codes, space=Space("codes", 0, codebook))


def test_patches_of_bytes_take_24_bits_a_pixel():
    assert bits_per_pixel(Patch(8).tokenize([noise((16, 24)), noise((8, 8))])) == 24.0


def test_padding_is_counted():
    assert bits_per_pixel(Patch(8).tokenize([noise((9, 8))])) == 24.0 * 16 / 9


def test_what_nothing_implies_is_counted():
    tokens = Quadtree(8, 16, threshold=0.0).tokenize([noise((16, 16))])  # four leaves of one size: boxes are implied
    assert bits(tokens) == tokens.total * 8 * (192 + 4)  # bytes, and the entropy
    moved = tokens.with_(mass=tokens.mass * 2, boxes=tokens.boxes[::-1].copy())
    assert bits(moved) - bits(tokens) == tokens.total * 8 * (4 + 16)


def test_the_map_of_superpixels_is_counted():
    tokens = Superpixel(4).tokenize([noise((20, 20))])
    runs = len(tokens.pictures.maps[0].label)
    assert bits(tokens) >= 8 * (2 * runs + tokens.total * (3 + 16))


@pytest.mark.parametrize(("size", "expected"), [(1, 0), (2, 1), (3, 2), (256, 8), (257, 9), (1000, 10), (65_536, 16)])
def test_a_code_takes_the_bits_that_name_it(size, expected):
    assert code_bits(size) == expected
    assert bits(coded([0, 0, 0], size)) == 3 * expected


def test_several_codebooks_add_up():
    assert bits(coded([[0, 1], [3, 2]], 16, 1000)) == 2 * (4 + 10)


def test_no_picture_has_no_rate():
    with pytest.raises(ValueError, match="no pictures"):
        bits_per_pixel(Patch(8).tokenize([]))
