"""Tokens of pictures that never were files: drawn data on rasters, under names that say how they came about."""

import hashlib

import numpy as np

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Num
from lexel.tokens.meaning import Space
from lexel.tokens.raster import raster_tokens
from lexel.tokens.value import Tokens


def check_sizes(count: int, height: int, width: int) -> None:
    """Raise `BadArguments` where there are no such rasters."""
    if count < 0 or min(height, width) < 1:
        raise BadArguments(f"{count} pictures of {height} × {width} cells cannot be drawn")


def new_tokens(data: Num[Array, "b h w *C"], space: Space, *, cell: int, seed: int) -> Tokens:
    """Picture i is called `SEED.i`, has as many pixels as its cells, and for its digest the BLAKE2b-128 of its data."""
    b, h, w = data.shape[:3]
    none = np.empty((0, 0, 3), np.uint8)
    pictures = [
        Picture(none, f"{seed}.{i}", (h * cell, w * cell), hashlib.blake2b(one.tobytes(), digest_size=16).hexdigest())
        for i, one in enumerate(data)
    ]
    return raster_tokens(data.reshape(b * h * w, *data.shape[3:]), pictures, [(h, w)] * b, space)
