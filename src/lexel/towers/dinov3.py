"""DINOv3: features learned without labels, sharp down to the patch, at any size. Its vision transformers.

    pixels ─► patches ───┐
              class ─────┼─ ▒▒▒▒ ─ norm ─┬─► the tokens of tokenize: class, registers, raster
              registers ─┘               └─► class token: the picture

No table of positions: each block turns q and k by where their patches lie, from −1 to 1 over the picture, whatever its
raster. The "plus" models and the largest gate their MLP.

Paper      Siméoni et al. 2025, arXiv 2508.10104
Kind       image tower; learned
Needs      weights
Cost       S/16 at 224: 4.7 billion multiply-adds a picture; B/16 18; L/16 63
Checked by test_dinov3_equals_transformers, test_dinov3_of_any_size_equals_transformers,
           test_dinov3_has_the_published_number_of_parameters
"""

from dataclasses import dataclass, replace
from functools import partial

from lexel.needs import torch
from lexel.nn.layers import MLP, GatedMLP, KeylessLinear, Linear, ScaledSum, activation
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.rotary import Rotary, centres
from lexel.nn.transformer import Attention, Block, Transformer
from lexel.ragged.packed import Packed
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers._plain import PlainTower


@dataclass(frozen=True)
class Dinov3Config:
    """A DINOv3.

    patch_size   side of a patch in pixels: 16
    registers    how many: 4 in the published models
    theta        of the rotary positions: 100
    gated        whether the MLP is a gated one
    biased       whether q and v have a bias, as in all models but the largest; k never has
    """

    blocks: Blocks
    patch_size: int
    registers: int
    theta: float
    gated: bool
    biased: bool


class Dinov3Image(PlainTower):
    """The image tower. Without weights until a state is loaded into it.

    A token that stands for several, because a selector inside joined them, lies at their mean place.
    """

    def __init__(self, config: Dinov3Config) -> None:
        super().__init__()
        width = config.blocks.width
        self.config, self.width, self.cell = config, width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, width, bias=True)
        self.class_token = torch.nn.Parameter(torch.zeros(width))
        self.registers = torch.nn.Parameter(torch.zeros(config.registers, width))
        self.transformer = Transformer(torch.nn.ModuleList(_block(config) for _ in range(config.blocks.depth)))
        self.norm_out = torch.nn.LayerNorm(width, config.blocks.eps)

    def begin(self, batch: Pixels) -> Packed:
        """Every patch at its place; class token and registers at (0, 0), where nothing is turned."""
        x, grids = self.patches(batch)
        begun = prefixed(x, grids, {Kind.CLASS: self.class_token[None], Kind.REGISTER: self.registers})
        places = torch.zeros((len(begun.x), 2), device=x.device)
        places[begun.kind == Kind.REGION] = centres(grids, device=x.device)
        return replace(begun, places=places)


def _block(config: Dinov3Config) -> Block:
    blocks, rotary = config.blocks, Rotary(config.theta)
    width, kind = blocks.width, GatedMLP if config.gated else MLP
    qkv = KeylessLinear(width) if config.biased else Linear(width, 3 * width, bias=False)
    attention = Attention(width, blocks.heads, qkv=qkv, rotary=rotary)
    mlp = kind(width, blocks.hidden, activation(blocks.activation))
    return Block(attention, mlp, width, blocks.eps, scale=partial(ScaledSum, width))
