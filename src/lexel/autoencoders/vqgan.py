"""VQGAN: pictures as codes of a learned codebook; f8 and f16, and its forms in diffusers, LlamaGen, Chameleon, Janus.

    pixels ─ encoder ─ 1×1 ─► z ─► nearest code ─► e ─ 1×1 ─ decoder ─► pixels
    256 × 256                16 × 16 codes of 16,384            what a generator of codes is trained on

    plain     nearest in distance                    taming-transformers, diffusers, Chameleon
    cosine    nearest in direction, 8 numbers wide   LlamaGen, Janus
    spatial   norms of the decoder see e             MoVQ: Kandinsky 2

Paper      Esser et al. 2020, arXiv 2012.09841; Sun et al. 2024, arXiv 2406.06525; Zheng et al. 2022, arXiv 2209.09002
Kind       autoencoder with codes; learned; gives pictures back, not exactly
Needs      weights
Cost       f16 at 256: 256 codes of 14 bits; 69 billion multiply-adds to encode a picture, 126 to decode it
Checked by test_a_vqmodel_equals_diffusers, test_llamagen_looks_by_direction_and_equals_its_peer,
           test_parameter_counts_of_vqgan_are_the_published_ones
"""

from dataclasses import dataclass
from functools import partial

from lexel.autoencoders._cosine import CosineVQ
from lexel.autoencoders._stacks import Decoder, Encoder, Stacks
from lexel.errors import LoadError
from lexel.needs import torch
from lexel.nn.convolution import SpatialNorm
from lexel.quantizers.vq import VQ
from lexel.shapes import Float


@dataclass(frozen=True, kw_only=True)
class VQGANConfig:
    """A network.

    codebook_size   K
    dim             width of a code
    edge            pixels of a side of the pictures that it was made for
    cosine          whether codes are found by direction
    spatial         whether the norms of the decoder see the codes
    decoder         whether there is one: files of Chameleon have none
    """

    stacks: Stacks
    codebook_size: int
    dim: int
    edge: int
    cosine: bool = False
    spatial: bool = False
    decoder: bool = True


class VQGAN(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        stacks, dim = config.stacks, config.dim
        self.config, self.cell, self.width = config, stacks.cell, dim
        self.encoder = Encoder(stacks, outputs=stacks.latent)
        self.quant = torch.nn.Conv2d(stacks.latent, dim, 1)
        kind = CosineVQ if config.cosine else VQ
        self.quantizer = kind(dim, codebook_size=config.codebook_size)
        self.post_quant = torch.nn.Conv2d(dim, stacks.latent, 1)
        norm = partial(SpatialNorm, codes=dim) if config.spatial else None
        self.decoder = Decoder(stacks, norm=norm) if config.decoder else None

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Pixels from −1 to 1 → what codes are found for."""
        return self.quant(self.encoder(pixels))

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Vectors of codes → pixels of about −1 to 1. Raises `LoadError` where there is no decoder."""
        if self.decoder is None:
            raise LoadError("the files hold no decoder", hint="the original checkpoint has one, and loads as a VQGAN")
        return self.decoder(self.post_quant(latents), latents)
