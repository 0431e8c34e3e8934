"""Open-MAGVIT2: a code is the signs of 18 numbers, so that 262,144 codes need neither a codebook nor a search.

    pixels ─ 3×3 ─ level 0 ─ half ─ level 1 ─ half ─ … ─ middle ─ 1×1 ─► 18 numbers ─ signs ─► code
    pixels ◄ 3×3 ─ level 0 ─ twice ─ level 1 ─ twice ─ … ─ middle ─ 3×3 ◄─ −1 or 1 ◄────────────┘
                      ▲                  ▲        each level of the decoder is scaled and shifted
                      └──────────────────┴─────── by spread and mean of the signs of the whole picture

Residual blocks alone, without biases, and no attention anywhere.

Paper      Luo et al. 2024, arXiv 2409.04410; after Yu et al. 2023, arXiv 2310.05737
Kind       autoencoder with codes; learned; gives pictures back, not exactly
Needs      weights
Cost       256 codes of 18 bits at 256
Checked by test_magvit2_equals_the_literal_steps, test_the_first_number_is_the_lowest_bit,
           test_twice_the_size_takes_offsets_before_channels, test_magvit2_is_as_large_as_the_published_modules
"""

from dataclasses import dataclass
from functools import partial

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.convolution import EPS, ResBlock, group_norm
from lexel.nn.layers import Linear
from lexel.quantizers.lfq import LFQ
from lexel.shapes import Float, Int

F = torch.nn.functional

NORM = group_norm(32)
BARE = partial(torch.nn.Conv2d, bias=False)


@dataclass(frozen=True, kw_only=True)
class MAGVIT2Config:
    """A network.

    widths   channels of each level, the finest first
    blocks   residual blocks of a level, and of each middle
    bits     of a code
    edge     pixels of a side of the pictures that it was made for
    """

    widths: tuple[int, ...] = (128, 128, 256, 256, 512)
    blocks: int = 4
    bits: int = 18
    edge: int = 256


class MAGVIT2(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: MAGVIT2Config) -> None:
        super().__init__()
        self.config, self.width = config, config.bits
        self.cell = 1 << len(config.widths) - 1
        self.encoder = _Encoder(config)
        self.quantizer = LowestFirst(config.bits)
        self.decoder = _Decoder(config)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Pixels from −1 to 1 → numbers whose signs are the code. Raises `BadArguments` for sides of no whole cells."""
        height, width = pixels.shape[2:]
        if height % self.cell or width % self.cell:
            raise BadArguments(f"sides are multiples of {self.cell}, not {height} × {width}")
        return self.encoder(pixels)

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Signs → pixels of about −1 to 1."""
        return self.decoder(latents)


class LowestFirst(LFQ):
    """`LFQ` whose first number is the lowest bit, as Open-MAGVIT2 counts; its first release counted as `LFQ` does."""

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The signs of each vector as one number."""
        return super().codes(x.flip(1))

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """−1 and 1."""
        return super().decode(codes).flip(1)


class _Encoder(torch.nn.Module):
    """Pixels → a number a bit."""

    def __init__(self, config: MAGVIT2Config) -> None:
        super().__init__()
        widths = config.widths
        self.conv_in = BARE(3, widths[0], 3, padding=1)
        steps = zip((widths[0], *widths), widths, strict=False)
        self.levels = torch.nn.ModuleList(_level(*step, config.blocks) for step in steps)
        self.steps = torch.nn.ModuleList(torch.nn.Conv2d(width, width, 3, 2, padding=1) for width in widths[:-1])
        self.middle = _level(widths[-1], widths[-1], config.blocks)
        self.norm_out = NORM(widths[-1])
        self.conv_out = torch.nn.Conv2d(widths[-1], config.bits, 1)

    def forward(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        x = self.levels[0](self.conv_in(pixels))
        for step, level in zip(self.steps, self.levels[1:], strict=True):
            x = level(step(x))
        return self.conv_out(F.silu(self.norm_out(self.middle(x))))


class _Decoder(torch.nn.Module):
    """Signs → pixels. Its levels are numbered as those of the encoder, 0 the finest, and run from the last to it."""

    def __init__(self, config: MAGVIT2Config) -> None:
        super().__init__()
        widths, bits = config.widths, config.bits
        before = (*widths[1:], widths[-1])
        self.conv_in = torch.nn.Conv2d(bits, widths[-1], 3, padding=1)
        self.middle = _level(widths[-1], widths[-1], config.blocks)
        self.norms = torch.nn.ModuleList(_SignsNorm(width, bits) for width in before)
        self.levels = torch.nn.ModuleList(_level(*step, config.blocks) for step in zip(before, widths, strict=True))
        self.steps = torch.nn.ModuleList(Twice(width) for width in widths[1:])
        self.norm_out = NORM(widths[0])
        self.conv_out = torch.nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, signs: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        x = self.middle(self.conv_in(signs))
        for number in reversed(range(len(self.levels))):
            x = self.levels[number](self.norms[number](x, signs))
            if number:
                x = self.steps[number - 1](x)
        return self.conv_out(F.silu(self.norm_out(x)))


class _SignsNorm(torch.nn.Module):
    """A group norm, scaled and shifted by how the signs of the whole picture spread and where their mean is."""

    def __init__(self, width: int, bits: int) -> None:
        super().__init__()
        self.scale, self.shift = Linear(bits, width), Linear(bits, width)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], signs: Float[torch.Tensor, "b D h2 w2"]
    ) -> Float[torch.Tensor, "b C h w"]:
        """A map of one cell spreads by nothing; the published formula divides by its cells less one there."""
        cells = signs.flatten(2)
        spread = cells.var(2, correction=min(1, cells.shape[2] - 1))
        scale, shift = self.scale((spread + EPS).sqrt()), self.shift(cells.mean(2))
        same = torch.group_norm(x, 32, eps=EPS)
        return torch.addcmul(shift[:, :, None, None], same, scale[:, :, None, None])


class Twice(torch.nn.Module):
    """Twice the size: four times the channels by a convolution, the four of a cell laid out as a square.

    The offset counts before the channel (depth to space "DCR"); `pixel_shuffle` counts it after.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h2 w2"]:
        """2h × 2w."""
        fours = self.conv(x).unflatten(1, (2, 2, -1))  # row, column, channel
        return fours.permute(0, 3, 4, 1, 5, 2).flatten(4).flatten(2, 3)


def _level(inputs: int, width: int, blocks: int) -> torch.nn.Sequential:
    """Blocks of one size."""
    before = (inputs, *[width] * (blocks - 1))
    return torch.nn.Sequential(*(ResBlock(some, width, NORM, BARE) for some in before))
