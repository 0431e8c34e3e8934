"""New autoencoders, with random weights: what `lexel train` of a tokenizer begins with; and the scale of their latents.

down = 8, width = 104, blocks = 3      4 pixels: 48 channels, 1 block  ─►  8 pixels: 104 channels, 3 blocks
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._continuous import Continuous, Scaling, Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._light import FOLD, Light
from lexel.autoencoders.autoencoder import PlainAutoencoder, PlainConfig
from lexel.autoencoders.diffusion import DiffusionAutoencoder, DiffusionConfig
from lexel.autoencoders.vae import VAE, VAEConfig
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.pictures.published import convolutional
from lexel.training.data import Pairs
from lexel.training.held_out import readable
from lexel.training.task import drawn

CHANNELS = 8  # widths are multiples of it
LOOKED_AT = 256  # pictures whose latents are measured
LEAST = 1e-6  # deviation of a channel that says nothing


@dataclass(frozen=True, kw_only=True)
class LightSizes:
    """An encoder and a decoder.

    down     pixels of a side of a cell: 4 · 2ⁿ
    width    channels at the level of the cells; about half as many at each level before
    blocks   residual blocks at the level of the cells; one at each level before
    edge     pixels of the longer side of pictures, at most

    Raises `BadArguments` for another `down`.
    """

    down: int
    width: int
    blocks: int
    edge: int

    def __post_init__(self) -> None:
        if self.down < FOLD or self.down & (self.down - 1):
            raise BadArguments(f"down is 4, 8, 16, …, not {self.down}")

    @property
    def light(self) -> Light:
        """Level by level, the finest first."""
        before = (self.down // FOLD).bit_length() - 1
        widths = [max(CHANNELS, (self.width >> level) // CHANNELS * CHANNELS) for level in range(before, 0, -1)]
        channels = (*widths, self.width)
        return Light(encoder=channels, decoder=channels, blocks=(1,) * before + (self.blocks,), edge=self.edge)


def vqvae(sizes: LightSizes, quantizer: str, *, seed: int) -> Discrete:
    """Codes, by a quantizer of that text. Raises what `quantizers.built` raises for it."""
    with seeded(seed, "weights"):
        network = VQVAE(VQVAEConfig(light=sizes.light, quantizer=quantizer))
    return Discrete(network, preparation=convolutional(sizes.edge, sizes.down))


def continuous(
    sizes: LightSizes, kind: Literal["autoencoder", "vae", "diffusion"], channels: int, *, seed: int
) -> Continuous:
    """Vectors of so many channels; those of a VAE can be drawn."""
    light, preparation = sizes.light, convolutional(sizes.edge, sizes.down)
    with seeded(seed, "weights"):
        if kind == "vae":
            return Variational(VAE(VAEConfig(light=light, channels=channels)), preparation=preparation)
        if kind == "diffusion":
            diffusion = DiffusionAutoencoder(DiffusionConfig(light=light, channels=channels))
            return Continuous(diffusion, preparation=preparation)
        return Continuous(PlainAutoencoder(PlainConfig(light=light, channels=channels)), preparation=preparation)


def last_layer(model: Autoencoder) -> torch.Tensor:
    """The weights that make the pixels."""
    if isinstance(model.image, DiffusionAutoencoder):
        return model.image.denoiser.conv_out.weight
    assert isinstance(model.image, VQVAE | VAE | PlainAutoencoder)
    return model.image.decoder.conv_out.weight


def measure_scale(model: Autoencoder, pictures: Pairs) -> None:
    """Write down mean and deviation of each channel of latents, so that `scaled=True` gives unit variance.

    Of the first 256 pictures that can be read. Nothing happens to a model of codes.
    """
    network = model.image
    if not isinstance(network, VAE | PlainAutoencoder | DiffusionAutoencoder):
        return
    some = (picture for _, picture in islice(readable(pictures), LOOKED_AT))
    latents = model.tokenize(some).data.astype("float64")
    if not len(latents):
        return
    mean, std = latents.mean(0), latents.std(0).clip(LEAST)
    network.scaling = Scaling(1.0, tuple(mean.tolist()), tuple(std.tolist()))
    network.config = replace(network.config, scaling=network.scaling)


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Torch's generator begins here with a seed, and afterwards is where it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn(seed, purpose))
        yield
