"""Emu3's tokenizer: made for videos, in which a picture is a moment that stands still.

    picture ─ encoder ─► z z z z ─ over time, causal ─► z ─► code ─► e ─ over time ─ decoder that sees e ─► picture
              of each frame      4 equal frames, 4 → 1           the first of four frames

Convolutions over time see what came before alone, so that the first frame that comes back needs no other: three of the
four are never computed.

Paper      Wang et al. 2024, arXiv 2409.18869
Kind       autoencoder with codes; learned; gives pictures back, not exactly
Needs      weights
Cost       4,096 codes of 15 bits at 512
Checked by test_emu3_equals_transformers, test_the_parameter_count_of_emu3_is_that_of_transformers
"""

from dataclasses import dataclass
from functools import partial

from lexel.autoencoders._stacks import Decoder, Encoder, Stacks
from lexel.needs import torch
from lexel.nn.convolution import SpatialNorm
from lexel.quantizers.vq import VQ
from lexel.shapes import Float

F = torch.nn.functional


@dataclass(frozen=True, kw_only=True)
class Emu3Config:
    """A network.

    codebook_size   K; a code is as wide as a latent
    times           how often time is halved: 2, so that four frames have one code a cell
    """

    stacks: Stacks
    codebook_size: int
    times: int


class Emu3(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: Emu3Config) -> None:
        super().__init__()
        stacks, width = config.stacks, config.stacks.latent
        self.config, self.cell, self.width = config, stacks.cell, width
        self.encoder = Encoder(stacks, outputs=width)
        self.shorter = torch.nn.ModuleList(_OverTime(width, (4, 3, 3), stride=2) for _ in range(config.times))
        self.before = torch.nn.Sequential(*(_TimeBlock(width) for _ in range(stacks.blocks)))
        self.quant = _OverTime(width, (3, 1, 1))
        self.quantizer = VQ(width, codebook_size=config.codebook_size)
        self.post_quant = _OverTime(width, (3, 1, 1))
        self.after = torch.nn.Sequential(*(_TimeBlock(width) for _ in range(stacks.blocks)))
        self.longer = torch.nn.ModuleList(_OverTime(width, (3, 3, 3)) for _ in range(config.times))
        self.decoder = Decoder(stacks, norm=partial(SpatialNorm, codes=width))

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Prepared pixels → what codes are found for."""
        frame = self.encoder(pixels)[:, :, None]
        x = frame.expand(-1, -1, 1 << self.config.times, -1, -1)
        for shorter in self.shorter:
            x = F.silu(shorter(x))
        return self.quant(self.before(x))[:, :, 0]

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Vectors of codes → prepared pixels. Latents and codes go through time side by side."""
        codes = latents[:, :, None]
        x = self.after(torch.cat([self.post_quant(codes), codes]))
        for longer in self.longer:
            x = F.silu(longer(x))
        frame, seen = x[:, :, 0].chunk(2)
        return self.decoder(frame, seen)


class _OverTime(torch.nn.Module):
    """A convolution over time, height and width, which sees two frames of zeros before the first and none to come."""

    def __init__(self, width: int, sides: tuple[int, int, int], *, stride: int = 1) -> None:
        super().__init__()
        self.around = sides[1] // 2
        self.conv = torch.nn.Conv3d(width, width, sides, (stride, 1, 1))

    def forward(self, x: Float[torch.Tensor, "b C t h w"]) -> Float[torch.Tensor, "b C t2 h w"]:
        return self.conv(F.pad(x, (*[self.around] * 4, 2, 0)))


class _TimeBlock(torch.nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))), with batch norms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = torch.nn.BatchNorm3d(width), torch.nn.BatchNorm3d(width)
        self.conv1, self.conv2 = _OverTime(width, (3, 3, 3)), _OverTime(width, (3, 3, 3))

    def forward(self, x: Float[torch.Tensor, "b C t h w"]) -> Float[torch.Tensor, "b C t h w"]:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))
