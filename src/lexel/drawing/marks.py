"""What a drawing is: a size and a list of marks, plain data that `png` and `svg` draw alike.

    Drawing ─┬─ Raster   pixels in a box; sharp squares where they are enlarged
             ├─ Fill     rectangles, each of its colour, all of one opacity
             ├─ Lines    segments of one colour and width
             └─ Text     one line
                           ┌─► png.png      bytes
    views.views ─► View ───┼─► svg.svg      text
                           └─► html.figure  part of a page          sheet.sheet: many views as one drawing

Coordinates are pixels of the drawing, whole numbers: x to the right, y down, boxes x0 y0 x1 y1. A line stands on the
edge between two pixels. Marks are drawn in their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from lexel.shapes import Array, Bool, Float, Int, UInt8

Colour: TypeAlias = tuple[int, int, int]

LIGHT: Colour = (255, 255, 255)
DARK: Colour = (16, 16, 20)


@dataclass(frozen=True, eq=False)
class Raster:
    """A picture over `box`: uint8 `[h, w, 3]`, enlarged pixel by pixel."""

    pixels: UInt8[Array, "h w 3"]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Fill:
    """Rectangles `[N, 4]` with their colours `[N, 3]`; where they overlap, the later one counts."""

    boxes: Int[Array, "N 4"]
    colours: UInt8[Array, "N 3"]
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Lines:
    """Segments `[N, 4]` from (x0, y0) to (x1, y1)."""

    segments: Int[Array, "N 4"]
    colour: Colour
    width: int = 1
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """One line of text that begins at (x, y), its baseline; `size` in pixels."""

    x: int
    y: int
    text: str
    size: int
    colour: Colour = DARK


Mark: TypeAlias = Raster | Fill | Lines | Text


@dataclass(frozen=True, eq=False)
class Drawing:
    """Marks on a white ground of `height` × `width`."""

    height: int
    width: int
    marks: tuple[Mark, ...]


def shifted(mark: Mark, x: int, y: int) -> Mark:
    """The same mark, `x` to the right and `y` down."""
    match mark:
        case Raster(box=(x0, y0, x1, y1)):
            return replace(mark, box=(x0 + x, y0 + y, x1 + x, y1 + y))
        case Fill():
            return replace(mark, boxes=mark.boxes + np.array([x, y, x, y]))
        case Lines():
            return replace(mark, segments=mark.segments + np.array([x, y, x, y]))
        case Text():
            return replace(mark, x=mark.x + x, y=mark.y + y)


def haloed(segments: Int[Array, "N 4"], *, colour: Colour = LIGHT, width: int = 1) -> tuple[Lines, Lines]:
    """Lines that can be seen on any picture: a thin one on a wider dark one."""
    return Lines(segments, DARK, width + 2, 0.55), Lines(segments, colour, width, 0.95)


def pixel_boxes(boxes: Float[Array, "N 4"], size: tuple[int, int]) -> Int[Array, "N 4"]:
    """Boxes of the unit square in pixels of a drawing of `size` (height, width).

    Neighbours stay neighbours: an edge that two boxes share falls on one pixel edge.
    """
    height, width = size
    return np.rint(boxes.astype(np.float64) * (width, height, width, height)).astype(np.int64)


def owners(boxes: Int[Array, "N 4"], size: tuple[int, int]) -> Int[Array, "H W"]:
    """The row of the box that covers each pixel, −1 where there is none; of several the smallest, then the last.

    owners([[0, 0, 1, 1], [1, 0, 2, 1]], (1, 3))  →  [[0, 1, -1]]
    """
    owner = np.full(size, -1, np.int64)
    for row in np.argsort(-areas(boxes), kind="stable").tolist():
        x0, y0, x1, y1 = boxes[row]
        owner[y0:y1, x0:x1] = row
    return owner


def areas(boxes: Int[Array, "N 4"]) -> Int[Array, "N"]:
    """How many pixels each box covers."""
    area: Array = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def outlines(boxes: Int[Array, "N 4"], size: tuple[int, int]) -> Int[Array, "n 4"]:
    """The edges of all boxes as few long segments: an edge that many boxes share is one line."""
    height, width = size
    lying, standing = np.zeros((height + 1, width), bool), np.zeros((height, width + 1), bool)
    for x0, y0, x1, y1 in boxes.tolist():
        lying[y0, x0:x1] = lying[y1, x0:x1] = True
        standing[y0:y1, x0] = standing[y0:y1, x1] = True
    return _segments(lying, standing)


def borders(labels: Int[Array, "H W"]) -> Int[Array, "n 4"]:
    """Segments between pixels of different labels; none along the edge of the drawing."""
    height, width = labels.shape
    lying, standing = np.zeros((height + 1, width), bool), np.zeros((height, width + 1), bool)
    lying[1:-1] = labels[1:] != labels[:-1]
    standing[:, 1:-1] = labels[:, 1:] != labels[:, :-1]
    return _segments(lying, standing)


def crosses(boxes: Int[Array, "N 4"]) -> Int[Array, "N 4"]:
    """One diagonal a box, from its lower left to its upper right: crossed out."""
    return boxes[:, [0, 3, 2, 1]]


def _segments(lying: Bool[Array, "H1 W"], standing: Bool[Array, "H W1"]) -> Int[Array, "n 4"]:
    y, start, stop = _runs(lying)
    x, top, bottom = _runs(standing.T)
    across, down = np.stack([start, y, stop, y], axis=1), np.stack([x, top, x, bottom], axis=1)
    return np.concatenate([across, down])


def _runs(mask: Bool[Array, "R C"]) -> tuple[Int[Array, "n"], Int[Array, "n"], Int[Array, "n"]]:
    """Row, start and stop of every run of True along the rows."""
    turns = np.diff(np.pad(mask, ((0, 0), (1, 1))), axis=1)  # True where a run begins or ends
    row, place = np.nonzero(turns)
    return row[::2], place[::2], place[1::2]


def frame(size: tuple[int, int]) -> Int[Array, "n 4"]:
    """The edge of a drawing."""
    height, width = size
    return np.array([[0, 0, width, 0], [0, height, width, height], [0, 0, 0, height], [width, 0, width, height]])


def box_array(boxes: Sequence[tuple[int, int, int, int]]) -> Int[Array, "N 4"]:
    """A list of boxes or segments as an array; of none as `[0, 4]`."""
    return np.array(boxes, np.int64).reshape(-1, 4)
