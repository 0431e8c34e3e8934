"""What leaves a tower: packed tensors and their pictures → `Tokens` on the host."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.nn.transformer import Traced
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import View
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.ragged.torch_ops import host
from lexel.shapes import Array, Float, Int
from lexel.tokens.meaning import Kind, PictureTable, Space, edges, implied_boxes
from lexel.tokens.value import Tokens


def tokens_of(
    traced: Traced,
    data: Float[torch.Tensor, "N D"],
    pictures: Sequence[Picture],
    views: Sequence[View],
    space: Space,
    *,
    level: int = 0,
) -> Tokens:
    """One token for each row of `data`, with the boxes that the plans of the selectors inside gave it.

    The tower's tensors are about the rows before the first block and after the last; `data` may be another space's.
    `views` are what the rasters cover, see `seen_by`; `level` is the scale of all tokens. Tokens of a margin, which
    show nothing of their picture, are padding; the raster is that of the others.
    """
    start, end = traced.start, traced.packed
    table = PictureTable.of(pictures, views, [(h, w) for h, w in start.grid.tolist()])
    boxes = implied_boxes(table, host(start.kind), host(start.splits))
    assert boxes is not None  # a tower's rows are its rasters
    plans = [plan.host() for plan in traced.plans]
    if plans:
        boxes = reduce(Plan.then, plans).union(boxes)
    margin = (boxes[:, :2] >= boxes[:, 2:]).any(axis=1, keepdims=True)
    shown = np.repeat(np.float32(np.clip(table.views, 0, 1)), np.diff(host(end.splits)), axis=0)
    inside = _inside(table)
    return Tokens(
        data=_floats(data),
        boxes=np.where(margin, shown, boxes),
        kind=np.where(margin[:, 0], np.int8(Kind.PADDING), host(end.kind)),
        mass=np.ones(len(boxes), np.float32) if end.mass is None else host(end.mass),
        level=np.full(len(boxes), level, np.int16),
        splits=host(end.splits),
        pictures=replace(inside, grids=_grids(table.grids, inside.grids, host(end.grid))),
        space=space,
        columns={name: _floats(rows) for name, rows in traced.kept.items()},
    )


def seen_by(cell: int, pixels: Pixels, views: Sequence[View], traced: Traced) -> list[View]:
    """What the rasters cover of the originals, when `pixels` show `views`: cells of `cell` pixels a side.

    Equal to `views` where the sides divide. A tower that fills its last cells up covers more than there is, one that
    leaves the remaining pixels out covers less.
    """
    seen = []
    for picture, (x0, y0, x1, y1), (h, w) in zip(pixels, views, traced.start.grid.tolist(), strict=True):
        height, width = picture.shape[1:]
        y1 = y1 if h * cell == height else y0 + (y1 - y0) * (h * cell / height)
        x1 = x1 if w * cell == width else x0 + (x1 - x0) * (w * cell / width)
        seen.append((x0, y0, x1, y1))
    return seen


def whole(packed: Packed) -> Traced:
    """The trace of a tower that keeps nothing and lets nobody in."""
    return Traced(packed, packed, {}, ())


def _inside(table: PictureTable) -> PictureTable:
    """The same pictures, views and grids without the rows and columns of cells that show nothing of them."""
    views, grids = table.views.copy(), table.grids.copy()
    for view, grid in zip(views, grids, strict=True):
        for axis, count in enumerate(grid.tolist()):
            low, high = view[[1 - axis, 3 - axis]]
            lines = edges(low, high, count)
            kept = np.flatnonzero(lines[:-1] < lines[1:])
            if len(kept) < count:
                view[[1 - axis, 3 - axis]] = low + np.array([kept[0], kept[-1] + 1]) * (high - low) / count
                grid[axis] = len(kept)
    return replace(table, views=views, grids=grids)


def _grids(start: Int[Array, "B 2"], inside: Int[Array, "B 2"], end: Int[Array, "B 2"]) -> Int[Array, "B 2"]:
    """The rasters of tokens that left a tower with the rasters `end`, margins left out.

    Where a selector made another raster of cells some of which are a margin's, there is none.
    """
    untouched, whole = ((x == start).all(axis=1, keepdims=True) for x in (end, inside))
    return np.where(untouched, inside, end * whole)


def _floats(x: Float[torch.Tensor, "N *D"]) -> Float[Array, "N *D"]:
    return host(x.float())
