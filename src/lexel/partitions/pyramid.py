"""Pyramid: the whole picture coarsely, then what is missing, level by level, until nothing is.

    ┌───────┐     ┌───┬───┐     ┌─┬─┬─┬─┐
    │       │     │ ± │ ± │     │±│±│±│±│      level 2  the picture averaged 4 ×
    │   ▒   │  +  ├───┼───┤  +  ├─┼─┼─┼─┤      level 1  what averaging 2 × shows beyond that
    │       │     │ ± │ ± │     │±│±│±│±│      level 0  what the pixels show beyond that
    └───────┘     └───┴───┘     └─┴─┴─┴─┘

Paper      Burt and Adelson 1983, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans. Comm. 31(4)
Kind       tokenizer; not learned; exactly invertible
Needs      nothing
Cost       a third more than one copy of the pixels
Checked by test_pyramids_give_back_every_picture_exactly, test_levels_equal_the_literal_residuals,
           test_without_its_finest_level_a_pyramid_is_the_average
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lexel.errors import BadArguments, TokensError
from lexel.partitions._cells import cells, check_sizes, cropped, joined, picture_of
from lexel.pictures.picture import Picture
from lexel.pictures.resize import padded
from lexel.shapes import Array, UInt8
from lexel.tokens.meaning import Space
from lexel.tokens.raster import raster_tokens
from lexel.tokens.value import Tokens

ZERO = 128  # a residual of 0; residuals are kept modulo 256, so that a byte holds them and none is lost


@dataclass(frozen=True, init=False, repr=False)
class Pyramid:
    """Levels of residuals: uint8 `[N, P·P·3]`, P the smallest side, from the coarsest level to the finest.

    sides   of the tokens in pixels, smallest first, each twice the one before: 8, 16, 32

    A token of side 2^k · P shows its square averaged down to P × P pixels, so that D is one number: the coarsest
    level as it is, the others as 128 plus the difference from the coarser level, enlarged. Differences wrap around
    at 256: sums of bytes are exact, and what is larger than ±127 is rare. Without its finest level a pyramid gives
    the average of 2 × 2 pixels.

    Each level is a raster of its own, in the tables a crop of its picture (`tokens.grids()` gives one after the
    other, the column `crop` counts them). Every token has mass 1, so that each level sums to its own cells. Sides
    that the largest token does not divide are padded right and below with their last pixel; tokens that would lie in
    the padding alone are left out.

    Raises `BadArguments` for no side, sides below 1, or sides that do not double.

        pyramid(8, 16, 32) on 256 × 256   →  64 + 256 + 1,024 tokens of 192
    """

    sides: tuple[int, ...]

    exact = True  # detokenize gives back every pixel

    def __init__(self, *sides: int) -> None:
        object.__setattr__(self, "sides", sides)
        check_sizes(self, *sides)
        if not sides or any(b != 2 * a for a, b in pairwise(sides)):
            raise BadArguments(f"{self!r}: sides double from the smallest on, such as 8, 16, 32")

    def __repr__(self) -> str:
        return f"pyramid({', '.join(map(repr, self.sides))})"

    @property
    def space(self) -> Space:
        """Averages and residuals of P × P pixels."""
        side, levels = self.sides[0], len(self.sides)
        said = f"rgb {side}×{side} pyramid of {levels}"
        return Space("vectors", side * side * 3, digest=said, name=said.removeprefix("rgb "))

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """The levels of every picture, the coarsest first, each row by row."""
        pictures, levels = list(pictures), len(self.sides)
        data, views, grids = [np.zeros((0, self.space.width), np.uint8)], [], []
        for picture in pictures:
            height, width = picture.pixels.shape[:2]
            for side, pixels in zip(
                self.sides[::-1], residuals(padded(picture.pixels, self.sides[-1]), levels), strict=True
            ):
                h, w = -(-height // side), -(-width // side)
                data.append(cells(pixels, self.sides[0])[:h, :w].reshape(h * w, self.space.width))
                views.append((0.0, 0.0, w * side / width, h * side / height))
                grids.append((h, w))
        tokens = raster_tokens(np.concatenate(data), pictures, grids, self.space, views=views, crops=levels)
        cells_of = [h * w for h, w in grids]
        crop = np.repeat(np.tile(np.arange(levels, dtype=np.int16), len(pictures)), cells_of)
        return tokens.with_(level=np.int16(levels - 1) - crop, columns={"crop": crop})

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures again, pixel for pixel.

        Raises `TokensError` when tokens were merged, dropped or are of another space.
        """
        if tokens.space != self.space or tokens.data.dtype != np.uint8:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}, {tokens.data.dtype}")
        rasters, levels = tokens.grids(), len(self.sides)
        if len(rasters) != levels * len(tokens):
            raise TokensError(f"not {levels} levels a picture")
        pictures = []
        for b in range(len(tokens)):
            pixels = summed([joined(raster, self.sides[0]) for raster in rasters[b * levels : (b + 1) * levels]])
            pictures.append(picture_of(tokens, b, cropped(pixels, tokens.pictures.views[(b + 1) * levels - 1])))
        return pictures


def residuals(pixels: UInt8[Array, "H W 3"], levels: int) -> list[UInt8[Array, "_ _ 3"]]:
    """The picture averaged 2^(levels − 1) times, then what each finer level adds; sides divide by that.

    Averages are rounded, halves up; enlarging repeats pixels.
    """
    averages, total = [pixels], pixels.astype(np.uint32)
    for level in range(1, levels):
        h, w = total.shape[0] // 2, total.shape[1] // 2
        total = total.reshape(h, 2, w, 2, 3).sum(axis=(1, 3), dtype=np.uint32)
        averages.append(((total + (4**level >> 1)) >> (2 * level)).astype(np.uint8))
    finer = [fine - _enlarged(coarse) + np.uint8(ZERO) for fine, coarse in pairwise(averages)]
    return [averages[-1], *reversed(finer)]


def summed(levels: list[UInt8[Array, "_ _ 3"]]) -> UInt8[Array, "H W 3"]:
    """What `residuals` took apart. A level may be smaller than the one before it enlarged: then that is cut."""
    pixels = levels[0]
    for residual in levels[1:]:
        pixels = _enlarged(pixels)[: residual.shape[0], : residual.shape[1]] + residual - np.uint8(ZERO)
    return pixels


def _enlarged(pixels: UInt8[Array, "h w 3"]) -> UInt8[Array, "H W 3"]:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)
