"""Plain autoencoder: a picture through a narrow place, and back. The baseline of everything that quantizes or draws.

    pixels ─ encoder ─► z ─ decoder ─► pixels
    256 × 256           32 × 32 vectors, nothing asked of them

Nothing holds the latents to any scale: they drift while it learns. Mean and deviation of each channel over what it
learned from are kept beside the weights, and `scaled=True` gives latents of unit variance.

Paper      Hinton & Salakhutdinov 2006, Science 313, doi 10.1126/science.1127647
Kind       autoencoder with continuous latents; learned; gives pictures back, not exactly
Needs      weights; `lexel new tokenizer` trains some
Cost       f8 with 1.5 million parameters: 30,000 multiply-adds a pixel
Checked by test_a_trained_vocabulary_is_saved_and_loaded_exactly, test_every_level_halves_the_raster,
           test_a_new_network_learns_pictures_by_heart
"""

from dataclasses import dataclass

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders._light import Decoder, Encoder, Light
from lexel.needs import torch
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class PlainConfig:
    """A network.

    channels   numbers a cell
    scaling    latents ↔ unit variance; None before anybody measured it
    """

    light: Light
    channels: int
    scaling: Scaling | None = None


class PlainAutoencoder(torch.nn.Module):
    """The network, new: at random as torch makes it, but for blocks, which begin as the identity."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.config, self.scaling = config, config.scaling
        self.cell, self.width = config.light.cell, config.channels
        self.encoder = Encoder(config.light, outputs=self.width)
        self.decoder = Decoder(config.light, inputs=self.width)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """Pixels from −1 to 1 → latents."""
        return self.encoder(pixels)

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents → pixels of about −1 to 1."""
        return self.decoder(latents)
