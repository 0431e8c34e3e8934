"""Resizing kernels, each named after what it equals.

pillow_bicubic   what Pillow-based preparation of published towers does, antialiased, rounded between the two passes
pillow_box       the mean of the area that each new pixel covers
padded           no kernel: the last pixels go on until a number divides the sides
"""

import numpy as np
from PIL import Image

from lexel.shapes import Array, Num, UInt8


def pillow_bicubic(pixels: UInt8[Array, "H W 3"], size: tuple[int, int]) -> UInt8[Array, "h w 3"]:
    """`pixels` at `size` (height, width), bit for bit as `Image.resize(…, BICUBIC)`. uint8 in and out, 0–255."""
    return _resize(pixels, size, Image.Resampling.BICUBIC)


def pillow_box(pixels: UInt8[Array, "H W 3"], size: tuple[int, int]) -> UInt8[Array, "h w 3"]:
    """`pixels` at `size` (height, width), bit for bit as `Image.resize(…, BOX)`: area averages. uint8 in and out."""
    return _resize(pixels, size, Image.Resampling.BOX)


def fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The (height, width) of `size` scaled down to a longest side of at most `longest`; never up, never below 1.

    fit((3000, 4000), 1024)          # (768, 1024)
    """
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def padded(pixels: Num[Array, "H W 3"], side: int) -> Num[Array, "H2 W2 3"]:
    """Sides brought to a multiple of `side` by repeating the last pixel right and below."""
    height, width = pixels.shape[:2]
    missing = -height % side, -width % side
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else pixels


def _resize(pixels: UInt8[Array, "H W 3"], size: tuple[int, int], kernel: Image.Resampling) -> UInt8[Array, "h w 3"]:
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), kernel))
