"""Swin Transformer V2: attention by angle, positions from a function, and norms behind attention and MLP.

    x ─┬─ attention in windows ─ norm1 ─ + ─┬─ mlp ─ norm2 ─ + ─►
       └────────────────────────────────────┴────────────────┘

    score of two cells = cos(q, k) · scale + 16 σ(mlp(displacement, on a logarithmic ruler))

Stages, windows and tokens are Swin's. The windows of a stage are settled by the size of pictures in training: a larger
picture has more of them, a smaller one is filled up to them.

Paper      Liu et al. 2021, arXiv 2111.09883
Kind       image tower of several stages; learned
Needs      weights
Cost       T at 256: 5.9 billion multiply-adds a picture; positions 0.02 more a call, however many pictures it has
Checked by test_every_stage_equals_transformers, test_parameter_counts_are_the_published_ones
"""

import math
from dataclasses import dataclass
from functools import partial

from lexel.needs import torch
from lexel.nn.layers import KeylessLinear, Linear
from lexel.shapes import Float
from lexel.towers._swin import Layer, SwinConfig, SwinTower
from lexel.towers._windows import Grid, Windows

HIDE = 200.0  # taken from scores of cells that do not see each other: `transformers` takes the published 100 twice
SHARPEST = math.log(100)  # the largest logarithm of a scale
HIDDEN = 512  # width inside the function of positions
RULER = 8.0  # the largest displacement before its logarithm is taken


@dataclass(frozen=True, kw_only=True)
class SwinV2Config(SwinConfig):
    """A tower of version 2.

    pretrained   side of the windows that positions were first learned in, stage by stage; 0: of those that there are
    """

    pretrained: tuple[int, ...]

    def windows(self, stage: int) -> tuple[int, int]:
        """Side of the windows of a stage, and how far every second block shifts them."""
        rows = (self.side // self.patch_size) >> stage
        return (rows, 0) if rows <= self.window else (self.window, self.window // 2)


class SwinV2(SwinTower):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside."""

    def __init__(self, config: SwinV2Config) -> None:
        layers = []
        for stage, (width, depth, heads) in enumerate(zip(config.widths, config.depths, config.heads, strict=True)):
            windows = config.windows(stage)
            reach = (config.pretrained[stage] or windows[0]) - 1
            blocks = [_Block(_Attention(width, heads, reach), width, config) for _ in range(depth)]
            merge = _Merge(width) if stage + 1 < len(config.depths) else None
            layers.append(Layer(blocks, merge, partial(_same, windows), HIDE))
        super().__init__(config, layers)


class _Block(torch.nn.Module):
    """x + norm1(attention(x)), then x + norm2(mlp(x))."""

    def __init__(self, attention: "_Attention", width: int, config: SwinConfig) -> None:
        super().__init__()
        self.attention = attention
        self.norm1 = torch.nn.LayerNorm(width, config.eps)
        self.mlp = config.mlp(width)
        self.norm2 = torch.nn.LayerNorm(width, config.eps)

    def forward(self, x: Float[torch.Tensor, "N D"], windows: Windows) -> Float[torch.Tensor, "N D"]:
        x = x + self.norm1(self.attention(x, windows))
        return x + self.norm2(self.mlp(x))


class _Attention(torch.nn.Module):
    """Attention by angle inside windows.

    scale       [H, 1, 1], the logarithm of what cosines are multiplied by; beyond that of 100 it counts as that
    positions   displacement (rows, columns) → a number for each head: linear, ReLU, linear
    reach       the displacement that is one on the ruler
    """

    def __init__(self, width: int, heads: int, reach: int) -> None:
        super().__init__()
        self.heads, self.reach = heads, max(reach, 1)
        self.qkv = KeylessLinear(width)
        self.out = Linear(width, width)
        self.scale = torch.nn.Parameter(torch.zeros(heads, 1, 1))
        self.positions = torch.nn.Sequential(Linear(2, HIDDEN), torch.nn.ReLU(), Linear(HIDDEN, heads, bias=False))

    def forward(self, x: Float[torch.Tensor, "N D"], windows: Windows) -> Float[torch.Tensor, "N D"]:
        qk, v = self.qkv(windows.cut(x)).unflatten(1, (3, self.heads, -1)).split((2, 1), dim=1)
        length = torch.linalg.vector_norm(qk, dim=3, keepdim=True).clamp_min(1e-12)
        scale = self.scale[:, :, 0].clamp(max=SHARPEST).exp()
        q, k = (qk * (torch.stack([scale, torch.ones_like(scale)]) / length)).unbind(1)
        y: torch.Tensor = self.out(windows.attend(q, k, v[:, 0], table=self._table, scale=1.0))
        return y

    def _table(self, side: int) -> Float[torch.Tensor, "t H"]:
        """16 σ(positions), a row for each displacement inside a window of `side` cells."""
        steps = torch.arange(1 - side, side)
        ruler = RULER * torch.cartesian_prod(steps, steps) / self.reach
        ruler = ruler.sign() * (ruler.abs() + 1).log2() / math.log2(RULER)
        table: torch.Tensor = self.positions(ruler.to(self.scale))
        return 16 * table.sigmoid()


class _Merge(torch.nn.Module):
    """Four cells to one of twice the width: linear, then norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = Linear(4 * width, 2 * width, bias=False)
        self.norm = torch.nn.LayerNorm(2 * width)

    def forward(self, x: Float[torch.Tensor, "N D4"]) -> Float[torch.Tensor, "N D2"]:
        y: torch.Tensor = self.norm(self.linear(x))
        return y


def _same(windows: tuple[int, int], grid: Grid) -> tuple[int, int]:
    return windows
