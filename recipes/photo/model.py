"""The three photo vocabularies: what they are made of, and how each learns."""

from dataclasses import dataclass, field
from typing import TypeAlias

from economy import Economical

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._continuous import Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._light import Light
from lexel.autoencoders.vae import VAE, VAEConfig
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.pictures.published import convolutional
from lexel.quantizers.fsq import FSQ
from lexel.training.data import Pairs
from lexel.training.loader import Batch
from lexel.training.losses import Weights
from lexel.training.reconstruct import ReconstructionTask
from lexel.training.task import Task
from lexel.training.trainer import Settings

Config: TypeAlias = VQVAEConfig | VAEConfig

LIGHT = Light(encoder=(48, 92), decoder=(64, 120), blocks=(1, 3))  # 8 pixels a cell; 2.9 MB as float16
LEVELS = (9, 9, 7, 7, 5, 5, 5)
SIDE, BATCH, SEED = 96, 8, 0


@dataclass(frozen=True)
class Vocabulary:
    """One of the three.

    steps   a sixth of a second each on one core of 2.5 GHz
    """

    config: Config
    steps: int
    weights: Weights = field(default_factory=Weights)

    def model(self) -> Autoencoder:
        """A new one."""
        preparation = convolutional(LIGHT.edge, LIGHT.cell)
        if isinstance(self.config, VAEConfig):
            return Variational(VAE(self.config), preparation=preparation)
        return Discrete(VQVAE(self.config), preparation=preparation)

    def task(self, model: Autoencoder, held_out: Pairs) -> Task[Batch]:
        """What it learns by."""
        if isinstance(model, Discrete) and isinstance(model.image.quantizer, FSQ):
            return Economical(model, LEVELS, held_out)
        return ReconstructionTask(model, held_out, weights=self.weights)

    def settings(self) -> Settings:
        """How it learns."""
        return Settings(
            self.steps, learning_rate=1.5e-3, warmup=100, weight_decay=0.02, betas=(0.9, 0.95), eps=1e-8,
            save_every=250, keep=1, measure_every=500, seed=SEED,
        )  # fmt: skip


VOCABULARIES = {
    "photo-fsq": Vocabulary(VQVAEConfig(light=LIGHT, quantizer=f"fsq{LEVELS}"), 6500),
    "photo-vq": Vocabulary(VQVAEConfig(light=LIGHT, quantizer="vq(8, codebook_size=1024, decay=0.98)"), 4500),
    "photo-vae": Vocabulary(VAEConfig(light=LIGHT, channels=8), 2500, Weights(divergence=1e-4)),
}
