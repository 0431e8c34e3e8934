"""What leaves a tower: packed tensors and their pictures → `Tokens` on the host."""

from collections.abc import Sequence
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
from lexel.tokens.meaning import PictureTable, Space, implied_boxes
from lexel.tokens.value import Tokens


def tokens_of(
    traced: Traced,
    data: Float[torch.Tensor, "N D"],
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
    picture has so many views, one after the other, and a column `crop` says which.
    """
    start, end = traced.start, traced.packed
    each = crops or 1
    alone = [picture for picture in pictures for _ in range(each)]
    table = PictureTable.of(alone, views, [(h, w) for h, w in start.grid.tolist()])
    boxes = implied_boxes(table, host(start.kind), host(start.splits))
    assert boxes is not None  # a tower's rows are its rasters
    plans = [plan.host() for plan in traced.plans]
    if plans:
        boxes = reduce(Plan.then, plans).union(boxes)
    tokens = Tokens(
        data=_floats(data),
        boxes=boxes,
        kind=host(end.kind),
        mass=np.ones(len(boxes), np.float32) if end.mass is None else host(end.mass),
        level=np.full(len(boxes), level, np.int16),
        splits=host(end.splits)[::each],
        pictures=PictureTable.of(pictures, views, [(h, w) for h, w in end.grid.tolist()], crops=each),
        space=space,
        columns={name: _floats(rows) for name, rows in traced.kept.items()},
    )
    return tokens if crops is None else tokens.with_(columns={**tokens.columns, "crop": _crop(end, crops)})


def _crop(packed: Packed, crops: int) -> Int[Array, "N"]:
    """Which crop of its picture each token is of, int16."""
    counts = np.array(packed.counts, np.int64)
    return np.repeat((np.arange(len(counts)) % crops).astype(np.int16), counts)


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


def _floats(x: Float[torch.Tensor, "N *D"]) -> Float[Array, "N *D"]:
    return host(x.float())
