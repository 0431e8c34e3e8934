"""Fixed patches: the picture cut into squares, as a Vision Transformer sees it.

    ▦▦▦▦▦▦        □ □ □
    ▦▦▦▦▦▦   →    □ □ □      patch(P): ⌈H/P⌉ × ⌈W/P⌉ tokens, row by row
    ▦▦▦▦▦▦        □ □ □

Paper      Dosovitskiy et al. 2020, arXiv 2010.11929
Kind       tokenizer; not learned; exactly invertible
Needs      nothing
Cost       one copy of the pixels
Checked by test_patches_give_back_every_picture_exactly, test_patches_equal_the_literal_loop
"""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np

from lexel.errors import TokensError
from lexel.partitions._cells import cells, check_sizes, cropped, joined, picture_of, prepared
from lexel.pictures.picture import Picture
from lexel.pictures.resize import padded
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import stage_text
from lexel.tokens.raster import raster_tokens
from lexel.tokens.value import Tokens


@dataclass(frozen=True, repr=False)
class Patch:
    """Square patches of raw pixels: uint8 `[N, P·P·3]`, in the order row, column, channel.

    patch_size   P, the side of a patch in pixels, 1 or more
    size         None: native resolution. A number: the longer side is resized to it (Pillow's bicubic), the aspect
                 stays. (height, width): resized to exactly that

    Sides that P does not divide are padded right and below with their last pixel; boxes are clipped to the picture,
    and `detokenize` crops. Raises `BadArguments` for sizes below 1.

        patch(16) on 480 × 640   →  1,200 tokens of 768
    """

    patch_size: int
    _: KW_ONLY
    size: int | tuple[int, int] | None = None

    __repr__ = stage_text
    exact = True  # detokenize gives back every pixel

    def __post_init__(self) -> None:
        check_sizes(self, self.patch_size, self.size)

    @property
    def space(self) -> Space:
        """Raw pixels of one patch."""
        side = self.patch_size
        return Space("vectors", side * side * 3, digest=f"rgb {side}×{side}", name=f"{side}×{side} pixels")

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """Patches of every picture, row by row."""
        pictures = list(pictures)
        side, pixels = self.patch_size, [prepared(picture, self.size) for picture in pictures]
        grids = [(-(-x.shape[0] // side), -(-x.shape[1] // side)) for x in pixels]
        data = np.empty((sum(h * w for h, w in grids), side, side, 3), np.uint8)
        views, done = [], 0
        for x, (h, w) in zip(pixels, grids, strict=True):
            data[done : done + h * w].reshape(h, w, side, side, 3)[...] = cells(padded(x, side), side)  # the one copy
            views.append((0.0, 0.0, w * side / x.shape[1], h * side / x.shape[0]))
            done += h * w
        return raster_tokens(data.reshape(len(data), self.space.width), pictures, grids, self.space, views=views)

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures again, pixel for pixel (after `size=`: as they were resized).

        Raises `TokensError` when tokens were merged, dropped or are of another space.
        """
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        rasters = zip(tokens.grids(), tokens.pictures.views, strict=True)
        return [
            picture_of(tokens, b, cropped(joined(raster, self.patch_size), view))
            for b, (raster, view) in enumerate(rasters)
        ]
