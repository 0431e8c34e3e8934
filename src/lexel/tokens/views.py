"""Other shapes of the same tokens: padded batches, rasters, the tokens at a point."""

from typing import TYPE_CHECKING

import numpy as np

from lexel.errors import TokensError
from lexel.shapes import Array, Bool, Int, Num
from lexel.tokens.meaning import Kind

if TYPE_CHECKING:
    from lexel.tokens.value import Tokens


def padded(tokens: "Tokens") -> tuple[Num[Array, "B M *D"], Bool[Array, "B M"]]:
    """(data `[B, M, …]` padded with zeros, mask `[B, M]` True where a token is); M is the longest picture."""
    counts = tokens.counts
    longest = int(counts.max(initial=0))
    mask = np.arange(longest) < counts[:, None]
    data = np.zeros((*mask.shape, *tokens.data.shape[1:]), tokens.data.dtype)
    data[mask] = tokens.data
    return data, mask


def grid(tokens: "Tokens", picture: int) -> Num[Array, "h w *D"]:
    """The raster of a picture of one crop. Raises `TokensError` where its tokens lie on none."""
    one = tokens[picture]
    if len(one.pictures.grids) != 1:
        raise TokensError(f"{len(one.pictures.grids)} crops: ask for grids()", subject=one.pictures.names[0])
    return grids(one)[0]


def grids(tokens: "Tokens") -> list[Num[Array, "h w *D"]]:
    """The raster of every crop, in order. Raises `TokensError` where the tokens of a picture lie on none."""
    table, rasters = tokens.pictures, []
    region = tokens.kind == Kind.REGION
    for b in range(len(tokens)):
        rows = np.arange(tokens.splits[b], tokens.splits[b + 1])
        rows = rows[region[rows]]
        shapes = table.grids[table.crops[b] : table.crops[b + 1]]
        if not len(shapes) or not shapes.all() or shapes.prod(axis=1).sum() != len(rows):
            raise TokensError(
                f"its {len(rows)} region tokens lie on no raster: they were merged, dropped or never on one",
                subject=table.names[b],
            )
        for h, w in shapes:
            rasters.append(tokens.data[rows[: h * w]].reshape(h, w, *tokens.data.shape[1:]))
            rows = rows[h * w :]
    return rasters


def at(tokens: "Tokens", picture: int, x: float, y: float) -> Int[Array, "n"]:
    """Rows of the region tokens of `picture` that cover the point (x, y) of the unit square.

    Boxes own their left and upper edge; the right and lower edge of the picture belong to its last boxes. Several
    rows answer where tokens overlap (levels, merged regions), none where tokens were dropped.
    """
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(f"expected a point of the unit square, got ({x}, {y})")
    rows = np.arange(len(tokens))[picture]
    rows = np.arange(tokens.splits[rows], tokens.splits[rows + 1])
    x0, y0, x1, y1 = tokens.boxes[rows].T
    inside = (x0 <= x) & ((x < x1) | ((x == 1) & (x1 == 1))) & (y0 <= y) & ((y < y1) | ((y == 1) & (y1 == 1)))
    covering: Array = rows[inside & (tokens.kind[rows] == Kind.REGION)]
    return covering
