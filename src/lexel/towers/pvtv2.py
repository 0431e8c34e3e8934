"""Pyramid Vision Transformer V2: patches that overlap, and an MLP that sees its neighbours, so that no positions are
needed.

    pixels ─ patches 7×7 ─ ▒▒ ─ norm ─┬─ patches 3×3 ─ ▒▒ ─ norm ─┬─ … ─┬─ patches 3×3 ─ ▒▒ ─ norm ─► tokens of tokenize
                      4 px            │                8 px       │     │                32 px        mean: the picture
                                   stage 0                     stage 1  stage 2                   stage 3

A map has a cell for every 4, 8, 16, 32 pixels that begin: sides that do not divide are rounded up, and the box of a
cell is that square, though its patch reaches 3, then 1 cell further.

Paper      Wang et al. 2021, arXiv 2106.13797
Kind       image tower of several stages; learned
Needs      weights
Cost       B0 at 224: 0.6 billion multiply-adds a picture; B2 4.0; with linear attention 3.9
Checked by test_every_stage_of_pvtv2_equals_transformers, test_parameter_counts_are_the_published_ones
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lexel.needs import torch
from lexel.nn.layers import Linear, activation
from lexel.shapes import Float
from lexel.towers._maps import Grid, Made, MapTower, as_map, as_tokens
from lexel.towers._pyramid import Pyramid, ReducedAttention, Reduction

POOLED = 7  # rows and columns of the map that linear attention asks, whatever the picture


@dataclass(frozen=True)
class PvtV2Config:
    """A tower of version 2.

    linear   whether keys and values are means over 7 × 7 parts of the map; the `reductions` of its stages say nothing
    """

    stages: Pyramid
    linear: bool = False

    @property
    def smallest(self) -> int:
        """Pixels of a side that fill one square of every reduction."""
        pairs = zip(self.stages.reductions, self.stages.cells, strict=True)
        return 1 if self.linear else max((ratio - 1) * cell + 1 for ratio, cell in pairs)


class PvtV2(MapTower):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside."""

    def __init__(self, config: PvtV2Config) -> None:
        stages = config.stages
        super().__init__(stages.cells, stages.widths, smallest=config.smallest)
        self.config = config
        self.layers = torch.nn.ModuleList(
            _Layer(stages, stage, linear=config.linear) for stage in range(len(stages.widths))
        )

    def _made(self, pixels: Float[torch.Tensor, "b 3 H W"], last: int) -> Iterator[Made]:
        x = pixels
        for layer in self.layers[: last + 1]:
            tokens, grid = layer(x)
            yield tokens, grid
            x = as_map(tokens, grid)


class _Layer(torch.nn.Module):
    """One stage: patches of its map, blocks, a norm."""

    def __init__(self, stages: Pyramid, stage: int, *, linear: bool) -> None:
        super().__init__()
        width, (side, stride) = stages.widths[stage], (3, 2) if stage else (7, 4)
        self.patches = torch.nn.Conv2d(stages.inputs[stage], width, side, stride, padding=side // 2)
        self.norm_in = torch.nn.LayerNorm(width, stages.eps_in)
        self.blocks = torch.nn.ModuleList(_Block(stages, stage, linear=linear) for _ in range(stages.depths[stage]))
        self.norm_out = torch.nn.LayerNorm(width, stages.eps)

    def forward(self, x: Float[torch.Tensor, "b C H W"]) -> Made:
        cells = self.patches(x)
        grid = cells.shape[2], cells.shape[3]
        tokens = self.norm_in(as_tokens(cells))
        for block in self.blocks:
            tokens = block(tokens, grid)
        return self.norm_out(tokens), grid


class _Block(torch.nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, stages: Pyramid, stage: int, *, linear: bool) -> None:
        super().__init__()
        width, ratio = stages.widths[stage], stages.reductions[stage]
        reduce: torch.nn.Module | None = Reduction(width, ratio, stages.eps_in) if ratio > 1 else None
        first: torch.nn.Module = torch.nn.Identity()
        if linear:
            reduce, first = _Means(width, stages.eps_in), torch.nn.ReLU()
        self.norm1 = torch.nn.LayerNorm(width, stages.eps)
        self.attention = ReducedAttention(width, stages.heads[stage], reduce, bias=stages.bias)
        self.norm2 = torch.nn.LayerNorm(width, stages.eps)
        self.mlp = _ConvolvedMLP(width, width * stages.ratios[stage], first, activation(stages.activation))

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b n D"]:
        x = x + self.attention(self.norm1(x), grid)
        y: torch.Tensor = self.mlp(self.norm2(x), grid)
        return x + y


class _Means(torch.nn.Module):
    """The reduction of linear attention: means over parts of the map, each through a linear layer, norm and GELU."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(width, width, 1)
        self.norm = torch.nn.LayerNorm(width, eps)

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b m D"]:
        means = torch.nn.functional.adaptive_avg_pool2d(as_map(x, grid), POOLED)
        return torch.nn.functional.gelu(self.norm(as_tokens(self.convolution(means))))


class _ConvolvedMLP(torch.nn.Module):
    """Up, each channel with its eight neighbours, activation, down. Zeros beyond the edge say where a cell lies.

    first   what comes before the neighbours: ReLU in the linear variant, else nothing
    """

    def __init__(self, width: int, hidden: int, first: torch.nn.Module, activation: torch.nn.Module) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.first = first
        self.convolution = torch.nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.activation = activation
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b n D"]:
        y = self.first(self.fc1(x.flatten(0, 1))).unflatten(0, x.shape[:2])
        y = self.activation(as_tokens(self.convolution(as_map(y, grid))))
        z: torch.Tensor = self.fc2(y.flatten(0, 1)).view(x.shape)
        return z
