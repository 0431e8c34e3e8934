"""dVAE: DALL-E's tokenizer, whose encoder says how likely each of 8,192 codes is, cell by cell.

    pixels ─ encoder ─► 8,192 logits a cell of 8 × 8 ─ the largest ─► code ─ decoder ─► mean, spread ─ σ ─► pixels

The levels 0…255 become 0.1…0.9, so that a logit of a pixel is finite. The spread is of the loss, and is not shown.

Paper      Ramesh et al. 2021, arXiv 2102.12092
Kind       autoencoder with codes; learned; gives pictures back, blurred
Needs      weights
Cost       1,024 codes of 13 bits at 256
Checked by test_dvae_equals_the_encoder_of_transformers, test_the_decoder_of_dvae_equals_the_literal_steps,
           test_parameter_counts_of_dvae_are_the_published_ones
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from lexel.errors import LoadError
from lexel.needs import torch
from lexel.quantizers.gumbel import Gumbel
from lexel.shapes import Float

F = torch.nn.functional

WIDER = (1, 1, 2, 4, 8)  # widths before the first group of the encoder, and of each of its four


@dataclass(frozen=True, kw_only=True)
class DVAEConfig:
    """A network.

    codebook_size   K
    width           of the first group; the last is 8 times that wide
    blocks          of each of the four groups
    start           width that codes get in the decoder; None where there is no decoder
    """

    codebook_size: int
    width: int
    blocks: int
    start: int | None


class DVAE(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    cell = 8

    def __init__(self, config: DVAEConfig) -> None:
        super().__init__()
        self.config, self.width = config, config.codebook_size
        self.quantizer = Gumbel(config.codebook_size)
        widths = [config.width * times for times in WIDER]
        self.encoder = _Half(3, 7, widths, config, config.codebook_size, looking=(3, 3, 3, 1))
        self.decoder = None
        if config.start:
            back = [config.start, *widths[:0:-1]]
            self.decoder = _Half(config.codebook_size, 1, back, config, 6, looking=(1, 3, 3, 3))

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b K h w"]:
        """Pixels from 0.1 to 0.9 → a logit for each code."""
        return self.encoder(pixels, lambda x: F.max_pool2d(x, 2))

    def decode(self, latents: Float[torch.Tensor, "b K h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Codes, a 1 among zeros each, → the likeliest pixels, 0 to 1. Raises `LoadError` where there is no decoder."""
        if self.decoder is None:
            raise LoadError("the files hold no decoder", hint="the original checkpoint has one, in a file of its own")
        shown = self.decoder(latents, lambda x: F.interpolate(x, scale_factor=2, mode="nearest"))
        return shown[:, :3].sigmoid()


class _Half(torch.nn.Module):
    """A convolution, four groups of blocks of one size each, ReLU, a 1×1 convolution."""

    def __init__(
        self,
        inputs: int,
        side: int,
        widths: list[int],
        config: DVAEConfig,
        outputs: int,
        *,
        looking: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        gain = 1 / (len(WIDER[1:]) * config.blocks) ** 2
        self.conv_in = torch.nn.Conv2d(inputs, widths[0], side, padding=side // 2)
        self.groups = torch.nn.ModuleList(
            torch.nn.Sequential(
                _Block(before, width, looking, gain),
                *(_Block(width, width, looking, gain) for _ in range(config.blocks - 1)),
            )
            for before, width in pairwise(widths)
        )
        self.conv_out = torch.nn.Conv2d(widths[-1], outputs, 1)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], resized: Callable[[torch.Tensor], torch.Tensor]
    ) -> Float[torch.Tensor, "b C2 h2 w2"]:
        x = self.groups[0](self.conv_in(x))
        for group in self.groups[1:]:
            x = group(resized(x))
        return self.conv_out(F.relu(x))


class _Block(torch.nn.Module):
    """x + gain · four convolutions, ReLU before each; narrow in between."""

    def __init__(self, inputs: int, width: int, sides: tuple[int, int, int, int], gain: float) -> None:
        super().__init__()
        self.gain = gain
        widths = pairwise((inputs, *[width // 4] * 3, width))
        self.path = torch.nn.ModuleList(
            torch.nn.Conv2d(*pair, side, padding=side // 2) for pair, side in zip(widths, sides, strict=True)
        )
        self.shortcut = torch.nn.Conv2d(inputs, width, 1) if inputs != width else torch.nn.Identity()

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h w"]:
        y = x
        for conv in self.path:
            y = conv(F.relu(y))
        return self.shortcut(x) + self.gain * y
