"""VQ-VAE: an encoder, a quantizer and a decoder that are learned together; here light, and with any quantizer.

    pixels ─ encoder ─► z ─► nearest code ─► e ─ decoder ─► pixels
    256 × 256               32 × 32 codes                    what a small machine can learn in minutes
                   ▲───────── gradient, as if nothing had happened ◄─┘

The paper's own layers are two strided convolutions and two blocks; these work on folded pixels (`_light`), which are
sixteen times fewer places. The quantizer is given by its text: `vq(8, codebook_size=1024, decay=0.99)` is the paper's,
`fsq(8, 5, 5, 5)` needs no care, `residual(…)` gives several codes a cell.

Paper      van den Oord et al. 2017, arXiv 1711.00937
Kind       autoencoder with codes; learned; gives pictures back, not exactly
Needs      weights; `lexel new tokenizer` trains some
Cost       f8 with 1.5 million parameters: 30,000 multiply-adds a pixel
Checked by test_a_trained_vocabulary_is_saved_and_loaded_exactly, test_every_level_halves_the_raster,
           test_a_new_network_learns_pictures_by_heart
"""

from dataclasses import dataclass

from lexel.autoencoders._light import Decoder, Encoder, Light
from lexel.needs import torch
from lexel.quantizers._quantizer import built
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class VQVAEConfig:
    """A network.

    quantizer   its text, as `repr` of a quantizer says it
    """

    light: Light
    quantizer: str


class VQVAE(torch.nn.Module):
    """The network, new: at random as torch makes it, but for blocks, which begin as the identity."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config, self.cell = config, config.light.cell
        self.quantizer = built(config.quantizer)
        self.width = self.quantizer.dim
        self.encoder = Encoder(config.light, outputs=self.width)
        self.decoder = Decoder(config.light, inputs=self.width)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Pixels from −1 to 1 → what codes are found for."""
        return self.encoder(pixels)

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Vectors of codes → pixels of about −1 to 1."""
        return self.decoder(latents)
