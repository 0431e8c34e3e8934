"""Plots: round ticks, every point in its place, labels that cover nothing."""

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.drawing.plots import LETTER, LINE, MARKED, Series, log_ticks, plot, ticks

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


def points(figure):
    """Where markers are, by colour."""
    found = re.findall(r'translate\(([-\d.]+) ([-\d.]+)\)" d="[^"]*" fill="(#\w+)"', figure)
    return [(float(x), float(y), colour) for x, y, colour in found]


def labels(figure):
    """Boxes of the direct labels."""
    pattern = r'<text x="([-\d.]+)" y="([-\d.]+)" text-anchor="(start|end)" fill="var\(--ink\)">([^<]*)<'
    for x, y, anchor, said in re.findall(pattern, figure):
        width, middle = len(said) * LETTER, float(y) - 4
        left = float(x) - (width if anchor == "end" else 0)
        yield left, middle - LINE / 2, left + width, middle + LINE / 2


@given(numbers, st.floats(1e-3, 1e6))
def test_ticks_are_a_few_round_numbers_within(low, length):
    found = ticks(low, low + length)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-6 * length <= tick <= low + length * (1 + 1e-6) for tick in found)
    step = found[1] - found[0]
    assert math.isclose(float(f"{step:.0e}"), step, rel_tol=1e-6)
    assert f"{step:.0e}"[0] in "125"


def test_ticks_of_a_known_range():
    assert ticks(18.2, 41.0) == [20, 25, 30, 35, 40]
    assert log_ticks(8.0, 3000.0) == [10, 100, 1000]
    assert log_ticks(150.0, 1300.0) == [200, 500, 1000]


def test_points_keep_their_order_on_both_axes():
    figure = plot([Series("a", ((1.0, 10.0), (10.0, 20.0), (100.0, 40.0)))], x="x", y="y", title="t", log_x=True)
    (x0, y0, _), (x1, y1, _), (x2, y2, _) = points(figure)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)  # equal factors are equal ways
    assert (y0 - y1) * 2 == pytest.approx(y1 - y2, abs=0.3)


def test_what_is_infinite_stands_above_everything_finite_and_says_exact():
    figure = plot([Series("a", ((1.0, math.inf), (2.0, 90.0), (3.0, 5.0)))], x="x", y="y", title="t")
    (_, infinite, _), (_, high, _), (_, low, _) = points(figure)
    assert infinite < high < low
    assert ">exact<" in figure
    assert ">exact<" not in plot([Series("a", ((1.0, 2.0),))], x="x", y="y", title="t")


def test_series_differ_in_colour_and_shape_and_stand_in_the_legend():
    figure = plot([Series("<one>", ((1.0, 2.0),)), Series("two", ((2.0, 3.0),))], x="x", y="y", title="t")
    assert len({colour for _, _, colour in points(figure)}) == 2
    assert len(set(re.findall(r'translate\([^)]*\)" d="([^"]*)"', figure))) == 2
    assert "&lt;one&gt;" in figure
    assert "<one>" not in figure


def test_joined_points_have_a_line_and_markers_where_they_are_few():
    for count in (2, MARKED, MARKED + 1):
        line = Series("a", tuple((float(at), 1.0) for at in range(count)), joined=True)
        figure = plot([line], x="x", y="y", title="t")
        assert 'stroke-width="1.8"' in figure
        assert len(points(figure)) == (count if count <= MARKED else 0)


@given(st.lists(st.tuples(st.integers(1, 500).map(float), st.integers(0, 50).map(float)), min_size=1, max_size=12))
def test_labels_cover_no_point_and_no_other_label(places):
    series = Series("a", tuple(places), tuple(f"method{n}" for n in range(len(places))))
    figure = plot([series], x="x", y="y", title="t")
    boxes = list(labels(figure))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] + 0.2 or b[2] <= a[0] + 0.2 or a[3] <= b[1] + 0.2 or b[3] <= a[1] + 0.2
    for x, y, _ in points(figure):
        assert not any(x0 < x < x1 and y0 < y < y1 for x0, y0, x1, y1 in boxes)


def test_what_cannot_be_plotted_is_refused():
    with pytest.raises(ValueError, match="finite point"):
        plot([Series("a", ((1.0, math.inf),))], x="x", y="y", title="t")
    with pytest.raises(ValueError, match="logarithmic axis has no 0"):
        plot([Series("a", ((0.0, 1.0),))], x="x", y="y", title="t", log_x=True)
