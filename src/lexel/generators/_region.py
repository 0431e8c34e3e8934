"""A box of a picture that is to be painted anew: which tokens it hides, and where its pixels go.

picture  ┌──────────┐      tokens  · · · · ·      hidden: every cell that the box touches, and their neighbours,
         │  ┌──┐    │              · # # # ·      because the encoder looked across the edges of its cells
         │  └──┘    │              · # # # ·
         └──────────┘              · · · · ·      shown: the pixels of the box anew, all others as they were
"""

from dataclasses import replace

import numpy as np

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, Bool
from lexel.tokens.meaning import PictureTable, cell_boxes

Box = tuple[float, float, float, float]  # x0 y0 x1 y1 in the unit square of the upright picture


def hidden(pictures: PictureTable, box: Box) -> list[Bool[Array, "h w"]]:
    """Of each raster, the cells that a box hides. Raises `BadArguments` for a box that is none."""
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise BadArguments(f"a box is x0, y0, x1, y1 from 0 to 1, the smaller ones first, not {box}")
    found = []
    for view, (h, w) in zip(pictures.views, pictures.grids.tolist(), strict=True):
        left, top, right, bottom = cell_boxes(view, (h, w)).T
        touched = (left < x1) & (right > x0) & (top < y1) & (bottom > y0)
        found.append(_grown(touched.reshape(h, w)))
    return found


def painted(original: Picture, drawn: Picture, box: Box) -> Picture:
    """The original with the pixels of the box from `drawn`, which shows the same picture at any scale."""
    height, width = original.pixels.shape[:2]
    pixels = pillow_bicubic(drawn.pixels, (height, width))
    x0, y0, x1, y1 = (round(edge * side) for edge, side in zip(box, (width, height) * 2, strict=True))
    whole = original.pixels.copy()
    whole[y0:y1, x0:x1] = pixels[y0:y1, x0:x1]
    return replace(original, pixels=whole)


def _grown(cells: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """With the neighbours of each, eight of them."""
    h, w = cells.shape
    around = np.pad(cells, 1)
    return np.any([around[y : y + h, x : x + w] for y in range(3) for x in range(3)], axis=0)
