"""Cosmos: NVIDIA's discrete image tokenizers. Pixels become wavelets first, and codes are levels of six numbers.

    pixels ─ Haar ─ Haar ─► 48 numbers a 4 × 4 square ─ encoder ─► 6 numbers ─ fsq(8, 8, 8, 5, 5, 5) ─► code
    pixels ◄─ back, exactly ◄─ 48 numbers ◄──────────── decoder ◄─ 6 numbers ◄──────────────────────────┘

    a b     a+b+c+d   a+b−c−d            a step of Haar: the mean of a square of four and three differences,
    c d     a−b+c−d   a−b−c+d    ÷ 4     of every channel; two steps make squares of 4 × 4

Steps to half the size stand after the first levels of the encoder, those to twice the size after the first of the
decoder: a network of cells of 8 pixels has one of each, and one of 16 pixels two.

Paper      NVIDIA 2025, arXiv 2501.03575
Kind       autoencoder with codes; learned; gives pictures back, not exactly
Needs      weights
Cost       DI16×16 at 1,024: 4,096 codes of 16 bits; DI8×8 four times as many
Checked by test_cosmos_equals_the_literal_steps, test_haar_is_its_published_sums_and_comes_back,
           test_cosmos_has_the_published_number_of_parameters
"""

from dataclasses import dataclass

from lexel.autoencoders._stacks import Level, Middle
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.convolution import Down, Up, group_norm
from lexel.quantizers.fsq import FSQ
from lexel.shapes import Float

F = torch.nn.functional


@dataclass(frozen=True, kw_only=True)
class CosmosConfig:
    """A network.

    start    channels after the first convolution
    widths   channels of each level, the finest first
    blocks   residual blocks of a level of the encoder; the decoder has one more
    halved   levels of the encoder that are followed by a step to half the size, the first ones
    patch    pixels of a side of a square of wavelets, a power of 2
    latent   channels of the map between encoder and quantizer
    levels   of the codes, see `FSQ`
    edge     pixels of a side of the pictures that it was made for
    """

    start: int = 128
    widths: tuple[int, ...] = (256, 512, 512)
    blocks: int = 2
    halved: int
    patch: int = 4
    latent: int = 256
    levels: tuple[int, ...] = (8, 8, 8, 5, 5, 5)
    edge: int = 1024


class Cosmos(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        self.config, self.width = config, len(config.levels)
        self.cell = config.patch << config.halved
        self.encoder = _Encoder(config)
        self.quant = torch.nn.Conv2d(config.latent, self.width, 1)
        self.quantizer = FSQ(*config.levels)
        self.post_quant = torch.nn.Conv2d(self.width, config.latent, 1)
        self.decoder = _Decoder(config)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Pixels from −1 to 1 → what codes are found for. Raises `BadArguments` for sides of no whole squares."""
        height, width = pixels.shape[2:]
        if height % self.config.patch or width % self.config.patch:
            raise BadArguments(f"sides are multiples of {self.config.patch}, not {height} × {width}")
        return self.quant(self.encoder(haar(pixels, self.config.patch)))

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Vectors of codes → pixels of about −1 to 1."""
        return haar_back(self.decoder(self.post_quant(latents)), self.config.patch)


def haar(x: Float[torch.Tensor, "b C H W"], patch: int) -> Float[torch.Tensor, "b C2 h w"]:
    """Pixels → the wavelets of squares of `patch` pixels, patch² numbers a channel.

    The means of all channels come first, then what changes downwards, to the right, and across. Numbers shrink: the
    norm is halved by each step.
    """
    while patch > 1:
        a, b, c, d = (x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
        x = torch.cat([a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d], dim=1) / 4
        patch //= 2
    return x


def haar_back(x: Float[torch.Tensor, "b C2 h w"], patch: int) -> Float[torch.Tensor, "b C H W"]:
    """The pixels of these wavelets."""
    while patch > 1:
        mean, down, right, across = x.chunk(4, dim=1)
        above, below = mean + down, mean - down
        over, under = right + across, right - across
        rows = [
            torch.stack(pair, dim=4).flatten(3)
            for pair in ((above + over, above - over), (below + under, below - under))
        ]
        x = torch.stack(rows, dim=3).flatten(2, 3)
        patch //= 2
    return x


class _Encoder(torch.nn.Module):
    """Wavelets → a map of `latent` channels."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths, norm = config.widths, group_norm(32)
        self.conv_in = torch.nn.Conv2d(3 * config.patch**2, config.start, 3, padding=1)
        steps = zip((config.start, *widths), widths, strict=False)
        self.levels = torch.nn.ModuleList(Level(*step, False, config.blocks, norm) for step in steps)
        self.steps = torch.nn.ModuleList(Down(width) for width in widths[: config.halved])
        self.middle = Middle(widths[-1], norm, attention=True)
        self.norm_out = norm(widths[-1])
        self.conv_out = torch.nn.Conv2d(widths[-1], config.latent, 3, padding=1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        x = self.conv_in(x)
        for number, level in enumerate(self.levels):
            x = level(x)
            if number < len(self.steps):
                x = self.steps[number](x)
        return self.conv_out(F.silu(self.norm_out(self.middle(x))))


class _Decoder(torch.nn.Module):
    """A map → wavelets. Its levels are numbered as those of the encoder, 0 the finest, and run from the last to it.

    So are its steps: those to twice the size stand after the last levels, which run first.
    """

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths, norm = config.widths, group_norm(32)
        self.conv_in = torch.nn.Conv2d(config.latent, widths[-1], 3, padding=1)
        self.middle = Middle(widths[-1], norm, attention=True)
        steps = zip((*widths[1:], widths[-1]), widths, strict=True)
        self.levels = torch.nn.ModuleList(Level(*step, False, config.blocks + 1, norm) for step in steps)
        doubled = range(len(widths) - config.halved, len(widths))
        self.steps = torch.nn.ModuleDict({str(level): Up(widths[level]) for level in doubled})
        self.norm_out = norm(widths[0])
        self.conv_out = torch.nn.Conv2d(widths[0], 3 * config.patch**2, 3, padding=1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        x = self.middle(self.conv_in(x))
        for number in reversed(range(len(self.levels))):
            x = self.levels[number](x)
            if str(number) in self.steps:
                x = self.steps[str(number)](x)
        return self.conv_out(F.silu(self.norm_out(x)))
