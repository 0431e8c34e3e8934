"""Maps `[b, C, h, w]` through residual blocks, attention, and steps to half and double the size.

    x ─┬─ norm ─ SiLU ─ 3×3 ─ norm ─ SiLU ─ 3×3 ─ + ─►       ResBlock
       └─ 1×1 where the width changes ────────────┘

    x ─┬─ norm ─ every cell looks at every cell ─ + ─►       MapAttention, one head
       └──────────────────────────────────────────┘

A norm is a module that takes a map and, in decoders that have such, the map of codes that is being decoded.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from lexel.kernels.attention import attention
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.shapes import Float

F = torch.nn.functional

MakeNorm: TypeAlias = Callable[[int], torch.nn.Module]  # of so many channels
MakeConv: TypeAlias = Callable[..., torch.nn.Module]  # as torch.nn.Conv2d is called

EPS = 1e-6  # of every published autoencoder's norms; torch's own 1e-5 shows in the third digit


class Norm(torch.nn.GroupNorm):
    """torch's group norm, which takes no notice of the codes."""

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h2 w2"] | None = None
    ) -> Float[torch.Tensor, "b C h w"]:
        """Each group of channels with mean 0 and variance 1, scaled and shifted."""
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)  # a map may be one cell


class SpatialNorm(torch.nn.Module):
    """A group norm that is scaled and shifted at each place by what is decoded there (MoVQ)."""

    def __init__(self, width: int, *, codes: int) -> None:
        super().__init__()
        self.norm = torch.nn.GroupNorm(32, width, EPS)
        self.scale = torch.nn.Conv2d(codes, width, 1)
        self.shift = torch.nn.Conv2d(codes, width, 1)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h2 w2"]
    ) -> Float[torch.Tensor, "b C h w"]:
        """norm(x) · scale(codes) + shift(codes), the codes enlarged to the size of `x` by repeating them."""
        seen = F.interpolate(codes, size=x.shape[2:], mode="nearest")
        return torch.addcmul(self.shift(seen), self.norm(x), self.scale(seen))


def group_norm(groups: int) -> MakeNorm:
    """Makes norms of so many groups."""
    return partial(Norm, groups, eps=EPS)


class ResBlock(torch.nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))).

    conv   makes its convolutions; torch's own unless said
    """

    def __init__(self, inputs: int, width: int, norm: MakeNorm, conv: MakeConv = torch.nn.Conv2d) -> None:
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = conv(inputs, width, 3, padding=1)
        self.norm2 = norm(width)
        self.conv2 = conv(width, width, 3, padding=1)
        self.shortcut = conv(inputs, width, 1) if inputs != width else torch.nn.Identity()

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h2 w2"] | None = None
    ) -> Float[torch.Tensor, "b C2 h w"]:
        """The same size, another width."""
        y = self.conv1(F.silu(self.norm1(x, codes)))
        y = self.conv2(F.silu(self.norm2(y, codes)))
        return y + self.shortcut(x)


class MapAttention(torch.nn.Module):
    """x + attention(norm(x)) over all cells of a map, with one head as wide as the map: h²·w² scores."""

    def __init__(self, width: int, norm: MakeNorm) -> None:
        super().__init__()
        self.norm = norm(width)
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h2 w2"] | None = None
    ) -> Float[torch.Tensor, "b C h w"]:
        """The same size and width."""
        b, width, h, w = x.shape
        rows = self.norm(x, codes).permute(0, 2, 3, 1).reshape(b * h * w, width)
        q, k, v = self.qkv(rows).view(-1, 3, 1, width).unbind(1)
        mixed = self.out(attention(q, k, v, counts=[h * w] * b).flatten(1))
        return x + mixed.view(b, h, w, width).permute(0, 3, 1, 2)


class Down(torch.nn.Module):
    """Half the size by a convolution that is filled up with zeros at the right and below alone.

    An odd last row or column is seen by none of the new cells' centres: 2n + 1 become n.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h2 w2"]:
        """⌊h/2⌋ × ⌊w/2⌋."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(torch.nn.Module):
    """Twice the size by repeating, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h2 w2"]:
        """2h × 2w."""
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
