"""Drawings as PNG, pixel by pixel."""

import io

import numpy as np
from PIL import Image

from lexel.drawing.marks import Drawing, Fill, Lines, Raster, Text, owners, pixel_boxes
from lexel.drawing.png import png
from lexel.partitions.quadtree import Quadtree
from lexel.pictures.picture import Picture

RED = np.array([[200, 0, 0]], np.uint8)


def decoded(*marks, size=(6, 8)):
    with Image.open(io.BytesIO(png(Drawing(*size, marks)))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_nothing_drawn_is_white():
    assert (decoded() == 255).all()


def test_a_fill_covers_exactly_its_boxes():
    drawn = decoded(Fill(np.array([[1, 2, 4, 5], [7, 0, 7, 6]]), RED.repeat(2, axis=0)))
    expected = np.full((6, 8, 3), 255)
    expected[2:5, 1:4] = RED
    assert (drawn == expected).all()


def test_opacity_mixes_with_what_is_below():
    drawn = decoded(Fill(np.array([[0, 0, 8, 6]]), RED, 0.5))
    assert np.abs(drawn[0, 0].astype(int) - [227, 127, 127]).max() <= 1


def test_a_line_stands_on_the_edge_between_two_pixels():
    drawn = decoded(Lines(np.array([[3, 0, 3, 6]]), (0, 0, 0), 1), Lines(np.array([[0, 4, 8, 4]]), (9, 9, 9), 3))
    assert (drawn[0, :, 0] == [255, 255, 255, 0, 255, 255, 255, 255]).all()
    assert (drawn[:, 0, 0] == [255, 255, 255, 9, 9, 9]).all()


def test_small_pictures_become_sharp_squares():
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    drawn = decoded(Raster(pixels, (2, 1, 8, 4)))
    assert (drawn[1:4, 2:8] == pixels.repeat(3, axis=0).repeat(3, axis=1)).all()


def test_the_leaves_of_a_quadtree_are_a_label_map():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 72, 3), dtype=np.uint8)
    pixels[:, :40] = 9
    tokens = Quadtree(8, 32).tokenize([Picture(pixels, "a", (40, 72), "00")])
    boxes = pixel_boxes(tokens.boxes, (40, 72))
    label = np.stack([np.arange(len(boxes)) // 256, np.arange(len(boxes)) % 256, np.full(len(boxes), 7)], axis=1)
    drawn = decoded(Fill(boxes, label.astype(np.uint8)), size=(40, 72)).astype(int)
    assert (drawn[..., 2] == 7).all()
    assert (drawn[..., 0] * 256 + drawn[..., 1] == owners(boxes, (40, 72))).all()
    areas = np.bincount((drawn[..., 0] * 256 + drawn[..., 1]).ravel())
    assert (areas == 64 * tokens.mass).all()


def test_text_the_font_does_not_have_is_spelled_and_never_fails():
    ascii_only, foreign = (decoded(Text(1, 20, text, 14), size=(24, 200)) for text in ("3 x 4 - e", "3 × 4 – é"))
    assert (ascii_only == foreign).all()
    assert (decoded(Text(1, 20, "日本\u202e\x00", 14), size=(24, 200)) < 255).any()


def test_equal_drawings_give_equal_bytes():
    drawing = Drawing(30, 90, (Fill(np.array([[1, 2, 4, 5]]), RED, 0.3), Text(5, 20, "tokens", 14)))
    assert png(drawing) == png(drawing)
