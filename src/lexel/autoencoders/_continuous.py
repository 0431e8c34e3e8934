"""An autoencoder without a quantizer: each cell of a picture is a vector.

    pixels ─► encoder ─► latents ──────────────────────────► decoder ─► pixels
                            │      (z − shift) · factor / std     ▲
                            └──► the space of a generator ────────┘        scaled=True

A generator of latents wants numbers of about unit variance. Checkpoints publish a factor for it, some a shift or a mean
and deviation for each channel; encoder and decoder know nothing of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lexel.autoencoders._autoencoder import Autoencoder, MapNetwork, Maps
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens

LOG_VARIANCE = (-30.0, 20.0)  # beyond which the logarithm of a variance is clipped


@dataclass(frozen=True)
class Scaling:
    """Latents ↔ what a generator works on: (z − shift) · factor / std.

    shift, std   one number for all channels, or one for each
    """

    factor: float = 1.0
    shift: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def scaled(self, latents: Float[torch.Tensor, "*rows C"]) -> Float[torch.Tensor, "*rows C"]:
        """Latents, channels last, as a generator wants them."""
        return (latents - latents.new_tensor(self.shift)) * (self.factor / latents.new_tensor(self.std))

    def latents(self, scaled: Float[torch.Tensor, "*rows C"]) -> Float[torch.Tensor, "*rows C"]:
        """What a generator gives, channels last, as latents."""
        return scaled * (scaled.new_tensor(self.std) / self.factor) + scaled.new_tensor(self.shift)


@runtime_checkable
class ScaledNetwork(MapNetwork, Protocol):
    """A network and the published scale of its latents, if one is published."""

    scaling: Scaling | None


@runtime_checkable
class VariationalNetwork(ScaledNetwork, Protocol):
    """…whose encoder says how sure it is."""

    def posterior(
        self, pixels: Float[torch.Tensor, "b 3 H W"]
    ) -> tuple[Float[torch.Tensor, "b C h w"], Float[torch.Tensor, "b C h w"]]:
        """Prepared pixels → mean and logarithm of the variance of the latents."""


class Continuous(Autoencoder):
    """Pictures ↔ latents. Needs a `ScaledNetwork`."""

    image: ScaledNetwork

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: latents as the encoder gives them."""
        return Space("vectors", self.image.width, digest=self.digest, name=self.name)

    @property
    def scaled_space(self) -> Space:
        """…and of `tokenize(scaled=True)`."""
        return Space("vectors", self.image.width, digest=f"{self.digest} scaled", name=f"{self.name}, scaled")

    def tokenize(self, pictures: Iterable[Picture], *, size: int | None = None, scaled: bool = False) -> Tokens:
        """The latents of every picture, row by row.

        size     pixels of the longer side at most, instead of what the checkpoint says
        scaled   as a generator wants them: shifted and scaled by the published numbers. Another space

            vae.tokenize(pictures)               # <4,096 tokens of 1 picture: vectors of …, 4 wide, float32>

        Raises `BadArguments` for another size, and for `scaled` where no scale is published.
        """
        tokens = self._tokens(pictures, self._seen, self.space, size=size)
        return self._scaled(tokens) if scaled else tokens

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """As `Autoencoder` has it; latents may be scaled or not."""
        if tokens.space == self.scaled_space:
            data = self._scaling().latents(torch.tensor(tokens.data)).numpy()
            tokens = tokens.with_(data=data, space=self.space)
        return super().detokenize(tokens)

    def _scaled(self, tokens: Tokens) -> Tokens:
        data = self._scaling().scaled(torch.tensor(tokens.data)).numpy()
        return tokens.with_(data=data, space=self.scaled_space)

    def _scaling(self) -> Scaling:
        if self.image.scaling is None:
            raise BadArguments("no file of this model says how its latents are scaled", subject=self.name)
        return self.image.scaling

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b h w C"]:
        return self.image.encode(pixels).permute(0, 2, 3, 1)

    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        return self._stacked(maps, self._shown)

    def _shown(self, cells: Float[torch.Tensor, "b h w C"]) -> Float[torch.Tensor, "b 3 H W"]:
        like = next(self.parameters())
        return self.image.decode(cells.permute(0, 3, 1, 2).to(like.dtype))


class Variational(Continuous):
    """…whose latents can be drawn. Needs a `VariationalNetwork`."""

    image: VariationalNetwork

    def tokenize(
        self,
        pictures: Iterable[Picture],
        *,
        size: int | None = None,
        scaled: bool = False,
        seed: int | None = None,
    ) -> Tokens:
        """The latents of every picture, row by row: the mean of what they may be.

        size, scaled   see `Continuous`
        seed           instead of the mean, a draw. It depends on the seed, on the picture and on nothing else
        """
        if seed is None:
            return super().tokenize(pictures, size=size, scaled=scaled)
        believed = self._tokens(pictures, self._believed, Space("vectors", 2 * self.image.width), size=size)
        mean, deviation = np.split(believed.data, 2, axis=1)
        drawn = [
            _noise(f"{seed} {digest}", (int(count), self.image.width))
            for digest, count in zip(believed.pictures.digests, believed.counts, strict=True)
        ]
        tokens = believed.with_(data=mean + deviation * np.concatenate([mean[:0], *drawn]), space=self.space)
        return self._scaled(tokens) if scaled else tokens

    def _believed(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b h w C2"]:
        """Mean and deviation of each cell, one after the other."""
        mean, log_variance = self.image.posterior(pixels)
        return torch.cat([mean, (log_variance / 2).exp()], dim=1).permute(0, 2, 3, 1)


def _noise(word: str, shape: tuple[int, int]) -> Float[Array, "n C"]:
    """Of unit variance, float32. Equal words draw alike."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=16).digest())
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
