"""Connected areas against a flood fill; small areas against the published scan."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lexel.partitions._components import absorb, components

rasters = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


def flooded(labels):
    """Areas numbered by their first pixel, filled one by one."""
    height, width = labels.shape
    areas = np.full(labels.shape, -1)
    for start in np.ndindex(height, width):
        if areas[start] >= 0:
            continue
        number, front = areas.max() + 1, [start]
        areas[start] = number
        while front:
            y, x = front.pop()
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= near[0] < height and 0 <= near[1] < width
                if inside and areas[near] < 0 and labels[near] == labels[start]:
                    areas[near] = number
                    front.append(near)
    return areas


def scanned(areas, smallest):
    """The published scan: a small area takes the name of the area left of its first pixel, or above it."""
    name = {}
    for y, x in np.ndindex(areas.shape):
        area = areas[y, x]
        if area not in name:
            small = area > 0 and (areas == area).sum() < smallest
            name[area] = name[areas[y, x - 1] if x else areas[y - 1, x]] if small else area
    names = np.array([name[area] for area in range(len(name))])
    first = (names[areas] == 0).sum()
    if first < smallest and names.any():
        names[names == names[names > 0][0]] = 0
    return flooded(names[areas])


@given(rasters)
def test_components_equal_a_flood_fill(labels):
    assert np.array_equal(components(labels), flooded(labels))


@given(rasters, st.sampled_from([0.5, 2.0, 4.5, 1000.0]))
def test_small_areas_are_absorbed_as_published(labels, smallest):
    areas = components(labels)
    absorbed = absorb(areas, smallest)
    assert np.array_equal(absorbed, scanned(areas, smallest))
    assert np.array_equal(absorbed, components(absorbed))
    assert absorbed.max() == 0 or np.bincount(absorbed.ravel()).min() >= smallest


def test_a_spiral_is_one_component():
    spiral = np.zeros((41, 41), np.int32)
    top, left, bottom, right = 0, 0, 40, 40
    while top < bottom:
        spiral[top, left : right + 1] = spiral[top : bottom + 1, right] = spiral[bottom, left : right + 1] = 1
        spiral[top + 2 : bottom + 1, left] = 1
        spiral[top + 2, left : left + 2] = 1
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    assert np.array_equal(components(spiral), flooded(spiral))
