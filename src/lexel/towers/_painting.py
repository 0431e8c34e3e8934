"""From tokens back to a picture: where each token stood, and pixels put where they were.

tokens ─ boxes, raster ─► rows of a decoder ─► pixels of the view ─► the whole picture, the rest blank
"""

import numpy as np

from lexel.errors import TokensError
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, Float, Int, UInt8
from lexel.tokens.meaning import Kind, cell_boxes
from lexel.tokens.value import Tokens


def rows_of(tokens: Tokens, b: int) -> Int[Array, "n"]:
    """Where each token of picture b stands among its class token and all the patches of its raster.

    Raises `TokensError` for tokens that are no patches of one raster, each once, and one class token.
    """
    table, some = tokens.pictures, slice(tokens.splits[b], tokens.splits[b + 1])
    if len(table.grids) != len(tokens):
        raise TokensError("of several crops", subject=table.names[b])
    h, w = table.grids[b].tolist()
    places = {box.tobytes(): row for row, box in enumerate(cell_boxes(table.views[b], (h, w)), start=1)}
    region = tokens.kind[some] == Kind.REGION
    rows = [places.get(box.tobytes(), -1) if cell else 0 for box, cell in zip(tokens.boxes[some], region, strict=True)]
    if -1 in rows or len(set(rows)) < len(rows) or rows.count(0) != 1:
        raise TokensError("its tokens are no patches of one raster, as merged ones are not", subject=table.names[b])
    return np.array(rows, np.int64)


def framed(
    pixels: UInt8[Array, "H W 3"], view: Float[Array, "4"], size: Int[Array, "2"], blank: UInt8[Array, "3"]
) -> UInt8[Array, "h w 3"]:
    """The whole picture where `pixels` are `view` of it: at their scale, but no larger than `size`."""
    x0, y0, x1, y1 = view.tolist()
    height = max(1, min(int(size[0]), round(pixels.shape[0] / (y1 - y0))))
    width = max(1, min(int(size[1]), round(pixels.shape[1] / (x1 - x0))))
    top, left, bottom, right = round(y0 * height), round(x0 * width), round(y1 * height), round(x1 * width)
    shown = pillow_bicubic(pixels, (max(1, bottom - top), max(1, right - left)))
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = blank
    part = shown[max(0, -top) : height - top, max(0, -left) : width - left]
    y, x = max(0, top), max(0, left)
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part[: height - y, : width - x]
    return canvas
