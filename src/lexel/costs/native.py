"""Models that keep the shape of the picture: sides rounded to the cell, one token a cell.

    1080 × 1920 ──► 1092 × 1932 ──► 39 × 69 cells of 28 px = 2,691      (Qwen2.5-VL)

The families differ in how they round and in what they add; each class below is one of them.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from lexel.costs.rule import Count, whole
from lexel.errors import BadArguments


@dataclass(frozen=True)
class SmartResize:
    """Qwen-VL: both sides to the nearest multiple of the cell, the area between two limits.

    50 × 2000, cell 28: 56 × 1988 → 2 × 71 = 142. Halves round to the even multiple. An area outside the limits is
    brought to the limit first, then rounded inwards: down above `max_pixels`, up below `min_pixels`. A video is one
    such grid for every two frames, with the limits of one frame; `video` is False where the processor writes time
    stamps between the grids, because their number of tokens is not a matter of size.
    """

    cell: int
    min_pixels: int
    max_pixels: int
    video: bool = False
    options: ClassVar[tuple[str, ...]] = ("min_pixels", "max_pixels")

    def __post_init__(self) -> None:
        whole("min_pixels", self.min_pixels)
        whole("max_pixels", self.max_pixels)

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"one token for each {self.cell} × {self.cell} cell, sides rounded to whole cells, "
            f"area between {self.min_pixels:,} and {self.max_pixels:,} pixels"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Cells of the rounded picture; two frames of a video share one grid."""
        high, wide = smart_resize(height, width, cell=self.cell, min_pixels=self.min_pixels, max_pixels=self.max_pixels)
        tokens = high * wide * -(-frames // 2)
        return Count(tokens, tokens)


@dataclass(frozen=True)
class GLM(SmartResize):
    """GLM-4.1V and 4.5V: as Qwen-VL, but a side below one cell is enlarged to it first, with the picture.

    The published limits are of two frames, because a still picture is doubled: half of them for one.
    """

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return f"{super().sentence} counted twice (a still picture is two frames); small sides are enlarged to a cell"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Cells of the rounded picture."""
        if min(height, width) < self.cell:
            scale = max(self.cell / height, self.cell / width)
            height, width = int(height * scale), int(width * scale)
        high, wide = smart_resize(
            height, width, cell=self.cell, min_pixels=self.min_pixels / 2, max_pixels=self.max_pixels / 2
        )
        return Count(high * wide, high * wide)


def smart_resize(
    height: int, width: int, *, cell: int, min_pixels: int | float, max_pixels: int | float
) -> tuple[int, int]:
    """Rows and columns of cells. Raises `BadArguments` where one side is more than 200 times the other."""
    if max(height, width) / min(height, width) > 200:
        raise BadArguments(f"one side may be 200 times the other, not {height} × {width}")
    high, wide = round(height / cell), round(width / cell)
    area = high * wide * cell * cell
    if area > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        return max(1, math.floor(height / shrink / cell)), max(1, math.floor(width / shrink / cell))
    if area < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        return math.ceil(height * grow / cell), math.ceil(width * grow / cell)
    return high, wide


@dataclass(frozen=True)
class Pixtral:
    """Pixtral and Mistral Small: shrunk to `longest_edge`, sides rounded up to cells; every row ends in a marker.

    1080 × 1920, cell 16, edge 1024: 576 × 1024 → 36 rows of 64 cells and a break = 36 · 65 = 2,340.
    """

    cell: int
    longest_edge: int
    options: ClassVar[tuple[str, ...]] = ("longest_edge",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("longest_edge", self.longest_edge)

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"shrunk to a longest side of {self.longest_edge}, one token for each started "
            f"{self.cell} × {self.cell} cell and one at the end of each row"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Cells and row ends."""
        shrink = max(height / self.longest_edge, width / self.longest_edge)
        if shrink > 1:
            height, width = math.floor(height / shrink), math.floor(width / shrink)
        if min(height, width) == 0:
            raise BadArguments(f"the short side shrinks to nothing when the long one becomes {self.longest_edge}")
        rows, columns = -(-height // self.cell), -(-width // self.cell)
        return Count(rows * (columns + 1), rows * columns)


@dataclass(frozen=True)
class Gemma4:
    """Gemma 4: scaled, up or down, to as many whole cells as the budget holds, keeping the shape.

    1080 × 1920, cell 48, 280 tokens: the scale that makes the area 280 cells gives 12.5 × 22.3 → 12 × 22 = 264.
    """

    cell: int = 48
    max_soft_tokens: int = 280
    options: ClassVar[tuple[str, ...]] = ("max_soft_tokens",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.max_soft_tokens not in (70, 140, 280, 560, 1120):
            raise BadArguments(f"max_soft_tokens is 70, 140, 280, 560 or 1120, not {self.max_soft_tokens!r}")

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"scaled to at most {self.max_soft_tokens} cells of {self.cell} × {self.cell}, shape kept; "
            "one token a cell, begin and end markers not counted"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Whole cells inside the budget; a thin picture is one row of as many cells as its ratio."""
        scale = math.sqrt(self.max_soft_tokens * self.cell**2 / (height * width))
        rows, columns = math.floor(scale * height / self.cell), math.floor(scale * width / self.cell)
        if rows == 0:
            rows, columns = 1, min(width // height, self.max_soft_tokens)
        elif columns == 0:
            rows, columns = min(height // width, self.max_soft_tokens), 1
        return Count(rows * columns, rows * columns)
