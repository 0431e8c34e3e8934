"""ResNet: convolutions with shortcuts, whose maps are the soft tokens of many hybrid models.

    pixels ─ 7×7, pool ─ stage 0 ─┬─ stage 1 ─┬─ stage 2 ─┬─ stage 3 ─► cells: tokens of tokenize
                   4 px    256    │  8 px     │  16 px    │  32 px      their mean: the picture
                                  │    512    │   1024    │   2048 wide

    a block:  x ─┬─ 1×1 ─ 3×3 ─ 1×1 ─ + ─ ReLU ─►      each convolution with its batch norm; ReLU between them
                 └─ 1×1 where needed ─┘

A map has a cell for every 4, 8, 16, 32 pixels that begin. The box of a cell is that square; what it saw is far larger.

Paper      He et al. 2015, arXiv 1512.03385
Kind       image tower of several stages; learned
Needs      weights
Cost       R50 at 224: 4.1 billion multiply-adds a picture; R18 1.8; R101 7.8
Checked by test_every_stage_of_a_resnet_equals_transformers, test_parameter_counts_are_the_published_ones
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lexel.needs import torch
from lexel.shapes import Float
from lexel.towers._maps import Made, MapTower, as_tokens

EXPANSION = 4  # of a bottleneck


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """A tower.

    stem            width of the first convolution
    widths          D of the tokens, stage by stage
    depths          blocks, stage by stage
    bottleneck      whether a block is 1×1, 3×3, 1×1 with a quarter of the width inside, or 3×3, 3×3
    first_stage     whether the first stage makes the map coarser too
    first_of_three  whether a bottleneck does so in its first 1×1, as in the paper, or in its 3×3, as nearly everywhere
    """

    stem: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    bottleneck: bool = True
    first_stage: bool = False
    first_of_three: bool = False

    @property
    def strides(self) -> tuple[int, ...]:
        """How much coarser each stage is than what it begins with."""
        return (2 if self.first_stage else 1, *[2] * (len(self.widths) - 1))

    @property
    def cells(self) -> tuple[int, ...]:
        """Pixels of a side of a cell, stage by stage."""
        return tuple(4 * self.strides[0] << stage for stage in range(len(self.widths)))


class ResNet(MapTower):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside.

    Channels lie innermost: on a CPU a quarter faster than the other way. To fold the batch norms into the convolutions
    in every call was measured, and gains nothing.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config.cells, config.widths, smallest=1)
        self.config = config
        self.stem = _Convolution(3, config.stem, 7, stride=2)
        self.layers = torch.nn.ModuleList(_layer(config, stage) for stage in range(len(config.widths)))

    def _made(self, pixels: Float[torch.Tensor, "b 3 H W"], last: int) -> Iterator[Made]:
        x = torch.nn.functional.max_pool2d(torch.relu_(self.stem(pixels)), 3, stride=2, padding=1)
        for layer in self.layers[: last + 1]:
            x = layer(x)
            yield as_tokens(x), (x.shape[2], x.shape[3])


def _layer(config: ResNetConfig, stage: int) -> torch.nn.Sequential:
    """One stage: the first block widens, and makes coarser."""
    before, width = (config.stem, *config.widths)[stage : stage + 2]
    first = _Block(config, before, width, config.strides[stage])
    return torch.nn.Sequential(first, *(_Block(config, width, width, 1) for _ in range(config.depths[stage] - 1)))


class _Block(torch.nn.Module):
    """ReLU of convolutions and a shortcut."""

    def __init__(self, config: ResNetConfig, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        inside = width // EXPANSION
        if not config.bottleneck:
            steps = [_Convolution(inputs, width, 3, stride), _Convolution(width, width, 3)]
        else:
            first, second = (stride, 1) if config.first_of_three else (1, stride)
            steps = [
                _Convolution(inputs, inside, 1, first),
                _Convolution(inside, inside, 3, second),
                _Convolution(inside, width, 1),
            ]
        self.steps = torch.nn.ModuleList(steps)
        self.shortcut = _Convolution(inputs, width, 1, stride) if stride > 1 or inputs != width else None

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        *steps, end = self.steps
        y = x
        for step in steps:
            y = torch.relu_(step(y))
        y = end(y)
        y += x if self.shortcut is None else self.shortcut(x)
        return torch.relu_(y)


class _Convolution(torch.nn.Module):
    """A convolution without bias, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(outputs)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        y: torch.Tensor = self.norm(self.convolution(x))
        return y
