"""Models that cut the picture into equal tiles and add one view of the whole.

    1080 × 1920 ──► grid 2 × 4 (the ratio nearest to 1.78) ──► 8 tiles + the whole = 9 views      (InternVL)
                                                                9 · 256 + 2 markers = 2,306

InternVL and DeepSeek-OCR share the choice of the grid; Idefics3 and SmolVLM fix the long side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from lexel.costs.rule import Count, whole
from lexel.errors import BadArguments


@dataclass(frozen=True)
class InternVL:
    """Tiles of 448 px in the grid of nearest ratio, and the whole where there are several; markers around all."""

    tile: int = 448
    tokens: int = 256  # a tile
    min_patches: int = 1
    max_patches: int = 12
    options: ClassVar[tuple[str, ...]] = ("min_patches", "max_patches")
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("min_patches", self.min_patches)
        whole("max_patches", self.max_patches)
        if self.min_patches > self.max_patches:
            raise BadArguments("min_patches is at most max_patches")

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"{self.tokens} for each of {self.min_patches}–{self.max_patches} tiles of {self.tile} px and for the "
            "whole picture where it is cut, and a begin and an end marker"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tiles, thumbnail and markers."""
        columns, rows = nearest_grid(height, width, self.tile, grids(self.min_patches, self.max_patches))
        tiles = columns * rows
        visual = self.tokens * (tiles + 1 if tiles > 1 else 1)
        return Count(visual + 2, visual)


@dataclass(frozen=True)
class DeepSeekOCR:
    """DeepSeek-OCR: a page of n × n tokens with a newline a row and a separator at the end; Gundam adds tiles.

    Base: 16 · 17 + 1 = 273. Gundam, 1080 × 1920: the grid of nearest ratio in 2–6 tiles is 1 × 2, tiles of 640 px
    have 10 × 10 tokens, and the joined tiles are one page: 10 rows of 20 and a newline = 210, with the whole 483.
    """

    side: int  # tokens along the whole picture
    tile: int = 0  # pixels; 0: no tiles
    tile_side: int = 0
    max_crops: int = 6
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("max_crops", self.max_crops)
        if self.max_crops < 2:
            raise BadArguments("max_crops is 2 or more")

    @property
    def options(self) -> tuple[str, ...]:
        """Tiles may be limited where there are any."""
        return ("max_crops",) if self.tile else ()

    @property
    def sentence(self) -> str:
        """The rule in words."""
        page = f"{self.side} rows of {self.side} and a newline, and a separator"
        return page if not self.tile else f"{page}; 2–{self.max_crops} tiles of {self.tile} px joined in rows before it"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tiles, page, newlines and the separator."""
        tokens, visual = self.side * (self.side + 1) + 1, self.side**2
        if self.tile and max(height, width) > self.tile:
            columns, rows = nearest_grid(height, width, self.tile, grids(2, self.max_crops))
            high, wide = rows * self.tile_side, columns * self.tile_side
            tokens, visual = tokens + high * (wide + 1), visual + high * wide
        return Count(tokens, visual)


@dataclass(frozen=True)
class Idefics3:
    """Idefics3 and SmolVLM: the long side becomes `longest_edge`, up or down; tiles of a fixed side; the whole last.

    1080 × 1920, edge 1456, tile 364: 820 × 1456 → 3 × 4 tiles. Each tile is 169 tokens after two markers, each row
    ends in a newline, the whole has three markers: 12 · 171 + 3 + 172 = 2,227 (the last newline of the rows and the
    one before the whole are one token).
    """

    tile: int
    tokens: int  # a tile
    longest_edge: int
    options: ClassVar[tuple[str, ...]] = ("longest_edge",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("longest_edge", self.longest_edge)
        if self.longest_edge % self.tile or self.longest_edge > 4096:
            raise BadArguments(f"longest_edge is a multiple of {self.tile} up to 4096, not {self.longest_edge}")

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"long side made {self.longest_edge} px, {self.tokens} for each tile of {self.tile} px and for the whole, "
            "with the markers of tiles and the newlines of rows"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tiles, whole, markers and newlines."""
        rows, columns = self._grid(height, width)
        whole_picture = self.tokens + 3
        if rows * columns == 1:
            return Count(whole_picture, self.tokens)
        tokens = rows * (columns * (self.tokens + 2) + 1) + whole_picture
        return Count(tokens, (rows * columns + 1) * self.tokens)

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns; the short side is made even before it is cut."""
        ratio = width / height
        if width >= height:
            width = self.longest_edge
            height = max(1, _even(int(width / ratio)))
        else:
            height = self.longest_edge
            width = max(1, _even(int(height * ratio)))
        return -(-height // self.tile), -(-width // self.tile)


@cache
def grids(least: int, most: int) -> tuple[tuple[int, int, float], ...]:
    """(columns, rows, columns ÷ rows) of every grid of `least` to `most` tiles, small grids first."""
    found = [(c, r) for c in range(1, most + 1) for r in range(1, most + 1) if least <= c * r <= most]
    return tuple((c, r, c / r) for c, r in sorted(found, key=lambda grid: grid[0] * grid[1]))


def nearest_grid(height: int, width: int, tile: int, candidates: Sequence[tuple[int, int, float]]) -> tuple[int, int]:
    """Columns and rows of the grid whose ratio is nearest to the picture's.

    Among equal ratios a larger grid wins where the picture has more than half of its pixels: 448 × 448 stays one
    tile, 700 × 700 becomes 2 × 2.
    """
    ratio, enough = width / height, 2 * height * width / tile**2
    best, best_off = (1, 1), math.inf
    for columns, rows, candidate in candidates:
        off = abs(ratio - candidate)
        if off < best_off or (off == best_off and columns * rows < enough):
            best, best_off = (columns, rows), off
    return best


def _even(side: int) -> int:
    return side + side % 2
