"""Rotary positions in two dimensions: queries and keys turned by where their cells lie in the picture.

    head of d channels    ┌ y ┬ x ┬ y ┬ x ┐     pair k is channel k and channel k + d/2
    its pairs             └─ k: 0 … d/2 ──┘     the first half turns with y, the second with x

Places say where a cell is in its picture, whatever the raster, so that nothing is resampled for another size. A token
at (0, 0) is not turned.
"""

import math
from collections.abc import Sequence

from lexel.needs import torch
from lexel.shapes import Float


class Rotary(torch.nn.Module):
    """Turns pair k of each half by 2π · place · theta^(−4k/d), d the channels of a head, a multiple of 4.

    Angles are computed in float32, and anew in every layer: that is less than a thousandth of a tower, and a layer
    that kept them would have a state.
    """

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = theta

    def forward(
        self,
        q: Float[torch.Tensor, "N H d"],
        k: Float[torch.Tensor, "N H d"],
        places: Float[torch.Tensor, "N 2"],
    ) -> tuple[Float[torch.Tensor, "N H d"], Float[torch.Tensor, "N H d"]]:
        """q and k, each row turned by its place."""
        pairs = q.shape[2] // 4
        periods = self.theta ** (torch.arange(pairs, device=places.device) / pairs)
        angles = (2 * math.pi * places[:, :, None] / periods).flatten(1)[:, None]
        cos, sin = angles.cos().to(q.dtype), angles.sin().to(q.dtype)
        return _turned(q, cos, sin), _turned(k, cos, sin)


def centres(grids: Sequence[tuple[int, int]], *, device: torch.device) -> Float[torch.Tensor, "N 2"]:
    """(y, x) of the centre of every cell of these rasters (rows, columns), row by row: −1 … 1 over each picture."""
    rasters = [torch.zeros((0, 2))]
    for grid in grids:
        y, x = ((torch.arange(side) + 0.5) / side * 2 - 1 for side in grid)
        rasters.append(torch.cartesian_prod(y, x))
    return torch.cat(rasters).to(device)


def _turned(
    x: Float[torch.Tensor, "N H d"], cos: Float[torch.Tensor, "N 1 c"], sin: Float[torch.Tensor, "N 1 c"]
) -> Float[torch.Tensor, "N H d"]:
    a, b = x.chunk(2, dim=2)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=2)
