"""DINOv2: features of pictures that were learned without a word or a label. With registers and without.

    pixels ─► patches + positions ─┐
              class + its position ┼─ ▒▒▒▒ ─ norm ─┬─► the tokens of tokenize: class, registers, raster
              registers ───────────┘               └─► class token: the picture

Registers are tokens without a place that training added, so that the network need not keep its notes in patches of
the background. The largest model gates its MLP.

Paper      Oquab et al. 2023, arXiv 2304.07193; Darcet et al. 2023, arXiv 2309.16588 (registers)
Kind       image tower; learned
Needs      weights
Cost       S/14 at 224: 6.1 billion multiply-adds a picture; B/14 23; L/14 81; g/14 300
Checked by test_dinov2_equals_transformers, test_dinov2_of_any_size_equals_transformers,
           test_dinov2_has_the_published_number_of_parameters
"""

from dataclasses import dataclass
from functools import partial

from lexel.needs import torch
from lexel.nn.layers import MLP, GatedMLP, ScaledSum, activation
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Attention, Block, Transformer
from lexel.ragged.packed import Packed
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers._plain import PlainTower


@dataclass(frozen=True)
class Dinov2Config:
    """A DINOv2.

    patch_size   side of a patch in pixels: 14
    grid         side of the square table of positions: 37, the raster of 518 pixels
    registers    how many
    resampling   how positions are stretched to another raster
    gated        whether the MLP is a gated one, as in the largest model
    """

    blocks: Blocks
    patch_size: int
    grid: int
    registers: int
    resampling: Resampling
    gated: bool


class Dinov2Image(PlainTower):
    """The image tower. Without weights until a state is loaded into it."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        width = config.blocks.width
        self.config, self.width, self.cell = config, width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, width, bias=True)
        self.class_token = torch.nn.Parameter(torch.zeros(width))
        self.registers = torch.nn.Parameter(torch.zeros(config.registers, width)) if config.registers else None
        self.positions = torch.nn.Parameter(torch.zeros(1 + config.grid**2, width))
        self.transformer = Transformer(torch.nn.ModuleList(_block(config) for _ in range(config.blocks.depth)))
        self.norm_out = torch.nn.LayerNorm(width, config.blocks.eps)

    def begin(self, batch: Pixels) -> Packed:
        """Positions on the patches and the class token; registers have none."""
        x, grids = self.patches(batch)
        x = x + self.config.resampling.each(self.positions[1:], grids)
        first = {Kind.CLASS: (self.class_token + self.positions[0])[None]}
        if self.registers is not None:
            first[Kind.REGISTER] = self.registers
        return prefixed(x, grids, first)


def _block(config: Dinov2Config) -> Block:
    blocks = config.blocks
    width, kind = blocks.width, GatedMLP if config.gated else MLP
    mlp = kind(width, blocks.hidden, activation(blocks.activation))
    return Block(Attention(width, blocks.heads), mlp, width, blocks.eps, scale=partial(ScaledSum, width))
