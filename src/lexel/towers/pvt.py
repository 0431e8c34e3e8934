"""Pyramid Vision Transformer: transformers of four scales, each of whose tokens look at a coarser map.

    pixels ─ patches + positions ─ ▒▒ ─┬─ patches + positions ─ ▒▒ ─┬─ … ─┬─ patches, class + positions ─ ▒▒ ─ norm ─►
                            4 px       │                 8 px       │     │                    32 px      class: picture
                                    stage 0                      stage 1  stage 2                        stage 3

Pictures have the one size that the tower was trained for: its positions are a table for each stage.

Paper      Wang et al. 2021, arXiv 2102.12122
Kind       image tower of several stages; learned
Needs      weights
Cost       Tiny at 224: 1.9 billion multiply-adds a picture; Small 3.8
Checked by test_every_stage_of_pvt_equals_transformers, test_parameter_counts_are_the_published_ones
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import MLP, activation
from lexel.nn.patches import Pixels, checked
from lexel.nn.pooling import class_tokens
from lexel.ragged.packed import Packed
from lexel.shapes import Float
from lexel.towers._maps import Grid, Made, MapTower, as_map, as_tokens
from lexel.towers._pyramid import Pyramid, ReducedAttention, Reduction


@dataclass(frozen=True)
class PvtConfig:
    """A tower of version 1.

    stages   the last of their `reductions` is 1: a class token has no place on a map
    side     pixels of a side of its pictures
    """

    stages: Pyramid
    side: int


class Pvt(MapTower):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside."""

    def __init__(self, config: PvtConfig) -> None:
        stages = config.stages
        super().__init__(stages.cells, stages.widths, smallest=config.side)
        self.config = config
        rasters = [config.side // cell for cell in stages.cells]
        self.layers = torch.nn.ModuleList(_Layer(stages, stage, rows * rows) for stage, rows in enumerate(rasters))
        self.norm_out = torch.nn.LayerNorm(self.width, stages.eps)

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B D"]:
        """One vector a picture: its class token, what the published head reads."""
        return class_tokens(packed)

    def _made(self, pixels: Float[torch.Tensor, "b 3 H W"], last: int) -> Iterator[Made]:
        x = pixels
        for stage, layer in enumerate(self.layers[: last + 1]):
            tokens, grid = layer(x)
            if stage == len(self.layers) - 1:
                yield self.norm_out(tokens), grid
            else:
                yield tokens, grid
                x = as_map(tokens, grid)

    def _stacks(self, batch: Pixels) -> list[Float[torch.Tensor, "b 3 H W"]]:
        """All pictures in one stack. Raises `BadArguments` for another size."""
        side, pictures = self.config.side, checked(batch, 1)
        for picture in pictures:
            if picture.shape[1:] != (side, side):
                height, width = picture.shape[1:]
                raise BadArguments(f"this tower takes pictures of {side} × {side} pixels alone, got {height} × {width}")
        return super()._stacks(torch.stack(pictures) if pictures else [])


class _Layer(torch.nn.Module):
    """One stage: patches of its map, positions, blocks; in the last stage a class token before the cells."""

    def __init__(self, stages: Pyramid, stage: int, cells: int) -> None:
        super().__init__()
        width, patch = stages.widths[stage], 2 if stage else 4
        last = stage == len(stages.widths) - 1
        self.patches = torch.nn.Conv2d(stages.inputs[stage], width, patch, patch)
        self.norm_in = torch.nn.LayerNorm(width, stages.eps_in)
        self.class_token = torch.nn.Parameter(torch.zeros(width)) if last else None
        self.positions = torch.nn.Parameter(torch.zeros(cells + last, width))
        self.blocks = torch.nn.ModuleList(_Block(stages, stage) for _ in range(stages.depths[stage]))

    def forward(self, x: Float[torch.Tensor, "b C H W"]) -> Made:
        cells = self.patches(x)
        grid = cells.shape[2], cells.shape[3]
        tokens = self.norm_in(as_tokens(cells))
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1)
        tokens = tokens + self.positions
        for block in self.blocks:
            tokens = block(tokens, grid)
        return tokens, grid


class _Block(torch.nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, stages: Pyramid, stage: int) -> None:
        super().__init__()
        width, ratio = stages.widths[stage], stages.reductions[stage]
        reduce = Reduction(width, ratio, stages.eps_in) if ratio > 1 else None
        self.norm1 = torch.nn.LayerNorm(width, stages.eps)
        self.attention = ReducedAttention(width, stages.heads[stage], reduce, bias=stages.bias)
        self.norm2 = torch.nn.LayerNorm(width, stages.eps)
        self.mlp = MLP(width, width * stages.ratios[stage], activation(stages.activation))

    def forward(self, x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b n D"]:
        x = x + self.attention(self.norm1(x), grid)
        y: torch.Tensor = self.mlp(self.norm2(x).flatten(0, 1)).view(x.shape)
        return x + y
