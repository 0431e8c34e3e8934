"""VAE: an autoencoder that says how sure it is, so that a draw near a latent is a picture as well.

    pixels ─ encoder ─► mean, variance ─ draw ─► z ─ decoder ─► pixels
                              │
                              └─ Kullback–Leibler divergence from N(0, 1), weighted: what keeps latents near 0

    ½ Σ (μ² + σ² − 1 − log σ²)     0 where the encoder says nothing; ÷ ln 2 ÷ pixels: bits a pixel that it says

With the weight 1 of the paper pictures are blurred and latents can be drawn from N(0, 1); with 10⁻⁶, as latent
diffusion has it, pictures are sharp and latents merely stay in a ball, of which a draw is noise.

Paper      Kingma & Welling 2013, arXiv 1312.6114; weight: Higgins et al. 2017 (β-VAE)
Kind       autoencoder with continuous latents; learned; gives pictures back, not exactly
Needs      weights; `lexel new tokenizer` trains some
Cost       f8 with 1.5 million parameters: 30,000 multiply-adds a pixel
Checked by test_the_divergence_is_that_of_many_draws, test_a_trained_vocabulary_is_saved_and_loaded_exactly,
           test_every_level_halves_the_raster, test_a_new_network_learns_pictures_by_heart
"""

from dataclasses import dataclass

from lexel.autoencoders._continuous import LOG_VARIANCE, Scaling
from lexel.autoencoders._light import Decoder, Encoder, Light
from lexel.needs import torch
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """A network.

    channels   numbers a cell
    scaling    latents ↔ unit variance; None before anybody measured it
    """

    light: Light
    channels: int
    scaling: Scaling | None = None


class VAE(torch.nn.Module):
    """The network, new: at random as torch makes it, but for blocks, which begin as the identity."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, self.scaling = config, config.scaling
        self.cell, self.width = config.light.cell, config.channels
        self.encoder = Encoder(config.light, outputs=2 * self.width)
        self.decoder = Decoder(config.light, inputs=self.width)

    def posterior(
        self, pixels: Float[torch.Tensor, "b 3 H W"]
    ) -> tuple[Float[torch.Tensor, "b C h w"], Float[torch.Tensor, "b C h w"]]:
        """Pixels from −1 to 1 → mean and logarithm of the variance of the latents."""
        mean, log_variance = self.encoder(pixels).chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """The mean: of all latents the likeliest."""
        return self.posterior(pixels)[0]

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents → pixels of about −1 to 1."""
        return self.decoder(latents)


def drawn(
    mean: Float[torch.Tensor, "b C h w"], log_variance: Float[torch.Tensor, "b C h w"]
) -> Float[torch.Tensor, "b C h w"]:
    """μ + σ ε with ε of torch's generator; gradients flow to both."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def divergence(
    mean: Float[torch.Tensor, "b C h w"], log_variance: Float[torch.Tensor, "b C h w"]
) -> Float[torch.Tensor, "b"]:
    """Of N(μ, σ²) from N(0, 1), in nats, summed over the numbers of a picture."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3))
