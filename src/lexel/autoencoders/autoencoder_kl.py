"""AutoencoderKL: the variational autoencoder of Stable Diffusion, SDXL, SD3 and FLUX.1.

    pixels ─ encoder ─ 1×1 ─► mean and variance of each cell ─► the mean, or a draw ─ 1×1 ─ decoder ─► pixels
    H × W                       H/8 × W/8, 4 or 16 channels

The 1×1 convolutions are missing from SD3 on. The tokens of `tokenize` are the means, as the encoder gives them;
`scaled=True` shifts and scales them as the family's generator wants them.

Paper      Rombach et al. 2021, arXiv 2112.10752; Kingma & Welling 2013, arXiv 1312.6114
Kind       autoencoder with continuous latents; learned; gives pictures back, not exactly
Needs      weights
Cost       SD at 256: 136 billion multiply-adds to encode a picture, 311 to decode it
Checked by test_an_autoencoder_kl_equals_diffusers, test_a_draw_depends_on_the_seed_and_the_picture_alone,
           test_parameter_counts_of_autoencoder_kl_are_the_published_ones
"""

from dataclasses import dataclass

from lexel.autoencoders._continuous import LOG_VARIANCE, Scaling
from lexel.autoencoders._stacks import Decoder, Encoder, Stacks
from lexel.needs import torch
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class AutoencoderKLConfig:
    """A network.

    quant        whether a 1×1 convolution follows the encoder
    post_quant   whether one stands before the decoder
    scaling      latents ↔ the space of the generator; None where nobody says
    edge         pixels of a side of the pictures that it was made for
    """

    stacks: Stacks
    quant: bool = True
    post_quant: bool = True
    scaling: Scaling | None
    edge: int


class AutoencoderKL(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: AutoencoderKLConfig) -> None:
        super().__init__()
        self.config, self.scaling = config, config.scaling
        self.cell, self.width = config.stacks.cell, config.stacks.latent
        self.encoder = Encoder(config.stacks, outputs=2 * self.width)
        self.quant = torch.nn.Conv2d(2 * self.width, 2 * self.width, 1) if config.quant else torch.nn.Identity()
        self.post_quant = torch.nn.Conv2d(self.width, self.width, 1) if config.post_quant else torch.nn.Identity()
        self.decoder = Decoder(config.stacks)

    def posterior(
        self, pixels: Float[torch.Tensor, "b 3 H W"]
    ) -> tuple[Float[torch.Tensor, "b C h w"], Float[torch.Tensor, "b C h w"]]:
        """Pixels from −1 to 1 → mean and logarithm of the variance of the latents."""
        mean, log_variance = self.quant(self.encoder(pixels)).chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """The mean: of all latents the likeliest."""
        return self.posterior(pixels)[0]

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents, not scaled, → pixels of about −1 to 1."""
        return self.decoder(self.post_quant(latents))
