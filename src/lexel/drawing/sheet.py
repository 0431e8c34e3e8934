"""Many views as one drawing: a contact sheet, each view with its title, caption and legend.

    ┌──────┐ ┌──────┐ ┌──────┐
    │      │ │      │ │      │
    └──────┘ └──────┘ └──────┘
    Tokens   Levels   Error
    caption  ■ ■ ■    ▒▒▒▒▒▒▒

`png.png(sheet(views))` and `svg.svg(sheet(views))` are what `lexel show` writes.
"""

import math
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

from lexel.drawing import colours
from lexel.drawing.marks import DARK, Drawing, Fill, Mark, Text, box_array, shifted
from lexel.drawing.views import Legend, Ramp, Swatches, View

GREY = (96, 96, 104)
NARROWEST = 360  # pixels: captions need room, also under a picture that is a strip
LETTER = 0.54  # mean width of a letter in sizes; a little more than that of usual fonts


def sheet(views: Sequence[View]) -> Drawing:
    """All views, in rows of as many as give a sheet that is wider than high. Raises `ValueError` for none."""
    if not views:
        raise ValueError("a sheet has one view or more")
    cell = max(NARROWEST, *(view.drawing.width for view in views))
    tallest = max(view.drawing.height for view in views)
    rows = math.ceil(len(views) / math.ceil((1.6 * len(views) * tallest / cell) ** 0.5))
    columns = math.ceil(len(views) / rows)  # the last row as full as can be
    size = max(14, cell // 44)
    gap = 2 * size
    marks: list[Mark] = []
    y = gap
    for row in range(0, len(views), columns):
        deepest = y
        for place, view in enumerate(views[row : row + columns]):
            x = gap + place * (cell + gap)
            marks += [shifted(mark, x, y) for mark in view.drawing.marks]
            words, bottom = _words(view, x, y + view.drawing.height, cell, size)
            marks += words
            deepest = max(deepest, bottom)
        y = deepest + gap
    return Drawing(y, gap + columns * (cell + gap), tuple(marks))


def _words(view: View, x: int, y: int, width: int, size: int) -> tuple[list[Mark], int]:
    """Title, caption and legend below a view, and where they end."""
    title = round(1.35 * size)
    y += title + size // 2
    marks: list[Mark] = [Text(x, y, view.title, title)]
    for line in textwrap.wrap(view.caption, max(8, int(width / (LETTER * size)))):
        y += round(1.4 * size)
        marks.append(Text(x, y, line, size, GREY))
    if view.legend is not None:
        y += round(1.7 * size)
        marks += _legend(view.legend, x, y, size)
        if isinstance(view.legend, Swatches):
            y += round(1.4 * size) * (len(view.legend.names) - 1)
    return marks, y + size // 2


def _legend(legend: Legend, x: int, y: int, size: int) -> Iterable[Mark]:
    if isinstance(legend, Swatches):
        for name, colour in zip(legend.names, legend.colours, strict=True):
            square = box_array([(x, y - size + 2, x + size, y + 2)])
            yield Fill(square, np.array([colour], np.uint8))
            yield Text(x + round(1.6 * size), y, name, size)
            y += round(1.4 * size)
    else:
        yield from _ramp(legend, x, y, size)


def _ramp(legend: Ramp, x: int, y: int, size: int) -> Iterable[Mark]:
    steps, step = 64, max(2, size // 5)
    start = x + round(LETTER * size * (len(legend.low) + 1))
    left = start + np.arange(steps) * step
    boxes = np.stack([left, np.full(steps, y - size + 2), left + step, np.full(steps, y + 2)], axis=1)
    yield Text(x, y, legend.low, size)
    yield Fill(boxes, colours.heat(np.linspace(0, 1, steps)))
    yield Text(start + steps * step + size // 2, y, legend.high, size, DARK)
