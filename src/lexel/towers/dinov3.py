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

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from lexel.needs import torch
from lexel.nn.inside import Inside
from lexel.nn.layers import MLP, GatedMLP, KeylessLinear, Linear, Scale, activation
from lexel.nn.loaded import changed
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.pooling import class_tokens
from lexel.nn.rotary import Rotary, centres
from lexel.nn.transformer import Attention, Block, Traced, Transformer
from lexel.ragged.packed import Packed
from lexel.shapes import Float
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Selector
from lexel.towers._config import Blocks


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


class Dinov3Image(torch.nn.Module):
    """The image tower. Without weights until a state is loaded into it."""

    offers = frozenset({"keys", "attention.cls", "attention.received", "attention.rollout"})

    def __init__(self, config: Dinov3Config) -> None:
        super().__init__()
        width = config.blocks.width
        self.config, self.width, self.cell = config, width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, width, bias=True)
        self.class_token = torch.nn.Parameter(torch.zeros(width))
        self.registers = torch.nn.Parameter(torch.zeros(config.registers, width))
        self.transformer = Transformer(torch.nn.ModuleList(_block(config) for _ in range(config.blocks.depth)))
        self.norm_out = torch.nn.LayerNorm(width, config.blocks.eps)

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → `last_hidden_state`, normed.

        The class token, the registers, then the raster. Pictures of any sizes. Raises `BadArguments` for other shapes.
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

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "Dinov3Image":
        """The same tower, weights shared, with `selector` after the attention of these layers; none means all.

        A token that stands for several lies at their mean place.
        """
        old = self.transformer
        here = Inside.of(selector, layers, depth=len(old.blocks), offers=self.offers)
        return changed(self, transformer=Transformer(old.blocks, (*old.inside, here)))

    def _begin(self, x: Float[torch.Tensor, "N D"], grids: list[tuple[int, int]]) -> Packed:
        """Every patch at its place; class token and registers at (0, 0), where nothing is turned."""
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
    return Block(attention, mlp, width, blocks.eps, scale=partial(Scale, width))
