"""Pictures on their way into a network: decoded and prepared on threads, so many at a time.

pictures ─► each, on threads ─► prepared pixels and views ─► batches, the next while this one is computed
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation, View
from lexel.runs.threads import each
from lexel.shapes import Array, Float

T = TypeVar("T")

PICTURES = 32  # that are prepared at once


@dataclass(frozen=True, eq=False)
class Prepared:
    """A batch on its way into a network.

    pictures   without their pixels, which may be large and are not needed any more
    pixels     as the network takes them, as many crops of each picture after each other
    views      the rectangle of the original that each crop shows
    crops      of each picture; None where nobody asked for tiles
    """

    pictures: list[Picture]
    pixels: Pixels
    views: list[View]
    crops: int | None


def batches(
    preparation: Preparation, pictures: Iterable[Picture], tiles: tuple[int, int] | None = None
) -> Iterator[Prepared]:
    """Prepared pictures, the next batch while this one is computed; at least one batch, if empty.

    Raises `BadArguments` for tiles that are no (rows, columns), or that the preparation cannot make.
    """
    if tiles is not None and not (len(tiles) == 2 and min(tiles) >= 1):
        raise BadArguments(f"tiles are (rows, columns) from 1, not {tiles!r}")

    def prepare(picture: Picture) -> tuple[Picture, list[tuple[Float[Array, "3 H W"], View]]]:
        crops = preparation.tiled(picture, tiles) if tiles else [preparation.prepare(picture)]
        return replace(picture, pixels=np.empty((0, 0, 3), np.uint8)), crops

    for number, some in enumerate(by(PICTURES, each(pictures, prepare, depth=PICTURES))):
        if some or not number:
            crops = [crop for _, made in some for crop in made]
            pixels = [torch.from_numpy(x) for x, _ in crops]
            alike = len({x.shape for x in pixels}) == 1
            yield Prepared(
                [picture for picture, _ in some],
                torch.stack(pixels) if alike else pixels,
                [view for _, view in crops],
                crops=math.prod(tiles) if tiles else None,
            )


def by(size: int, things: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time; the last are fewer, or none."""
    remaining = iter(things)
    while True:
        some = list(islice(remaining, size))
        yield some
        if len(some) < size:
            return
