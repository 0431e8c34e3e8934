"""VQ-VAE-2: a coarse raster of codes for what a picture shows, a fine one for what the coarse one leaves out.

    pixels ─ 4× smaller ─► fine ─ 2× smaller ─► coarse ─► codes of 8 × 8 pixels ──┬──────────────┐
                            │                                └─ 2× larger ─┐      └─ 2× larger ─┐ │
                            └──────────────────────────────────────────────┴─► codes of 4 × 4 ──┴─► decoder ─► pixels

Tokens are those of both rasters, the coarse one first, level 1 and level 0; each level has a codebook of its own.

Paper      Razavi et al. 2019, arXiv 1906.00446; in the form of rosinality/vq-vae-2-pytorch
Kind       autoencoder with codes of two levels; learned; gives pictures back, not exactly
Needs      weights
Cost       1,024 + 4,096 codes of 9 bits at 256
Checked by test_vqvae2_equals_the_literal_steps, test_vqvae2_has_the_published_number_of_parameters,
           test_the_fine_codes_look_at_the_coarse_ones
"""

from dataclasses import dataclass

import numpy as np

from lexel.autoencoders._autoencoder import Autoencoder, Maps
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.prepared import Prepared
from lexel.quantizers.vq import VQ
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from lexel.towers._tokens import tokens_of, whole

FINE, COARSE = 4, 8  # pixels of a side of a cell


@dataclass(frozen=True, kw_only=True)
class VQVAE2Config:
    """A network.

    width           inside
    narrow          inside residual blocks
    blocks          of each part
    codebook_size   K of each level
    dim             width of a code
    """

    width: int = 128
    narrow: int = 32
    blocks: int = 2
    codebook_size: int = 512
    dim: int = 64


class VQVAE2Network(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    cell = COARSE

    def __init__(self, config: VQVAE2Config) -> None:
        super().__init__()
        self.config, self.width = config, config.dim
        width, dim = config.width, config.dim
        self.fine = torch.nn.Sequential(_down(3, width // 2), _RELU, _down(width // 2, width), _RELU, *_rest(config))
        self.coarse = torch.nn.Sequential(_down(width, width // 2), _RELU, *_rest(config, width // 2))
        self.to_coarse = torch.nn.Conv2d(width, dim, 1)
        self.coarse_codes = VQ(dim, codebook_size=config.codebook_size)
        self.to_fine = torch.nn.Conv2d(dim + width, dim, 1)
        self.fine_codes = VQ(dim, codebook_size=config.codebook_size)
        self.seen = torch.nn.Sequential(*_rest(config, dim), _up(width, dim))
        self.larger = _up(dim, dim)
        self.decoder = torch.nn.Sequential(*_rest(config, 2 * dim), _up(width, width // 2), _RELU, _up(width // 2, 3))

    def encode(
        self, pixels: Float[torch.Tensor, "b 3 H W"]
    ) -> tuple[Int[torch.Tensor, "b h w"], Int[torch.Tensor, "b h2 w2"]]:
        """Pixels from −1 to 1 → coarse codes and fine ones. Raises `BadArguments` for sides that 8 does not divide."""
        if pixels.shape[2] % COARSE or pixels.shape[3] % COARSE:
            raise BadArguments(f"sides are multiples of {COARSE}, not {pixels.shape[2]} × {pixels.shape[3]}")
        fine = self.fine(pixels)
        coarse_codes = _named(self.coarse_codes, self.to_coarse(self.coarse(fine)))
        seen = self.seen(_vectors(self.coarse_codes, coarse_codes).to(fine))
        return coarse_codes, _named(self.fine_codes, self.to_fine(torch.cat([seen, fine], dim=1)))

    def decode(
        self, coarse: Int[torch.Tensor, "b h w"], fine: Int[torch.Tensor, "b h2 w2"]
    ) -> Float[torch.Tensor, "b 3 H W"]:
        """Codes of both levels → pixels of about −1 to 1."""
        like = self.to_fine.weight
        larger = self.larger(_vectors(self.coarse_codes, coarse).to(like))
        return self.decoder(torch.cat([larger, _vectors(self.fine_codes, fine).to(like)], dim=1))


class VQVAE2(Autoencoder):
    """Pictures ↔ codes of two levels, as users call it."""

    image: VQVAE2Network

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: codes of the codebook of their level."""
        return Space("codes", self.image.width, self.image.fine_codes.sizes, digest=self.digest, name=self.name)

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> list[Int[torch.Tensor, "_ _"]]:
        """The maps of each picture, the coarse one first."""
        return [cells for pair in zip(*self.image.encode(pixels), strict=True) for cells in pair]

    def _maps(self, tokens: Tokens) -> Maps:
        """With the fine cells that lie in the margin alone, which are padding, and on no raster."""
        coarse, maps = [(h, w) for h, w in tokens.pictures.grids[::2].tolist()], []
        tokens.grids()  # raises where some are missing
        for b, (h, w) in enumerate(coarse):
            codes = torch.tensor(tokens.data[tokens.splits[b] : tokens.splits[b + 1]])
            maps += [codes[: h * w].view(h, w), codes[h * w :].view(2 * h, 2 * w)]
        return maps

    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        coarse, fine = list(maps)[::2], list(maps)[1::2]
        return [self.image.decode(a[None], b[None])[0] for a, b in zip(coarse, fine, strict=True)]

    def _of(self, batch: Prepared, encoded: Packed, space: Space) -> Tokens:
        views = [view for view in batch.views for _ in ("coarse", "fine")]
        tokens = tokens_of(whole(encoded), encoded.x, batch.pictures, views, space, crops=2)
        return tokens.with_(level=(1 - tokens["crop"]).astype(np.int16))


class _ResBlock(torch.nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(width, narrow, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(narrow, width, 1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        return x + self.conv2(torch.relu(self.conv1(torch.relu(x))))


_RELU = torch.nn.ReLU()  # without weights: one for all


def _rest(config: VQVAE2Config, inputs: int = 0) -> list[torch.nn.Module]:
    """What every part has after its sizes changed, or before: a convolution, residual blocks, ReLU."""
    first = torch.nn.Conv2d(inputs or config.width, config.width, 3, padding=1)
    return [first, *(_ResBlock(config.width, config.narrow) for _ in range(config.blocks)), _RELU]


def _down(inputs: int, width: int) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(inputs, width, 4, stride=2, padding=1)


def _up(inputs: int, width: int) -> torch.nn.ConvTranspose2d:
    return torch.nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1)


def _named(quantizer: VQ, latents: Float[torch.Tensor, "b D h w"]) -> Int[torch.Tensor, "b h w"]:
    rows = latents.permute(0, 2, 3, 1)
    return quantizer.codes(rows.flatten(0, 2).float()).view(rows.shape[:3])


def _vectors(quantizer: VQ, codes: Int[torch.Tensor, "b h w"]) -> Float[torch.Tensor, "b D h w"]:
    return quantizer.decode(codes.flatten()).unflatten(0, codes.shape).permute(0, 3, 1, 2)
