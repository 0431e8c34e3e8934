"""LLaVA-NeXT and LLaVA-OneVision: the whole picture small, and the whole picture again in tiles.

    1080 × 1920 ──► whole at 336 × 336                        24 · 24           =   576
                └─► canvas 672 × 672 of 4 tiles, 48 · 48 patches
                    the picture fills 27 of 48 rows           28 · 48, and one
                    (padding comes off evenly: 28 stay)       newline a row      = 1,372
                                                                        together  1,948

The canvas is the one of a published list that keeps most of the picture, then wastes least.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from lexel.costs.rule import Count


@dataclass(frozen=True)
class AnyRes:
    """Whole picture, then the tiles of the best canvas without their padding, with a newline a row.

    `most_tiles` is OneVision's: more patches than that many tiles hold are scaled down to it (0: no limit).
    OneVision's videos are half the side a frame (rounded up) and one newline in all.
    """

    tile: int
    side: int  # patches along a tile
    canvases: tuple[tuple[int, int], ...]  # (height, width) in pixels
    most_tiles: int = 0
    video: bool = False
    options: ClassVar[tuple[str, ...]] = ()

    @property
    def sentence(self) -> str:
        """The rule in words."""
        limit = f", scaled down to {self.most_tiles} tiles of patches" if self.most_tiles else ""
        return (
            f"{self.side**2} for the whole picture, then the patches of the best of {len(self.canvases)} canvases "
            f"without its padding{limit}, and one newline a row"
        )

    def count(self, height: int, width: int, frames: int) -> Count:
        """Whole picture and tiles, newlines included; frames of a video are pooled, whatever their size."""
        if frames > 1:
            pooled = frames * math.ceil(self.side / 2) ** 2
            return Count(pooled + 1, pooled)
        canvas_height, canvas_width = best_canvas(height, width, self.canvases)
        rows, columns = canvas_height // self.tile * self.side, canvas_width // self.tile * self.side
        if width / height > columns / rows:
            rows -= (rows - int(round(height * (columns / width), 7))) // 2 * 2
        else:
            columns -= (columns - int(round(width * (rows / height), 7))) // 2 * 2
        if self.most_tiles:
            excess = math.sqrt(rows * columns / (self.most_tiles * self.side**2))
            if excess > 1.1:
                rows, columns = int(rows // excess), int(columns // excess)
        visual = self.side**2 + rows * columns
        return Count(visual + rows, visual)


def best_canvas(height: int, width: int, canvases: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The canvas that keeps most pixels of the picture; then the one that wastes least; then the first."""
    area = height * width
    best, best_kept, best_waste = canvases[0], 0, 0
    for canvas in canvases:
        scale = min(canvas[1] / width, canvas[0] / height)
        kept = min(int(width * scale) * int(height * scale), area)
        waste = canvas[0] * canvas[1] - kept
        if kept > best_kept or (kept == best_kept and waste < best_waste):
            best, best_kept, best_waste = canvas, kept, waste
    return best
