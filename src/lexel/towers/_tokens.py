"""What leaves a tower: packed tensors and their pictures → `Tokens` on the host."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.nn.transformer import Traced
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Size, View
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.ragged.torch_ops import host
from lexel.shapes import Array, Int, Num
from lexel.tokens.meaning import Kind, PictureTable, Space, edges, implied_boxes
from lexel.tokens.value import Tokens


def tokens_of(
    traced: Traced,
    data: Num[torch.Tensor, "N *D"],
    pictures: Sequence[Picture],
    views: Sequence[View],
    space: Space,
    *,
    level: int = 0,
    crops: int | None = None,
) -> Tokens:
    """One token for each row of `data`, with the boxes that the plans of the selectors inside gave it.

    The tower's tensors are about the rows before the first block and after the last; `data` may be another space's.
    `views` are what the rasters cover, see `seen_by`; `level` is the scale of all tokens. With `crops`, each
    picture has so many views, one after the other, and a column `crop` says which. A token of the margin beside a
    picture shows nothing of it: it is padding, and the raster is that of the others.
    """
    start, end = traced.start, traced.packed
    each = crops or 1
    alone = [picture for picture in pictures for _ in range(each)]
    grids, rasters = ([(h, w) for h, w in packed.grid.tolist()] for packed in (start, end))
    table = PictureTable.of(alone, views, grids)
    boxes = implied_boxes(table, host(start.kind), host(start.splits))
    assert boxes is not None  # a tower's rows are its rasters
    plans = [plan.host() for plan in traced.plans]
    if plans:
        boxes = reduce(Plan.then, plans).union(boxes)
    margin = (boxes[:, 0] >= boxes[:, 2]) | (boxes[:, 1] >= boxes[:, 3])
    shown = np.float32(np.clip(table.views, 0, 1)).repeat(np.diff(host(end.splits)), axis=0)
    inside = [_inside(view, grid) for view, grid in zip(views, grids, strict=True)]
    rasters = [_raster(*three) for three in zip(grids, [grid for _, grid in inside], rasters, strict=True)]
    tokens = Tokens(
        data=_hosted(data),
        boxes=np.where(margin[:, None], shown, boxes),
        kind=np.where(margin, np.int8(Kind.PADDING), host(end.kind)),
        mass=np.ones(len(boxes), np.float32) if end.mass is None else host(end.mass),
        level=np.full(len(boxes), level, np.int16),
        splits=host(end.splits)[::each],
        pictures=PictureTable.of(pictures, [view for view, _ in inside], rasters, crops=each),
        space=space,
        columns={name: _hosted(rows) for name, rows in traced.kept.items()},
    )
    return tokens if crops is None else tokens.with_(columns={**tokens.columns, "crop": _crop(end, crops)})


def _crop(packed: Packed, crops: int) -> Int[Array, "N"]:
    """Which crop of its picture each token is of, int16."""
    counts = np.array(packed.counts, np.int64)
    return np.repeat((np.arange(len(counts)) % crops).astype(np.int16), counts)


def _inside(view: View, grid: Size) -> tuple[View, Size]:
    """The part of a raster over `view` whose cells show something of the picture."""
    x0, x1, columns = _span(view[0], view[2], grid[1])
    y0, y1, rows = _span(view[1], view[3], grid[0])
    return (x0, y0, x1, y1), (rows, columns)


def _span(start: float, stop: float, count: int) -> tuple[float, float, int]:
    lines = edges(start, stop, count)
    kept = np.flatnonzero(lines[:-1] < lines[1:])
    if len(kept) == count:
        return start, stop, count
    cell = (stop - start) / count
    return start + int(kept[0]) * cell, start + (int(kept[-1]) + 1) * cell, len(kept)


def _raster(start: Size, inside: Size, end: Size) -> Size:
    """The raster of tokens that came as `start`, of which `inside` show something, and left as `end`.

    (0, 0) where a selector made another raster and some of its cells may be of the margin.
    """
    if end == start:
        return inside
    return end if inside == start else (0, 0)


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


def _hosted(x: Num[torch.Tensor, "N *D"]) -> Num[Array, "N *D"]:
    """On the host; floats as float32, codes as they are."""
    return host(x.float() if x.is_floating_point() else x)
