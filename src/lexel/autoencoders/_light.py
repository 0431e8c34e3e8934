"""The encoder and the decoder of the vocabularies that lexel trains: light enough to learn on a processor.

    pixels ─ fold 4 ─ 3×3 ─ blocks ─ fold 2 ─ 1×1 ─ blocks ─ … ─ norm, SiLU ─ 1×1 ─► map of latents
    pixels ◄ unfold 4 ─ 3×3 ─ blocks ─ unfold 2 ─ 1×1 ─ blocks ─ … ◄─ 3×3 ◄────────── map of latents

    fold n    n × n places become n² times the channels of one: nothing is lost, and 16 times fewer places are worked on
    block     x + conv(silu(conv(norm(x)))), its last convolution zero at first

No convolution works at full size, which is where most of the time would go. The norm is the root mean square over the
channels of a place: without any, training pictures get better for ever while others break down.
"""

from dataclasses import dataclass
from itertools import pairwise

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.shapes import Float

F = torch.nn.functional

FOLD = 4  # of pixels, before anything is computed
EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class Light:
    """An encoder and a decoder.

    encoder   channels of each level, the finest first: 4 pixels a side, 8, 16, …
    decoder   …of the decoder; as many
    blocks    residual blocks of each level, in both
    edge      pixels of the longer side at most, when nobody says another size

    Raises `BadArguments` where the three are not of one length, or a number is below 1.
    """

    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    blocks: tuple[int, ...]
    edge: int = 1024

    def __post_init__(self) -> None:
        if not len(self.encoder) == len(self.decoder) == len(self.blocks) >= 1:
            raise BadArguments(f"levels of the encoder, of the decoder and of blocks are as many, not {self}")
        if min(*self.encoder, *self.decoder, self.edge) < 1 or min(self.blocks) < 0:
            raise BadArguments(f"channels are 1 or more, blocks 0 or more, not {self}")

    @property
    def cell(self) -> int:
        """Pixels of a side of a cell of the map between the two."""
        return FOLD << len(self.encoder) - 1


class Encoder(torch.nn.Module):
    """Pixels → a map of `outputs` channels."""

    def __init__(self, light: Light, *, outputs: int) -> None:
        super().__init__()
        widths = light.encoder
        self.conv_in = torch.nn.Conv2d(3 * FOLD**2, widths[0], 3, padding=1)
        self.steps = torch.nn.ModuleList(torch.nn.Conv2d(4 * some, more, 1) for some, more in pairwise(widths))
        self.levels = torch.nn.ModuleList(_level(*level) for level in zip(widths, light.blocks, strict=True))
        self.norm_out = ChannelNorm(widths[-1])
        self.conv_out = torch.nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """The map before any quantizer."""
        x = F.pixel_unshuffle(pixels, FOLD).contiguous(memory_format=torch.channels_last)
        x = self.levels[0](self.conv_in(x))
        for step, level in zip(self.steps, self.levels[1:], strict=True):
            x = level(step(F.pixel_unshuffle(x, 2)))
        return self.conv_out(F.silu(self.norm_out(x)))


class Decoder(torch.nn.Module):
    """A map of `inputs` channels → pixels. Levels are numbered as the encoder's, 0 the finest, and run back to it."""

    def __init__(self, light: Light, *, inputs: int) -> None:
        super().__init__()
        widths = light.decoder
        self.conv_in = torch.nn.Conv2d(inputs, widths[-1], 3, padding=1)
        self.steps = torch.nn.ModuleList(torch.nn.Conv2d(more, 4 * some, 1) for some, more in pairwise(widths))
        self.levels = torch.nn.ModuleList(_level(*level) for level in zip(widths, light.blocks, strict=True))
        self.norm_out = ChannelNorm(widths[0])
        self.conv_out = torch.nn.Conv2d(widths[0], 3 * FOLD**2, 3, padding=1)

    def forward(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Pixels of about −1 to 1, not clipped to it."""
        x = self.levels[-1](self.conv_in(latents.contiguous(memory_format=torch.channels_last)))
        for step, level in zip(reversed(self.steps), reversed(self.levels[:-1]), strict=True):
            x = level(F.pixel_shuffle(step(x), 2))
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), FOLD)


class ChannelNorm(torch.nn.Module):
    """The channels of each place with a mean square of 1, then a learned factor each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        """x ÷ √(mean over channels of x² + 10⁻⁶) · weight."""
        rows = x.permute(0, 2, 3, 1)
        weight = self.weight.to(rows.dtype)  # under autocast the rows are narrower, and one kernel takes both
        return F.rms_norm(rows, (rows.shape[-1],), weight, EPS).permute(0, 3, 1, 2)


class LightBlock(torch.nn.Module):
    """x + conv(silu(conv(norm(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(width)
        self.conv1 = torch.nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(width, width, 3, padding=1)
        torch.nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        """The same size and width."""
        return x + self.conv2(F.silu(self.conv1(self.norm(x))))


def _level(width: int, blocks: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(*(LightBlock(width) for _ in range(blocks)))
