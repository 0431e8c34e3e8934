"""Where each region token lies on a drawing: its box, or the runs of its pixels where tokens are no boxes.

boxes   ┌──┬──┐  one tile a token        map   ▬▬▬ ▭▭    a tile for each run of pixels,
        └──┴──┘                                ▬▬ ▭▭▭    a row of tiles high
"""

from dataclasses import dataclass

import numpy as np

from lexel.drawing.marks import borders, outlines, owners, pixel_boxes
from lexel.shapes import Array, Int
from lexel.tokens.value import Tokens


@dataclass(frozen=True, eq=False)
class Tiles:
    """Rectangles that the tokens of one picture cover.

    boxes   int64 `[n, 4]` x0 y0 x1 y1 in pixels of the drawing
    token   int64 `[n]` the row of the token that each belongs to
    edges   int64 `[m, 4]` the segments around every token
    whole   whether every token is one tile
    """

    boxes: Int[Array, "n 4"]
    token: Int[Array, "n"]
    edges: Int[Array, "m 4"]
    whole: bool

    @classmethod
    def of(cls, tokens: Tokens, size: tuple[int, int]) -> "Tiles":
        """The tiles of region tokens of one picture on a drawing of `size` (height, width)."""
        label_map = tokens.pictures.maps[0] if len(tokens.pictures.maps) == 1 else None
        if label_map is None:
            boxes = pixel_boxes(tokens.boxes, size)
            return cls(boxes, np.arange(tokens.total), outlines(boxes, size), True)
        y, x = (np.arange(n) * cells // n for n, cells in zip(size, (label_map.height, label_map.width), strict=True))
        owner = label_map.raster()[y[:, None], x]
        boxes, token = _runs(owner)
        return cls(boxes[token >= 0], token[token >= 0], borders(owner), False)

    def owner(self, size: tuple[int, int]) -> Int[Array, "H W"]:
        """The row of the token that covers each pixel, −1 where there is none; of several the smallest tile's."""
        return np.append(self.token, -1)[owners(self.boxes, size)]


def _runs(owner: Int[Array, "H W"]) -> tuple[Int[Array, "n 4"], Int[Array, "n"]]:
    """Boxes one pixel high of equal owners, and their owner."""
    begins = np.ones(owner.shape, bool)
    begins[:, 1:] = owner[:, 1:] != owner[:, :-1]
    y, x = np.nonzero(begins)
    stop = np.append(x[1:], 0)
    stop[stop == 0] = owner.shape[1]  # the next run begins a new row
    return np.stack([x, y, stop, y + 1], axis=1), owner[y, x].astype(np.int64)
