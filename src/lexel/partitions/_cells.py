"""What the tokenizers that cut a picture into cells share: sizes, preparation, the picture again."""

import numpy as np

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, Float, UInt8
from lexel.tokens.value import Tokens


def check_sizes(stage: object, *sizes: int | tuple[int, int] | None) -> None:
    """Whole numbers from 1, pairs of them, or None; else `BadArguments` in the words of the stage."""
    for size in sizes:
        sides = size if isinstance(size, tuple) else (size,)
        if size is not None and not (
            len(sides) <= 2 and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides)
        ):
            raise BadArguments(f"{stage!r}: expected whole pixels from 1, got {size!r}")


def prepared_size(size: tuple[int, int], to: int | tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) to tokenize at: native for None, the longer side `to`, or exactly `to`."""
    if to is None or isinstance(to, tuple):
        return to or size
    scale = to / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def prepared(picture: Picture, to: int | tuple[int, int] | None) -> UInt8[Array, "H W 3"]:
    """The pixels to tokenize, resized with Pillow's bicubic where `to` asks for another size."""
    native = picture.pixels.shape[0], picture.pixels.shape[1]
    size = prepared_size(native, to)
    return picture.pixels if size == native else pillow_bicubic(picture.pixels, size)


def cells(pixels: UInt8[Array, "H W 3"], side: int) -> UInt8[Array, "h w P P2 3"]:
    """Pixels whose sides divide by `side`, as squares row by row: a view, no copy."""
    h, w = pixels.shape[0] // side, pixels.shape[1] // side
    return pixels.reshape(h, side, w, side, 3).transpose(0, 2, 1, 3, 4)


def joined(raster: UInt8[Array, "h w D"], side: int) -> UInt8[Array, "H W 3"]:
    """Squares of side² · 3 bytes put together again."""
    h, w = raster.shape[:2]
    return raster.reshape(h, w, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(h * side, w * side, 3)


def picture_of(tokens: Tokens, b: int, pixels: UInt8[Array, "H W 3"]) -> Picture:
    """Picture b of the table with these pixels."""
    table = tokens.pictures
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    height, width = table.sizes[b]
    return Picture(pixels, table.names[b], (int(height), int(width)), table.digests[b])


def cropped(pixels: UInt8[Array, "H2 W2 3"], view: Float[Array, "4"]) -> UInt8[Array, "H W 3"]:
    """Padded pixels without the padding: their view reaches as far outside the picture as they do."""
    x0, y0, x1, y1 = view
    return pixels[: round(pixels.shape[0] / (y1 - y0)), : round(pixels.shape[1] / (x1 - x0))]
