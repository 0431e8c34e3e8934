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

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from lexel.needs import torch
from lexel.nn.inside import Inside
from lexel.nn.layers import MLP, GatedMLP, Scale, activation
from lexel.nn.loaded import changed
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.pooling import class_tokens
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Attention, Block, Traced, Transformer
from lexel.ragged.packed import Packed
from lexel.shapes import Float
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Selector
from lexel.towers._config import Blocks


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


class Dinov2Image(torch.nn.Module):
    """The image tower. Without weights until a state is loaded into it."""

    offers = frozenset({"keys", "attention.cls", "attention.received", "attention.rollout"})

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

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → `last_hidden_state`, normed.

        The class token, the registers, then the raster. Pictures of any sizes; positions are resampled to each
        raster. Raises `BadArguments` for other shapes.
        """
        return self.trace(batch).packed

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """`encode_pixels` with what `keep` names, see `Transformer`, and the plans of the selectors inside."""
        x, grids = self.patches(batch)
        traced: Traced = self.transformer(self._begin(x, grids), keep)
        return traced.then(self.norm_out)

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B D"]:
        """One vector a picture, of its own length: the class token, which training compared pictures by."""
        return class_tokens(packed)

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "Dinov2Image":
        """The same tower, weights shared, with `selector` after the attention of these layers; none means all."""
        old = self.transformer
        here = Inside.of(selector, layers, depth=len(old.blocks), offers=self.offers)
        return changed(self, transformer=Transformer(old.blocks, (*old.inside, here)))

    def _begin(self, x: Float[torch.Tensor, "N D"], grids: list[tuple[int, int]]) -> Packed:
        """Positions on the patches and the class token; registers have none."""
        x = x + self.config.resampling.each(self.positions[1:], grids)
        first = {Kind.CLASS: (self.class_token + self.positions[0])[None]}
        if self.registers is not None:
            first[Kind.REGISTER] = self.registers
        return prefixed(x, grids, first)


def _block(config: Dinov2Config) -> Block:
    blocks = config.blocks
    width, kind = blocks.width, GatedMLP if config.gated else MLP
    mlp = kind(width, blocks.hidden, activation(blocks.activation))
    return Block(Attention(width, blocks.heads), mlp, width, blocks.eps, scale=partial(Scale, width))
