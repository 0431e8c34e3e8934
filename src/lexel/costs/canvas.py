"""Llama 3.2 Vision and Llama 4: the picture on a canvas of square tiles.

    1080 × 1920 ──► 2 × 2 tiles of 560 px: the canvas that needs the least enlargement,
                    or, where every canvas is too small, the one that needs the least shrinking

Canvases are compared by scale; among equal scales the one of fewest tiles wins.
"""

from array import array
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

from lexel.costs.rule import Count, whole


@dataclass(frozen=True)
class CrossAttention:
    """Llama 3.2 Vision: one position in the prompt; the features stand outside of it, read by cross-attention.

    `visual` counts the positions of the tiles that the picture fills: 1,601 each, its class token included.
    """

    tile: int = 560
    tokens: int = 1601  # a tile
    max_tiles: int = 4
    options: ClassVar[tuple[str, ...]] = ()
    video: ClassVar[bool] = False

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"one position in the prompt; {self.tokens:,} vectors for each of 1–{self.max_tiles} tiles of "
            f"{self.tile} px are read by cross-attention"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """One position, and the vectors beside the prompt."""
        return Count(1, self.tokens * tiles_of(height, width, tile=self.tile, most=self.max_tiles, precision="d"))


@dataclass(frozen=True)
class Llama4:
    """Llama 4: tiles of 336 px with 144 tokens each, a separator after each, and the whole where it is cut.

    One tile: begin, marker, 144, end = 147. Six tiles and the whole: 6 · 145 + 147 = 1,017.
    """

    tile: int = 336
    tokens: int = 144  # a tile
    max_patches: int = 16
    options: ClassVar[tuple[str, ...]] = ("max_patches",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("max_patches", self.max_patches)

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"{self.tokens} for each of 1–{self.max_patches} tiles of {self.tile} px and for the whole where it is "
            "cut, a separator after each tile, and three markers"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tiles, separators, the whole and its markers."""
        tiles = tiles_of(height, width, tile=self.tile, most=self.max_patches, precision="f")
        if tiles == 1:
            return Count(self.tokens + 3, self.tokens)
        return Count(tiles * (self.tokens + 1) + self.tokens + 3, (tiles + 1) * self.tokens)


def tiles_of(height: int, width: int, *, tile: int, most: int, precision: Literal["f", "d"]) -> int:
    """Tiles of the chosen canvas. Scales are compared in the `precision` of the published code: ties depend on it."""
    canvases = _canvases(most)
    high = [side * tile / height for side in range(most + 1)]
    wide = [side * tile / width for side in range(most + 1)]
    scales = array(precision, [min(high[rows], wide[columns]) for rows, columns in canvases])
    enlarging = [scale for scale in scales if scale >= 1]
    chosen = min(enlarging) if enlarging else max(scales)
    return min(rows * columns for (rows, columns), scale in zip(canvases, scales, strict=True) if scale == chosen)


@cache
def _canvases(most: int) -> tuple[tuple[int, int], ...]:
    """(rows, columns) of every canvas of at most `most` tiles."""
    return tuple((r, c) for r in range(1, most + 1) for c in range(1, most + 1) if r * c <= most)
