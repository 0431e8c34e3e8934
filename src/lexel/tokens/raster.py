"""Tokens that lie on a raster: the fields that follow from views and grids, filled in once for every tokenizer."""

from collections.abc import Sequence

import numpy as np

from lexel.pictures.picture import Picture
from lexel.shapes import Array, Num
from lexel.tokens.meaning import WHOLE, PictureTable, Space, cell_boxes
from lexel.tokens.value import Tokens


def raster_tokens(
    data: Num[Array, "N *D"],
    pictures: Sequence[Picture],
    grids: Sequence[tuple[int, int]],
    space: Space,
    *,
    views: Sequence[tuple[float, float, float, float]] | None = None,
    crops: int = 1,
) -> Tokens:
    """Region tokens of mass 1 and level 0, row by row over each grid.

    data     rows of all grids, packed: N = Σ rows · columns
    grids    (rows, columns) of each crop, picture by picture
    views    what was prepared of each; None: each picture whole
    crops    so many a picture
    """
    views = [WHOLE] * len(grids) if views is None else views
    table = PictureTable.of(pictures, views, grids, crops=crops)
    boxes = [cell_boxes(view, grid) for view, grid in zip(table.views, grids, strict=True)]
    return Tokens(
        data=data,
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        kind=np.zeros(len(data), np.int8),
        mass=np.ones(len(data), np.float32),
        level=np.zeros(len(data), np.int16),
        splits=np.concatenate(([0], np.cumsum(table.grids.prod(axis=1))))[::crops],
        pictures=table,
        space=space,
    )
