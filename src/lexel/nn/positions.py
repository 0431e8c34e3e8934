"""Learned positions on a raster, and how published towers stretch them to another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lexel.needs import torch
from lexel.shapes import Float


@dataclass(frozen=True)
class Resampling:
    """How a table of positions is resampled to another raster, pixel centres aligned at the half.

    mode        "bicubic" or "bilinear"
    antialias   whether a smaller raster averages more cells (OpenCLIP, NaFlex) or picks them (`transformers`)
    offset      cells that the raster is taken to be larger when it is said how far to stretch, as the first DINO did
                against rounding: the centres then lie closer together. 0 stretches edge to edge
    """

    mode: Literal["bicubic", "bilinear"] = "bicubic"
    antialias: bool = False
    offset: float = 0.0

    def __call__(self, table: Float[torch.Tensor, "n D"], grid: tuple[int, int]) -> Float[torch.Tensor, "m D"]:
        """Positions of a raster (rows, columns), row by row, from those of a square one. Computed in float32."""
        side = int(len(table) ** 0.5)
        if grid == (side, side):
            return table
        image = table.float().view(1, side, side, -1).permute(0, 3, 1, 2)
        how = {"scale_factor": [(n + self.offset) / side for n in grid]} if self.offset else {"size": grid}
        resized = torch.nn.functional.interpolate(
            image, mode=self.mode, align_corners=False, antialias=self.antialias, **how
        )
        return resized.flatten(2)[0].T.to(table.dtype)

    def each(self, table: Float[torch.Tensor, "n D"], grids: Sequence[tuple[int, int]]) -> Float[torch.Tensor, "N D"]:
        """The positions of several pictures end to end, each raster resampled once."""
        tables = {grid: self(table, grid) for grid in set(grids)}
        return torch.cat([table[:0], *(tables[grid] for grid in grids)])
