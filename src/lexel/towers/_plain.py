"""What towers that are one transformer over patches have in common: CLIP, SigLIP, ViT, MAE, DINOv2, DINOv3."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TypeVar

from lexel.needs import torch
from lexel.nn.inside import Inside
from lexel.nn.loaded import changed
from lexel.nn.patches import Pixels
from lexel.nn.pooling import class_tokens
from lexel.nn.transformer import Traced, Transformer
from lexel.ragged.packed import Packed
from lexel.shapes import Float
from lexel.tokens.protocols import Selector

P = TypeVar("P", bound="PlainTower")


class PlainTower(torch.nn.Module, ABC):
    """Tokens of the pictures, the transformer, a norm. Without weights until a state is loaded into it."""

    offers = frozenset({"keys", "attention.cls", "attention.received", "attention.rollout"})
    transformer: Transformer
    norm_out: torch.nn.LayerNorm

    @abstractmethod
    def begin(self, batch: Pixels) -> Packed:
        """The tokens before the first block: patches and learned tokens, positions added."""

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W] of any sizes, → the published `last_hidden_state`.

        Learned tokens come first, then the raster. Positions are those of each raster. Raises `BadArguments` for other
        shapes.
        """
        return self.trace(batch).packed

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """`encode_pixels` with what `keep` names, see `Transformer`, and the plans of the selectors inside."""
        traced: Traced = self.transformer(self.begin(batch), keep)
        return traced.then(self.norm_out)

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture, of its own length: the class token, which the training looked at."""
        return class_tokens(packed)

    def with_inside(self: P, selector: Selector, layers: tuple[int, ...] = ()) -> P:
        """The same tower, weights shared, with `selector` after the attention of these layers; none means all."""
        old = self.transformer
        here = Inside.of(selector, layers, depth=len(old.blocks), offers=self.offers)
        return changed(self, transformer=Transformer(old.blocks, (*old.inside, here)))
