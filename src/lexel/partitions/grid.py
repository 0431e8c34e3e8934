"""A fixed number of tokens: rows × cols cells over the picture, whatever its size.

    ▦▦▦▦▦▦▦▦      ▭ ▭
    ▦▦▦▦▦▦▦▦  →   ▭ ▭      grid(3, 2): windows of ⌈H/3⌉ × ⌈W/2⌉ pixels, row by row
    ▦▦▦▦▦▦▦▦      ▭ ▭

Paper      Dosovitskiy et al. 2020, arXiv 2010.11929 (the raster; here the count is fixed instead of the patch)
Kind       tokenizer; not learned; exactly invertible
Needs      nothing
Cost       one copy of the pixels
Checked by test_grids_give_back_every_picture_exactly, test_a_grid_has_rows_times_cols_tokens
"""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np

from lexel.errors import SpaceMismatch, TokensError
from lexel.partitions._cells import check_sizes, picture_of, prepared, prepared_size
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Int
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import stage_text
from lexel.tokens.raster import raster_tokens
from lexel.tokens.value import Tokens


@dataclass(frozen=True, repr=False)
class Grid:
    """rows × cols cells of raw pixels: uint8 `[N, cell height · cell width · 3]`.

    rows, cols   1 or more
    size         as in `patch`: None, the longer side, or (height, width)

    Cell k of n starts at pixel ⌊k·H/n⌋ and is ⌈H/n⌉ pixels long: where n does not divide H, a cell shares its last
    pixel with the next. So each picture has all its cells, also one of fewer pixels than cells, which padding at
    the end could not give. Boxes are exactly k/n.

    The width of the tokens follows from the size of the pictures (`space.width` is 0 before they are seen): those
    of one `Tokens` must give cells of one size. Say `size=(height, width)` for pictures of many sizes.

    Raises `BadArguments` for numbers below 1, `SpaceMismatch` for cells of two sizes.

        grid(24, 24, size=(336, 336))   →  576 tokens of 588
    """

    rows: int
    cols: int
    _: KW_ONLY
    size: int | tuple[int, int] | None = None

    __repr__ = stage_text
    exact = True  # detokenize gives back every pixel

    def __post_init__(self) -> None:
        check_sizes(self, self.rows, self.cols, self.size)

    @property
    def space(self) -> Space:
        """Raw pixels of one cell; of width 0 where the pictures decide it."""
        return self._space(self._cell(*self.size) if isinstance(self.size, tuple) else (0, 0))

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """Cells of every picture, row by row."""
        pictures = list(pictures)
        pixels = [prepared(picture, self.size) for picture in pictures]
        cells = [self._cell(*x.shape[:2]) for x in pixels]
        for picture, cell in zip(pictures, cells, strict=True):
            if cell != cells[0]:
                raise SpaceMismatch(
                    f"{self!r} cuts it into cells of {_by(cell)} pixels, and {pictures[0].name} of {_by(cells[0])}",
                    subject=picture.name,
                    hint="say size=(height, width) to bring all pictures to one size",
                )
        space = self._space(cells[0]) if cells else self.space
        data = np.empty((len(pictures), self.rows, self.cols, *(cells[0] if cells else (0, 0)), 3), np.uint8)
        for b, x in enumerate(pixels):
            y = _windows(x.shape[0], self.rows)[:, None, :, None]
            data[b] = x[y, _windows(x.shape[1], self.cols)[None, :, None, :]]
        count = len(pictures) * self.rows * self.cols
        grids = [(self.rows, self.cols)] * len(pictures)
        return raster_tokens(data.reshape(count, space.width), pictures, grids, space)

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures again, pixel for pixel (after `size=`: as they were resized).

        Raises `TokensError` when tokens were merged, dropped, or cut from pictures that were shrunk on load.
        """
        return [self._picture(tokens, b, cells) for b, cells in enumerate(tokens.grids())]

    def _picture(self, tokens: Tokens, b: int, cells: Array) -> Picture:
        height, width = prepared_size(tuple(tokens.pictures.sizes[b].tolist()), self.size)
        cell = self._cell(height, width)
        if cells.shape != (self.rows, self.cols, self._space(cell).width):
            raise TokensError(f"not the cells of {self!r} at {height} × {width}", subject=tokens.pictures.names[b])
        y, x = _windows(height, self.rows), _windows(width, self.cols)
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[y[:, None, :, None], x[None, :, None, :]] = cells.reshape(self.rows, self.cols, *cell, 3)
        return picture_of(tokens, b, pixels)

    def _cell(self, height: int, width: int) -> tuple[int, int]:
        return -(-height // self.rows), -(-width // self.cols)

    def _space(self, cell: tuple[int, int]) -> Space:
        return Space("vectors", cell[0] * cell[1] * 3, digest=f"rgb {_by(cell)}", name=f"{_by(cell)} pixels")


def _windows(length: int, count: int) -> Int[Array, "n side"]:
    """Pixels of each cell along one side; at the end of a small picture its last pixel is repeated."""
    start = np.arange(count)[:, None] * length // count
    window: Array = np.minimum(start + np.arange(-(-length // count)), length - 1)
    return window


def _by(cell: tuple[int, int]) -> str:
    return f"{cell[0]}×{cell[1]}"
