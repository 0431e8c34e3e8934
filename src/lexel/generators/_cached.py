"""A causal prior that is asked cell by cell, and remembers what it saw.

    code before ─► block ─ keys, values kept ─► block ─ kept ─► logits of the next cell

The work of one more cell is one row through the network instead of all rows: a raster of N cells costs N rows and not
N²/2. What it says is what the prior says when it is shown all codes at once.
"""

from collections.abc import Sequence

from lexel.generators._prior import Prior, places
from lexel.kernels.attention import attention
from lexel.needs import torch
from lexel.nn.loaded import changed
from lexel.nn.transformer import Block, Transformer
from lexel.shapes import Float, Int


class Cached:
    """`count` rasters of (h, w), the cells of each still to be drawn, row by row."""

    def __init__(self, prior: Prior, count: int, grid: tuple[int, int]) -> None:
        self.prior = prior
        self.where = places(*grid, device=prior.bias.device)
        self.before = torch.full((count,), prior.blank, device=prior.bias.device)
        self.at = 0
        self.transformer = Transformer(torch.nn.ModuleList(_remembering(block) for block in prior.transformer.blocks))

    def logits(self) -> Float[torch.Tensor, "b K"]:
        """Of the next cell. To be asked once a cell."""
        where = self.where[self.at : self.at + 1]
        entered = self.prior.entered(self.before[:, None], where, [(1, 1)] * len(self.before))
        return self.prior.left(self.transformer(entered).packed.x)

    def tell(self, codes: Int[torch.Tensor, "b"]) -> None:
        """What stands in that cell."""
        self.before = codes.to(self.before)
        self.at += 1


class _Remembered:
    """Attention of the newest row of each raster to all its rows so far. Keys are kept as they were turned."""

    def __init__(self) -> None:
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None

    def __call__(
        self,
        q: Float[torch.Tensor, "b H d"],
        k: Float[torch.Tensor, "b H d"],
        v: Float[torch.Tensor, "b H d"],
        *,
        counts: Sequence[int],
        log_mass: Float[torch.Tensor, "b"] | None = None,
    ) -> Float[torch.Tensor, "b H d"]:
        self.keys = k[:, None] if self.keys is None else torch.cat([self.keys, k[:, None]], dim=1)
        self.values = v[:, None] if self.values is None else torch.cat([self.values, v[:, None]], dim=1)
        seen = [self.keys.shape[1]] * len(counts)
        return attention(q, self.keys.flatten(0, 1), self.values.flatten(0, 1), counts=seen, queries=counts)


def _remembering(block: torch.nn.Module) -> Block:
    """The same block, with a memory of its own."""
    assert isinstance(block, Block)
    return changed(block, attention=changed(block.attention, attend=_Remembered()))
