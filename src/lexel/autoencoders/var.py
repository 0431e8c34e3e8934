"""VAR's tokenizer: a picture as rasters of codes, from 1 × 1 to 16 × 16, each for what the coarser ones leave over.

    rest ─ mean of areas ─► 1 × 1 ─ nearest ─► code ─ row of the codebook ─ enlarged, φ ─┐
      └─ − ◄─────────────────────────────────────────────────────────────────────────────┤
    rest ─ mean of areas ─► 2 × 2 ─► 4 codes ─ … ─ enlarged, φ ──────────────────────────┼─ + ─► decoder ─► pixels
      └─ − … 3, 4, 5, 6, 8, 10, 13, 16: 680 codes of one codebook ───────────────────────┘

φ is half a convolution, half what comes in; neighbouring scales share one. Tokens come scale by scale, the coarsest
first: level 9, to 0 for the raster of 16 × 16, each row by row; the column `crop` counts the scales from 0.

Paper      Tian et al. 2024, arXiv 2404.02905
Kind       autoencoder with codes of ten levels; learned; gives pictures back, not exactly
Needs      weights
Cost       680 codes of 12 bits at 256
Checked by test_var_equals_the_literal_steps, test_scales_share_the_published_convolutions,
           test_var_has_the_published_number_of_codes_and_parameters
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexel.autoencoders._autoencoder import PIXELS, Autoencoder, Maps
from lexel.autoencoders._stacks import Decoder, Encoder, Stacks
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.prepared import Prepared
from lexel.pictures.prepare import Preparation
from lexel.quantizers.vq import VQ
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from lexel.towers._tokens import tokens_of, whole

F = torch.nn.functional

SCALES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)
SHARE = 0.5  # of the convolution in φ


@dataclass(frozen=True, kw_only=True)
class VARConfig:
    """A network.

    codebook_size   K; a code is as wide as a latent
    kernel          side of the convolutions before and after the quantizer
    phis            how many φ the scales share
    scales          codes of a side of each raster, the coarsest first; the last is that of the encoder's map
    """

    stacks: Stacks
    codebook_size: int
    kernel: int = 3
    phis: int = 4
    scales: tuple[int, ...] = SCALES

    @property
    def edge(self) -> int:
        """Pixels of a side of every picture."""
        return self.scales[-1] * self.stacks.cell


class VARNetwork(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: VARConfig) -> None:
        super().__init__()
        stacks, width, around = config.stacks, config.stacks.latent, config.kernel // 2
        self.config, self.width = config, width
        self.cell = config.edge  # a picture is one cell, which has many codes
        self.encoder = Encoder(stacks, outputs=width)
        self.quant = torch.nn.Conv2d(width, width, config.kernel, padding=around)
        self.quantizer = Scales(width, config)
        self.post_quant = torch.nn.Conv2d(width, width, config.kernel, padding=around)
        self.decoder = Decoder(stacks)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        """Pixels from −1 to 1 → what codes are found for. Raises `BadArguments` for another size."""
        edge = self.config.edge
        if pixels.shape[2:] != (edge, edge):
            raise BadArguments(f"pictures are {edge} × {edge}, not {pixels.shape[2]} × {pixels.shape[3]}")
        return self.quant(self.encoder(pixels))

    def decode(self, latents: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """The sum over scales → pixels of about −1 to 1."""
        return self.decoder(self.post_quant(latents))


class Scales(torch.nn.Module):
    """A map of latents ↔ a raster of codes a scale, all of one codebook. In float32."""

    def __init__(self, width: int, config: VARConfig) -> None:
        super().__init__()
        self.scales = config.scales
        self.book = VQ(width, codebook_size=config.codebook_size)
        self.phis = torch.nn.ModuleList(_Phi(width, width, 3) for _ in range(config.phis))

    def codes(self, latents: Float[torch.Tensor, "b D h w"]) -> list[Int[torch.Tensor, "b _ _"]]:
        """A raster a scale, the coarsest first."""
        rest, found = latents.float(), []
        for scale, side in enumerate(self.scales):
            rows = F.interpolate(rest, size=(side, side), mode="area").permute(0, 2, 3, 1)
            found.append(self.book.codes(rows.flatten(0, 2)).view(rows.shape[:3]))
            rest = rest - self._shown(found[-1], scale)
        return found

    def decode(self, codes: Sequence[Int[torch.Tensor, "b _ _"]]) -> Float[torch.Tensor, "b D h w"]:
        """The sum of what the rasters stand for; the first few alone are a coarser version."""
        return torch.stack([self._shown(raster, scale) for scale, raster in enumerate(codes)]).sum(0)

    def _shown(self, raster: Int[torch.Tensor, "b n n"], scale: int) -> Float[torch.Tensor, "b D h w"]:
        """What a raster stands for, as large as the latents."""
        x = self.book.decode(raster.flatten()).unflatten(0, raster.shape).permute(0, 3, 1, 2)
        if scale < len(self.scales) - 1:
            x = F.interpolate(x, size=(self.scales[-1],) * 2, mode="bicubic")
        return self.phis[nearest_phi(scale, len(self.scales), len(self.phis))](x)


class _Phi(torch.nn.Conv2d):
    """Half a convolution, half what comes in; in float32, as the rest that it is taken from."""

    def forward(self, x: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b D h w"]:
        assert self.bias is not None
        return (1 - SHARE) * x + SHARE * F.conv2d(x, self.weight.float(), self.bias.float(), padding=1)


def nearest_phi(scale: int, scales: int, phis: int) -> int:
    """Which φ a scale has: both are spread from 0 to 1, and the nearest counts.

    Two of the ten scales lie half-way between two of the four φ, up to the last bit. So it is computed as published.
    """
    margin = 1 / 3 / phis if phis == 4 else 1 / 2 / phis
    places = np.linspace(margin, 1 - margin, phis)
    return int(np.argmin(np.abs(places - scale / max(1, scales - 1))))


class VAR(Autoencoder):
    """Pictures ↔ codes of several scales, as users call it."""

    image: VARNetwork

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: codes of the one codebook of all scales."""
        return Space("codes", self.image.width, self.image.quantizer.book.sizes, digest=self.digest, name=self.name)

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> list[Int[torch.Tensor, "_ _"]]:
        """The rasters of each picture, the coarsest first."""
        rasters = self.image.quantizer.codes(self.image.encode(pixels))
        return [raster for picture in zip(*rasters, strict=True) for raster in picture]

    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        rasters, count = list(maps), len(self.image.config.scales)
        most, like = count * max(1, PIXELS // self.image.cell**2), next(self.parameters())
        pixels: list[torch.Tensor] = []
        for start in range(0, len(rasters), most):
            some = rasters[start : start + most]
            latents = self.image.quantizer.decode([torch.stack(some[scale::count]) for scale in range(count)])
            pixels += self.image.decode(latents.to(like.dtype))
        return pixels

    def _of(self, batch: Prepared, encoded: Packed, space: Space) -> Tokens:
        count = len(self.image.config.scales)
        views = [view for view in batch.views for _ in range(count)]
        tokens = tokens_of(whole(encoded), encoded.x, batch.pictures, views, space, crops=count)
        return tokens.with_(level=(count - 1 - tokens["crop"]).astype(np.int16))

    def _sized(self, size: int) -> Preparation:
        raise BadArguments(f"pictures have one size here, {self.image.config.edge}, not {size!r}")
