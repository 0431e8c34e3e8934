"""Connected areas of a raster of labels, and small ones given to their neighbours.

    a a b b        0 0 1 1        0 0 1 1
    b a a a   →    2 0 0 0   →    0 0 0 0        area 2 has one pixel: it goes to the area above it
    b? …           numbered by their first pixel, row by row

Works on runs of equal labels along the rows: there are a few thousand of them where there are a million pixels.
"""

import numpy as np

from lexel.shapes import Array, Int


def components(labels: Int[Array, "H W"]) -> Int[Array, "H W"]:
    """The areas of equal labels that touch by an edge, numbered from 0 in the order of their first pixels."""
    start = np.ones(labels.shape, bool)
    start[:, 1:] = labels[:, 1:] != labels[:, :-1]
    run = np.cumsum(start).reshape(labels.shape) - 1
    meet = (labels[1:] == labels[:-1]) & (start[1:] | start[:-1])  # two runs meet first where one of them begins
    root = _joined(int(run[-1, -1]) + 1, run[:-1][meet], run[1:][meet])
    number = np.cumsum(root == np.arange(len(root))) - 1
    areas: Array = number[root][run]
    return areas


def absorb(areas: Int[Array, "H W"], smallest: float) -> Int[Array, "H W"]:
    """Areas of fewer than `smallest` pixels go to the area left of their first pixel, or above it in column 0.

    As published for superpixels. The area of the first pixel has nothing before it: if small, it is joined with the
    next one. Areas are numbered as by `components`, before and after.
    """
    flat = areas.ravel()
    first = np.flatnonzero(np.diff(np.maximum.accumulate(flat), prepend=-1))
    size = np.bincount(flat)
    root = np.arange(len(size))
    small = np.flatnonzero(size < smallest)
    small = small[small > 0]
    left = first[small] % areas.shape[1] > 0
    root[small] = flat[first[small] - np.where(left, 1, areas.shape[1])]  # an area of a lower number
    root = _flat(root)
    others = np.flatnonzero(root)
    if len(others) and size[root == 0].sum() < smallest:
        root[root == root[others[0]]] = 0
    number = np.cumsum(root == np.arange(len(root))) - 1
    absorbed: Array = number[root][areas]
    return absorbed


def _joined(count: int, a: Int[Array, "E"], b: Int[Array, "E"]) -> Int[Array, "n"]:
    """For each of `count` things the lowest one that edges a–b lead to."""
    root = np.arange(count)
    while True:
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        open_ = low < high
        if not open_.any():
            return root
        a, b = a[open_], b[open_]
        np.minimum.at(root, high[open_], low[open_])
        root = _flat(root)


def _flat(root: Int[Array, "n"]) -> Int[Array, "n"]:
    """Every pointer to the end of its chain; pointers lead to lower numbers or to themselves."""
    while True:
        further = root[root]
        if np.array_equal(further, root):
            return root
        root = further
