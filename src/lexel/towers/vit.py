"""ViT: a picture is worth 16×16 words. Supervised ViT, DeiT with its second token, FlexiViT.

    pixels ─► patches + positions ─┐
              class + its position ┼─ ▒▒▒▒ ─ norm ─┬─► the tokens of tokenize: class, raster
              (DeiT: distillation) ┘               └─► class token: the picture

No norm before the blocks, one behind them. DeiT's distillation token stands between class and raster; it was taught by
another network, is no place of the picture, and counts as a register. FlexiViT was trained with patches of many sizes:
`model.with_patch_size(8)`, see `nn/flexi.py`, which any tower of patches takes, trained so or not.

Paper      Dosovitskiy et al. 2020, arXiv 2010.11929; Touvron et al. 2020, arXiv 2012.12877 (DeiT);
           Beyer et al. 2022, arXiv 2212.08013 (FlexiViT)
Kind       image tower; learned
Needs      weights
Cost       B/16 at 224: 17.5 billion multiply-adds a picture; B/32 4.4; L/16 61
Checked by test_vit_equals_transformers, test_deit_equals_transformers,
           test_vit_of_another_size_equals_transformers, test_vit_has_the_published_number_of_parameters
"""

from dataclasses import dataclass, field

from lexel.needs import torch
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.positions import Resampling
from lexel.ragged.packed import Packed
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers._plain import PlainTower


@dataclass(frozen=True)
class ViTConfig:
    """A ViT.

    patch_size   side of a patch in pixels
    grid         side of the square table of positions: 14 for B/16 at 224
    distilled    whether a second learned token stands behind the class token (DeiT)
    placed       whether these tokens have positions, too; FlexiViT's have none
    resampling   how positions are stretched to another raster
    """

    blocks: Blocks
    patch_size: int
    grid: int
    distilled: bool = False
    placed: bool = True
    resampling: Resampling = field(default_factory=Resampling)


class ViTImage(PlainTower):
    """The image tower. Without weights until a state is loaded into it."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config, self.width, self.cell = config, blocks.width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, blocks.width, bias=True)
        self.class_token = torch.nn.Parameter(torch.zeros(blocks.width))
        self.distillation_token = torch.nn.Parameter(torch.zeros(blocks.width)) if config.distilled else None
        first = (1 + config.distilled) * config.placed
        self.positions = torch.nn.Parameter(torch.zeros(first + config.grid**2, blocks.width))
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)

    def begin(self, batch: Pixels) -> Packed:
        """The tokens before the first block: patches and learned tokens, positions added."""
        x, grids = self.patches(batch)
        first, count = self.class_token[None], len(self.positions) - self.config.grid**2
        if self.distillation_token is not None:
            first = torch.cat([first, self.distillation_token[None]])
        if count:
            first = first + self.positions[:count]
        x = x + self.config.resampling.each(self.positions[count:], grids)
        return prefixed(x, grids, {Kind.CLASS: first[:1], Kind.REGISTER: first[1:]})
