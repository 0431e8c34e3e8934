"""The three photo vocabularies: what they are made of, and how each learns."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._continuous import Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._light import Light
from lexel.autoencoders.vae import VAE, VAEConfig
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.pictures.published import convolutional
from lexel.training.losses import Weights
from lexel.training.trainer import Settings

Config: TypeAlias = VQVAEConfig | VAEConfig

LIGHT = Light(encoder=(48, 92), decoder=(64, 120), blocks=(1, 3))  # 8 pixels a cell; 2.9 MB as float16
LEVELS = (8, 8, 8, 5, 5)
CODES = 4096  # of the learned codebook
SIDE, BATCH, SEED = 96, 8, 0


@dataclass(frozen=True)
class Stage:
    """A run of the trainer. A step takes a sixth of a second on one core of 2.5 GHz that does nothing else.

    whole   steps after which the learning rate would be 0; None: `steps`
    """

    name: str
    steps: int
    learning_rate: float
    weights: Weights
    whole: int | None = None

    def settings(self) -> Settings:
        """How it learns."""
        settings = Unfinished if self.whole else Settings
        made = settings(
            self.steps, learning_rate=self.learning_rate, warmup=100, weight_decay=0.02, betas=(0.9, 0.95), eps=1e-8,
            save_every=250, keep=1, measure_every=500, seed=SEED,
        )  # fmt: skip
        return replace(made, whole=self.whole) if isinstance(made, Unfinished) else made


@dataclass(frozen=True)
class Unfinished(Settings):
    """The first part of a longer run, whose learning rate is still high when it ends."""

    whole: int | None = None

    def rate(self, step: int) -> float:
        """That of the longer run."""
        return Settings(self.whole or self.steps, learning_rate=self.learning_rate, warmup=self.warmup).rate(step)


@dataclass(frozen=True)
class Vocabulary:
    """One of the three.

    start   a stage of another, whose layers it begins with, but for those beside the codes; "": at random
    """

    config: Config
    stages: tuple[Stage, ...]
    start: str = ""

    def model(self) -> Autoencoder:
        """A new one."""
        preparation = convolutional(LIGHT.edge, LIGHT.cell)
        if isinstance(self.config, VAEConfig):
            return Variational(VAE(self.config), preparation=preparation)
        return Discrete(VQVAE(self.config), preparation=preparation)


# Mean squares alone blur what they cannot place; a little of the structure that SSIM sees brings the contrast back.
SQUARES, STRUCTURE = Weights(), Weights(ssim=0.1, divergence=1e-4)
VOCABULARIES = {
    "photo-fsq": Vocabulary(
        VQVAEConfig(light=LIGHT, quantizer=f"fsq{LEVELS}"),
        (Stage("broad", 5632, 1.5e-3, SQUARES, whole=8000), Stage("long", 14_000, 1.2e-3, STRUCTURE)),
    ),
    "photo-vq": Vocabulary(
        VQVAEConfig(light=LIGHT, quantizer=f"vq(8, codebook_size={CODES}, decay=0.98)"),
        (Stage("all", 6000, 1e-3, STRUCTURE),),
        start="photo-fsq/long",
    ),
    "photo-vae": Vocabulary(
        VAEConfig(light=LIGHT, channels=8), (Stage("all", 4000, 1e-3, STRUCTURE),), start="photo-fsq/long"
    ),
}
