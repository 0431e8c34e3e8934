"""Tiles: the boxes of tokens, or the runs of their pixels."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lexel.drawing.marks import borders, outlines, pixel_boxes
from lexel.drawing.tiles import Tiles
from lexel.tokens.labels import LabelMap
from tests.tokens.test_value import on_grids

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
rasters = arrays(np.int32, sizes, elements=st.integers(-1, 3))


def mapped(raster):
    tokens = on_grids((2, 2))
    return tokens.with_(pictures=dataclasses.replace(tokens.pictures, maps=(LabelMap.of(raster),)))


def test_tokens_with_boxes_are_one_tile_each():
    tokens, size = on_grids((2, 3)), (20, 30)
    tiles = Tiles.of(tokens, size)
    assert tiles.whole
    assert np.array_equal(tiles.boxes, pixel_boxes(tokens.boxes, size))
    assert np.array_equal(tiles.token, np.arange(6))
    assert np.array_equal(tiles.edges, outlines(tiles.boxes, size))
    assert np.array_equal(tiles.owner(size), np.arange(6).reshape(2, 3).repeat(10, axis=0).repeat(10, axis=1))


@given(rasters, st.integers(1, 4))
def test_tokens_with_a_map_are_their_pixels_at_every_size(raster, scale):
    enlarged = raster.repeat(scale, axis=0).repeat(scale, axis=1)
    tiles = Tiles.of(mapped(raster), enlarged.shape)
    assert not tiles.whole
    assert np.array_equal(tiles.owner(enlarged.shape), enlarged)
    assert np.array_equal(tiles.edges, borders(enlarged))


def test_a_map_is_reduced_to_a_smaller_drawing():
    raster = np.arange(4, dtype=np.int32).reshape(2, 2).repeat(3, axis=0).repeat(3, axis=1)
    assert Tiles.of(mapped(raster), (2, 2)).owner((2, 2)).tolist() == [[0, 1], [2, 3]]


def test_no_tokens_have_no_tiles():
    nobody = np.full((2, 3), -1, np.int32)
    assert len(Tiles.of(mapped(nobody), (2, 3)).boxes) == len(Tiles.of(on_grids((0, 0)), (2, 3)).boxes) == 0
