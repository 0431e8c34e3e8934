"""What a tower is built from: the numbers of a published config, under one name each."""

from dataclasses import dataclass, field

from lexel.kernels.attention import attention, causal_attention
from lexel.needs import torch
from lexel.nn.layers import MLP, activation
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Attention, Block, Transformer


@dataclass(frozen=True)
class Blocks:
    """The part that image and text towers have in common.

    width        D
    depth        blocks
    heads        of attention; `width` is a multiple of it
    hidden       width inside the MLP
    activation   as published configs call it: "quick_gelu", "gelu", "gelu_pytorch_tanh"
    eps          of the layer norms
    """

    width: int
    depth: int
    heads: int
    hidden: int
    activation: str = "quick_gelu"
    eps: float = 1e-5

    def transformer(self, *, causal: bool) -> Transformer:
        """The blocks, without weights."""
        attend = causal_attention if causal else attention
        return Transformer(
            torch.nn.ModuleList(
                Block(Attention(self.width, self.heads, attend), self.mlp(), self.width, self.eps)
                for _ in range(self.depth)
            )
        )

    def mlp(self) -> MLP:
        """One MLP, without weights."""
        return MLP(self.width, self.hidden, activation(self.activation))


@dataclass(frozen=True)
class ImageConfig:
    """An image tower.

    patch_size   side of a patch in pixels
    grid         side of the square table of positions: 7 for B/32 at 224
    embed_dim    width of the space shared with words; None where a half was saved without the way there
    resampling   how positions are stretched to another raster
    """

    blocks: Blocks
    patch_size: int
    grid: int
    embed_dim: int | None
    resampling: Resampling = field(default_factory=Resampling)


@dataclass(frozen=True)
class TextConfig:
    """A text tower.

    vocab_size   V
    length       tokens of a text at most: 77, 64
    embed_dim    width of the space shared with pictures; None where a half was saved without the way there
    end          id of the token that ends a text, where its first place is read; None where the place of the largest
                 id is read, as published configs with the end token 2 want it
    """

    blocks: Blocks
    vocab_size: int
    length: int
    embed_dim: int | None
    end: int | None = None
