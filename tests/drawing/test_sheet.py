"""The contact sheet: every view on it, none over another."""

import itertools

import numpy as np
import pytest

from lexel.drawing.marks import Drawing, Fill, Raster, Text
from lexel.drawing.sheet import sheet
from lexel.drawing.views import Ramp, Swatches, View


def view(title, legend=None, size=(300, 400)):
    raster = Raster(np.zeros((3, 4, 3), np.uint8), (0, 0, size[1], size[0]))
    return View(title, "A caption that is long enough to need a second line " * 2, Drawing(*size, (raster,)), legend)


@pytest.mark.parametrize("count", range(1, 10))
def test_no_view_covers_another_or_leaves_the_sheet(count):
    drawing = sheet([view(f"view {n}", Ramp("0", "1")) for n in range(count)])
    boxes = [mark.box for mark in drawing.marks if isinstance(mark, Raster)]
    assert len(boxes) == count
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= drawing.width
        assert 0 <= y0 < y1 <= drawing.height
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize(("count", "rows"), [(1, [1]), (2, [2]), (3, [3]), (4, [2, 2]), (5, [3, 2]), (7, [4, 3])])
def test_rows_are_as_full_as_can_be(count, rows):
    drawing = sheet([view(f"view {n}", size=(400, 400)) for n in range(count)])
    tops = [mark.box[1] for mark in drawing.marks if isinstance(mark, Raster)]
    assert [len(list(row)) for _, row in itertools.groupby(tops)] == rows


def test_titles_captions_and_legends_are_written_below():
    swatches = Swatches(("level 0", "level 1"), ((1, 2, 3), (4, 5, 6)))
    drawing = sheet([view("Levels", swatches)])
    said = [mark.text for mark in drawing.marks if isinstance(mark, Text)]
    assert said[0] == "Levels"
    assert said[-2:] == ["level 0", "level 1"]
    assert " ".join(said[1:-2]) == ("A caption that is long enough to need a second line " * 2).strip()
    assert all(300 < mark.y < drawing.height for mark in drawing.marks if isinstance(mark, Text))
    assert [mark.colours.tolist() for mark in drawing.marks if isinstance(mark, Fill)] == [[[1, 2, 3]], [[4, 5, 6]]]


def test_a_picture_that_is_a_strip_leaves_room_for_its_words():
    assert sheet([view("Strip", size=(1000, 1))]).width >= 360


def test_no_views_are_no_sheet():
    with pytest.raises(ValueError, match="one view or more"):
        sheet([])
