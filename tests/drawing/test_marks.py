"""Boxes, owners, outlines and borders against literal loops over pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.drawing import marks
from lexel.drawing.marks import Fill, Lines, Raster, Text, borders, crosses, outlines, owners, pixel_boxes, shifted
from lexel.partitions.quadtree import Quadtree
from lexel.pictures.picture import Picture

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def boxes_in(size, count, seed):
    rng = np.random.default_rng(seed)
    y, x = (np.sort(rng.integers(0, side + 1, (count, 2)), axis=1) for side in size)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def unit_edges(segments):
    """Every edge between two pixels that a segment runs along, and how often."""
    edges = []
    for x0, y0, x1, y1 in segments.tolist():
        edges += [("lying", x, y0) for x in range(x0, x1)] if y0 == y1 else [("standing", x0, y) for y in range(y0, y1)]
    return edges


def test_a_pixel_belongs_to_the_smallest_box_around_it():
    nested = np.array([[1, 0, 2, 1], [0, 0, 3, 1], [2, 0, 3, 1]])
    assert owners(nested, (2, 4)).tolist() == [[1, 0, 2, -1], [-1, -1, -1, -1]]


@given(sizes, st.integers(0, 6), st.integers(0, 9))
def test_owners_equal_the_literal_loop(size, count, seed):
    boxes = boxes_in(size, count, seed)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for y, row in enumerate(owners(boxes, size).tolist()):
        for x, owner in enumerate(row):
            covering = [(area[n], -n) for n, (x0, y0, x1, y1) in enumerate(boxes) if x0 <= x < x1 and y0 <= y < y1]
            assert owner == (-min(covering)[1] if covering else -1)


@given(sizes, st.integers(0, 6), st.integers(0, 9))
def test_outlines_are_every_edge_of_every_box_once(size, count, seed):
    boxes = boxes_in(size, count, seed)
    expected = set()
    for x0, y0, x1, y1 in boxes.tolist():
        expected |= {("lying", x, y) for x in range(x0, x1) for y in (y0, y1)}
        expected |= {("standing", x, y) for y in range(y0, y1) for x in (x0, x1)}
    drawn = unit_edges(outlines(boxes, size))
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected


@given(sizes, st.integers(0, 9))
def test_borders_are_every_edge_between_two_labels_once(size, seed):
    labels = np.random.default_rng(seed).integers(-1, 2, size)
    h, w = size
    expected = {("lying", x, y) for y in range(1, h) for x in range(w) if labels[y, x] != labels[y - 1, x]}
    expected |= {("standing", x, y) for y in range(h) for x in range(1, w) if labels[y, x] != labels[y, x - 1]}
    drawn = unit_edges(borders(labels))
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected


@given(sizes.map(lambda size: (size[0] * 5, size[1] * 5)), st.floats(0.3, 3), st.integers(0, 3))
def test_leaves_of_a_quadtree_cover_every_pixel_of_a_drawing_once(size, scale, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    tokens = Quadtree(4, 16, threshold=5.0).tokenize([Picture(pixels, "a", size, "00")])
    drawn = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    covered = np.zeros(drawn, int)
    for x0, y0, x1, y1 in pixel_boxes(tokens.boxes, drawn):
        covered[y0:y1, x0:x1] += 1
    assert (covered == 1).all()


def test_no_boxes_have_no_edges():
    none = marks.box_array([])
    assert none.shape == outlines(none, (3, 3)).shape == crosses(none).shape == (0, 4)


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        (Raster(np.zeros((1, 1, 3), np.uint8), (1, 2, 3, 4)), lambda mark: list(mark.box)),
        (Fill(np.array([[1, 2, 3, 4]]), np.zeros((1, 3), np.uint8)), lambda mark: mark.boxes[0].tolist()),
        (Lines(np.array([[1, 2, 3, 4]]), (0, 0, 0)), lambda mark: mark.segments[0].tolist()),
        (Text(1, 2, "a", 9), lambda mark: [mark.x, mark.y, mark.x + 2, mark.y + 2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_mark_can_be_shifted(mark, place):
    assert place(shifted(mark, 10, 20)) == [11, 22, 13, 24]
