"""The encoder and the decoder that most published autoencoders of pictures share, from VQGAN on.

    pixels ─ 3×3 ─ level 0 ─ half ─ level 1 ─ half ─ … ─ middle ─ norm, SiLU, 3×3 ─► map of latents
    pixels ◄ 3×3, SiLU, norm ─ level 0 ─ twice ─ level 1 ─ twice ─ … ─ middle ─ 3×3 ◄─ map of latents

A level is so many residual blocks, each followed by attention where the level has it; the middle is block, attention,
block. A level of the decoder has one block more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from lexel.needs import torch
from lexel.nn.convolution import Down, MakeNorm, MapAttention, ResBlock, Up, group_norm
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class Stacks:
    """An encoder and a decoder.

    widths      channels of each level, the finest first: 128, 128, 256, 256, 512
    blocks      residual blocks of a level of the encoder
    attention   whether each level has attention
    middle      whether there is attention in the middle
    latent      channels of the map between the two
    groups      of the norms
    """

    widths: tuple[int, ...]
    blocks: int
    attention: tuple[bool, ...]
    middle: bool = True
    latent: int
    groups: int = 32

    @property
    def cell(self) -> int:
        """Pixels of a side of a cell of the map between the two."""
        return 1 << len(self.widths) - 1


class Encoder(torch.nn.Module):
    """Pixels → a map of `outputs` channels, smaller by 2 to the number of levels less one."""

    def __init__(self, stacks: Stacks, *, outputs: int) -> None:
        super().__init__()
        widths, norm = stacks.widths, group_norm(stacks.groups)
        self.conv_in = torch.nn.Conv2d(3, widths[0], 3, padding=1)
        steps = zip((widths[0], *widths), widths, stacks.attention, strict=False)
        self.levels = torch.nn.ModuleList(Level(*step, stacks.blocks, norm) for step in steps)
        self.steps = torch.nn.ModuleList(Down(width) for width in widths[:-1])
        self.middle = Middle(widths[-1], norm, attention=stacks.middle)
        self.norm_out = norm(widths[-1])
        self.conv_out = torch.nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """The map before any quantizer."""
        x = self.levels[0](self.conv_in(pixels))
        for step, level in zip(self.steps, self.levels[1:], strict=True):
            x = level(step(x))
        return self.conv_out(torch.nn.functional.silu(self.norm_out(self.middle(x))))


class Decoder(torch.nn.Module):
    """A map → pixels. Its levels are numbered as those of the encoder, 0 the finest, and run from the last to it.

    norm   what its norms are; group norms unless said. One that wants them is given the codes
    """

    def __init__(self, stacks: Stacks, *, norm: MakeNorm | None = None) -> None:
        super().__init__()
        widths, norm = stacks.widths, norm or group_norm(stacks.groups)
        self.conv_in = torch.nn.Conv2d(stacks.latent, widths[-1], 3, padding=1)
        self.middle = Middle(widths[-1], norm, attention=stacks.middle)
        steps = zip((*widths[1:], widths[-1]), widths, stacks.attention, strict=True)
        self.levels = torch.nn.ModuleList(Level(*step, stacks.blocks + 1, norm) for step in steps)
        self.steps = torch.nn.ModuleList(Up(width) for width in widths[1:])
        self.norm_out = norm(widths[0])
        self.conv_out = torch.nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h w"] | None = None
    ) -> Float[torch.Tensor, "b 3 H W"]:
        """Pixels in the range of the checkpoint, not clipped to it."""
        x = self.levels[-1](self.middle(self.conv_in(x), codes), codes)
        for step, level in zip(reversed(self.steps), reversed(self.levels[:-1]), strict=True):
            x = level(step(x), codes)
        return self.conv_out(torch.nn.functional.silu(self.norm_out(x, codes)))


class Middle(torch.nn.Module):
    """Block, attention, block."""

    def __init__(self, width: int, norm: MakeNorm, *, attention: bool) -> None:
        super().__init__()
        self.before = ResBlock(width, width, norm)
        self.attention = MapAttention(width, norm) if attention else None
        self.after = ResBlock(width, width, norm)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h w"] | None = None
    ) -> Float[torch.Tensor, "b C h w"]:
        """The same size and width."""
        x = self.before(x, codes)
        return self.after(x if self.attention is None else self.attention(x, codes), codes)


class Level(torch.nn.Module):
    """Blocks of one size, each followed by attention where there is some."""

    def __init__(self, inputs: int, width: int, attention: bool, blocks: int, norm: MakeNorm) -> None:
        super().__init__()
        sides = pairwise((inputs, *[width] * blocks))
        self.blocks = torch.nn.ModuleList(ResBlock(*side, norm) for side in sides)
        self.attention = torch.nn.ModuleList(MapAttention(width, norm) for _ in range(blocks if attention else 0))

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h2 w2"] | None = None
    ) -> Float[torch.Tensor, "b C2 h w"]:
        for block, attention in self._pairs():
            x = block(x, codes)
            if attention is not None:
                x = attention(x, codes)
        return x

    def _pairs(self) -> Iterator[tuple[torch.nn.Module, torch.nn.Module | None]]:
        return zip(self.blocks, self.attention or [None] * len(self.blocks), strict=True)
