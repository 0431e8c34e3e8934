"""A hole in a raster of any size, filled in windows of the size that a prior learned.

    1  · · · · · · · · · ·         2  · · · · · · · · · ·      ·  known
       ┌─────────┐ · · · ·            · · · · ┌─────────┐      #  drawn, half a window wide at most
       │· · · · ·│ · · · ·            · · · · │· · · · ·│      ?  not known: drawn with them, not kept
       │· # # # ?│ ? ? · ·     ─►     · a a a │? # # # ·│      a  kept from earlier windows
       │· # # # ?│ ? ? · ·            · a a a │? # # # ·│
       └─────────┘                            └─────────┘

What is blank is cut into parts of half a window at most, and each is drawn in a window of which it is the middle: a
cell knows what lies a quarter of a window around it, or up to the edge of the picture. Blank cells of other parts are
drawn too where the window shows them, because a prior says how likely codes are together, but they are not kept.

both ways   next comes the part whose window shows most that is known: a hole is begun at its rim
causal      row by row, each part at the bottom of its window, since it sees what is above and before it alone

That windows are moved over a picture, each seeing what earlier ones drew, is published practice: MaskGIT (arXiv
2202.04200) extends pictures so, taming transformers (arXiv 2012.09841) draw large ones.
"""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from lexel.generators._objective import Objective
from lexel.generators._prior import Prior
from lexel.needs import torch
from lexel.shapes import Array, Bool, Int


@dataclass(frozen=True)
class Span:
    """Along one side of a raster: cells `first` to before `stop` are drawn, in a window of `size` from `start` on."""

    start: int
    size: int
    first: int
    stop: int

    @property
    def seen(self) -> slice:
        """The window."""
        return slice(self.start, self.start + self.size)

    @property
    def drawn(self) -> slice:
        """What is kept."""
        return slice(self.first, self.stop)

    @property
    def inside(self) -> slice:
        """The same, counted from the start of the window."""
        return slice(self.first - self.start, self.stop - self.start)


def filled(prior: Prior, codes: Int[torch.Tensor, "h w"], by: Objective, *, seed: int) -> Int[torch.Tensor, "h w"]:
    """The same codes with one drawn in every blank cell, as `by` draws.

    A raster that fits in one window is drawn at once. Of a larger one the prior is shown one window at a time. Raises
    `BadArguments` for a way of drawing that needs another kind of prior.
    """
    codes = codes.clone()
    blank = (codes == prior.blank).numpy()
    remaining = windows(blank, prior.config.side, causal=by.causal)
    for number in range(len(remaining)):
        unknown = [blank[y.seen, x.seen].sum() for y, x in remaining]
        y, x = remaining.pop(0 if by.causal else int(np.argmin(unknown)))
        window = codes[None, y.seen, x.seen]
        drawn = by.filled(prior, window, seed=seed + (number << 32))  # the next picture's seed is seed + 1
        codes[y.drawn, x.drawn] = drawn[0, y.inside, x.inside]
        blank[y.drawn, x.drawn] = False
    return codes


def windows(blank: Bool[Array, "h w"], side: int, *, causal: bool) -> list[tuple[Span, Span]]:
    """The windows of at most `side` × `side` cells that fill what is blank, each as rows and columns, row by row."""
    rows, columns = (np.flatnonzero(blank.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    h, w = blank.shape
    found = product(_spans(rows, h, side, last=causal), _spans(columns, w, side, last=False))
    return [(y, x) for y, x in found if blank[y.drawn, x.drawn].any()]


def _spans(cells: Int[Array, "n"], length: int, side: int, *, last: bool) -> list[Span]:
    """From the first of these cells to the last one, in parts that are alike; `last` puts each at its window's end."""
    size, (first, stop) = min(side, length), (int(cells[0]), int(cells[-1]) + 1)
    count = 1 if length <= side else -(-(stop - first) // max(1, side // 2))
    cuts = [first + (stop - first) * k // count for k in range(count + 1)]
    spans = []
    for start, end in pairwise(cuts):
        wanted = end - size if last else (start + end - size) // 2
        spans.append(Span(min(max(0, wanted), length - size), size, start, end))
    return spans
