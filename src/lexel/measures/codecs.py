"""JPEG and WebP at the rate of a tokenization: the baseline that everybody has already.

    quality 1 ├──────────●──────────┤ 100      the highest quality whose bits are not more than allowed, by bisection
    scale     1, ½, ¼, …                       of the picture averaged down, where that comes nearer to the original

JPEG is Pillow's with optimal Huffman tables and halved colour, WebP Pillow's default: what people use, not the last
percent. Both are given without metadata.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from lexel.measures.pixels import mse
from lexel.pictures.resize import pillow_bicubic, pillow_box
from lexel.shapes import Array, UInt8

Codec: TypeAlias = Literal["jpeg", "webp"]
CODECS: tuple[Codec, ...] = get_args(Codec)
BEST = 8  # bits a pixel, from which on tokens are compared with the codec at its best


@dataclass(frozen=True)
class Coded:
    """A picture as a codec's file.

    data      the file
    quality   1 to 100; None for the best that the codec can do
    scale     the picture was averaged down so many times before
    header    bytes of `data` that are no picture yet: markers and tables, of which a JPEG has 300 to 700, a WebP 30
    """

    codec: Codec
    data: bytes
    quality: int | None
    scale: int
    header: int

    @property
    def bits(self) -> int:
        """Bits of the picture alone, without the header."""
        return 8 * (len(self.data) - self.header)

    def pixels(self, size: tuple[int, int]) -> UInt8[Array, "H W 3"]:
        """The picture again at `size` (height, width)."""
        with Image.open(io.BytesIO(self.data), formats=[self.codec]) as image:
            return pillow_bicubic(np.asarray(image.convert("RGB")), size)


def encode(pixels: UInt8[Array, "H W 3"], codec: Codec, quality: int | None, *, scale: int = 1) -> Coded:
    """The picture as a file. Quality None is the best: JPEG at 100 with full colour, WebP without loss.

    Raises `ValueError` for a side that the format cannot hold: 65,500 pixels of JPEG, 16,383 of WebP.
    """
    size = -(-pixels.shape[0] // scale), -(-pixels.shape[1] // scale)
    limit = {"jpeg": 65_500, "webp": 16_383}[codec]
    if max(size) > limit:
        raise ValueError(f"{codec} holds sides up to {limit:,} pixels, not {max(size):,}")
    file = io.BytesIO()
    image = Image.fromarray(pillow_box(pixels, size))
    if quality is not None:
        image.save(file, codec, quality=quality, **({"optimize": True} if codec == "jpeg" else {}))
    elif codec == "jpeg":
        image.save(file, codec, quality=100, subsampling=0, optimize=True)
    else:
        image.save(file, codec, lossless=True, quality=50)  # of the effort, not of the picture
    data = file.getvalue()
    return Coded(codec, data, quality, scale, _header(data, codec))


def ladder(pixels: UInt8[Array, "H W 3"], codec: Codec) -> Callable[[int], Coded]:
    """A function from bits to the best `Coded` of at most so many, which remembers what it has tried.

    Bits are those of the picture alone, as tokens are counted without their header too. From `BEST` bits a pixel on,
    and wherever it fits, that is the codec at its best. Below, quality 1 may be too much even so: then the picture is
    averaged down until it is not, and once more if that is nearer to the original. Where one pixel is still more than
    allowed, that is what comes: ask `bits`.
    """
    size = pixels.shape[0], pixels.shape[1]

    @cache
    def tried(quality: int | None, scale: int) -> Coded:
        return encode(pixels, codec, quality, scale=scale)

    def finest(bits: int, scale: int) -> Coded:
        low, high = 1, 101  # `low` fits, or is all there is; `high` does not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if tried(middle, scale).bits <= bits else (low, middle)
        return tried(low, scale)

    def at_most(bits: int) -> Coded:
        if bits >= BEST * size[0] * size[1] or tried(None, 1).bits <= bits:
            return tried(None, 1)
        scale = 1
        while tried(1, scale).bits > bits and scale < max(size):
            scale *= 2
        return min((finest(bits, s) for s in (scale, 2 * scale)), key=lambda coded: mse(pixels, coded.pixels(size)))

    return at_most


def _header(data: bytes, codec: Codec) -> int:
    """Bytes before the picture, and after it."""
    if codec == "webp":  # RIFF and chunk, then the head of a lossless or a lossy frame
        return 25 if data[12:16] == b"VP8L" else 30
    at = 2
    while data[at : at + 2] != b"\xff\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") + 2
