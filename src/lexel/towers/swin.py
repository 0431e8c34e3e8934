"""Swin Transformer: attention inside windows that move by half from block to block, coarser from stage to stage.

    pixels ─ patches ─ norm ─ ▒▒ ─┬─ merge ─ ▒▒ ─┬─ merge ─ ▒▒▒▒▒▒ ─┬─ merge ─ ▒▒ ─ norm ─┬─► cells: tokens of tokenize
                          4 px    │     8 px     │       16 px      │      32 px          └─► their mean: the picture
                               stage 0        stage 1            stage 2         stage 3

Paper      Liu et al. 2021, arXiv 2103.14030
Kind       image tower of several stages; learned
Needs      weights
Cost       T at 224: 4.5 billion multiply-adds a picture; B 15.4; grows with the pixels, not with their square
Checked by test_every_stage_equals_transformers, test_windows_equal_the_literal_steps,
           test_parameter_counts_are_the_published_ones
"""

from functools import partial

from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.shapes import Float
from lexel.towers._swin import Layer, SwinConfig, SwinTower
from lexel.towers._windows import Grid, Windows

HIDE = 100.0  # taken from scores of cells that do not see each other, as published


class Swin(SwinTower):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside.

    A raster whose shorter side is no longer than a window is cut in windows of that side, and nothing is shifted. Two
    cells there have the bias of their displacement in a whole window.
    """

    def __init__(self, config: SwinConfig) -> None:
        layers = []
        for stage, (width, depth, heads) in enumerate(zip(config.widths, config.depths, config.heads, strict=True)):
            blocks = [_Block(width, heads, config) for _ in range(depth)]
            merge = _Merge(width) if stage + 1 < len(config.depths) else None
            layers.append(Layer(blocks, merge, partial(_side, config.window), HIDE))
        super().__init__(config, layers)


class _Block(torch.nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, width: int, heads: int, config: SwinConfig) -> None:
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(width, config.eps)
        self.attention = _Attention(width, heads, config.window)
        self.norm2 = torch.nn.LayerNorm(width, config.eps)
        self.mlp = config.mlp(width)

    def forward(self, x: Float[torch.Tensor, "N D"], windows: Windows) -> Float[torch.Tensor, "N D"]:
        x = x + self.attention(self.norm1(x), windows)
        return x + self.mlp(self.norm2(x))


class _Attention(torch.nn.Module):
    """Attention inside windows, with a learned number for each displacement and head.

    positions   [(2w − 1)², H]: displacements row by row, from −(w − 1) to w − 1
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.positions = torch.nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))

    def forward(self, x: Float[torch.Tensor, "N D"], windows: Windows) -> Float[torch.Tensor, "N D"]:
        q, k, v = self.qkv(windows.cut(x)).unflatten(1, (3, self.heads, -1)).unbind(1)
        y: torch.Tensor = self.out(windows.attend(q, k, v, table=self._table))
        return y

    def _table(self, side: int) -> Float[torch.Tensor, "t H"]:
        """The rows of displacements inside a window of `side` cells."""
        whole = 2 * self.window - 1
        here = slice(self.window - side, self.window + side - 1)
        return self.positions.view(whole, whole, -1)[here, here].flatten(0, 1)


class _Merge(torch.nn.Module):
    """Four cells to one of twice the width: norm, then linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(4 * width)
        self.linear = Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Float[torch.Tensor, "N D4"]) -> Float[torch.Tensor, "N D2"]:
        y: torch.Tensor = self.linear(self.norm(x))
        return y


def _side(window: int, grid: Grid) -> tuple[int, int]:
    return (min(grid), 0) if min(grid) <= window else (window, window // 2)
