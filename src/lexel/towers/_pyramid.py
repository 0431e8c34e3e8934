"""What the two versions of PVT share: their numbers, and attention whose keys and values come from a coarser map.

cells h·w ─┬─ q ──────────────────────────┐
           └─ reduced: h·w / R² ─ norm ─ k, v ─ attention ─ out ─►      N · N/R² scores instead of N²
"""

from dataclasses import dataclass

from lexel.kernels.attention import attention
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.shapes import Float
from lexel.towers._maps import Grid, as_map, as_tokens


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """The stages of a tower of either version; each tuple says one thing of all of them.

    widths       D
    depths       blocks
    heads        of attention
    ratios       of the width inside the MLP to the one outside
    reductions   R: cells of a side that become one key
    activation   as published configs call it
    eps          of the norms in blocks and of those that end a stage
    eps_in       of the norms after patches and reductions: 1e-5 in the original code, `eps` in `transformers`
    bias         whether q, k and v have one
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    ratios: tuple[int, ...]
    reductions: tuple[int, ...]
    activation: str = "gelu"
    eps: float = 1e-6
    eps_in: float = 1e-6
    bias: bool = True

    @property
    def cells(self) -> tuple[int, ...]:
        """Pixels of a side of a cell, stage by stage: patches of 4 pixels, then of 2 cells."""
        return tuple(4 << stage for stage in range(len(self.widths)))

    @property
    def inputs(self) -> tuple[int, ...]:
        """Channels that a stage begins with."""
        return (3, *self.widths[:-1])


class Reduction(torch.nn.Module):
    """One token for `ratio` × `ratio` cells. Cells at the edge that fill no such square are not seen."""

    def __init__(self, width: int, ratio: int, eps: float) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(width, width, ratio, ratio)
        self.norm = torch.nn.LayerNorm(width, eps)

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b m D"]:
        y: torch.Tensor = self.norm(as_tokens(self.convolution(as_map(x, grid))))
        return y


class ReducedAttention(torch.nn.Module):
    """Multi-head attention of all tokens to fewer.

    reduce   tokens [b, n, D] and their raster → tokens [b, m, D]; None: keys and values are of all tokens
    """

    def __init__(self, width: int, heads: int, reduce: torch.nn.Module | None, *, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.q = Linear(width, width, bias=bias)
        self.kv = Linear(width, 2 * width, bias=bias)
        self.out = Linear(width, width)
        self.reduce = reduce

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b n D"]:
        seen = x if self.reduce is None else self.reduce(x, grid)
        q = self.q(x.flatten(0, 1)).unflatten(1, (self.heads, -1))
        k, v = self.kv(seen.flatten(0, 1)).unflatten(1, (2, self.heads, -1)).unbind(1)
        counts, queries = [seen.shape[1]] * len(x), [x.shape[1]] * len(x)
        mixed = attention(q, k, v, counts=counts, queries=queries)
        y: torch.Tensor = self.out(mixed.flatten(1)).view(x.shape)
        return y
