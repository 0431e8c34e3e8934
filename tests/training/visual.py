"""What the tests of visual vocabularies share: small models, and squares of the box pictures."""

from functools import cache

import torch

from lexel import box
from lexel.autoencoders._continuous import Continuous, Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._light import Light
from lexel.autoencoders.autoencoder import PlainAutoencoder, PlainConfig
from lexel.autoencoders.vae import VAE, VAEConfig
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.pictures.published import convolutional
from lexel.pictures.read import read
from lexel.training.crops import Squares
from lexel.training.discriminator import PatchDiscriminator, group_norm
from lexel.training.loader import PairLoader, unspelled
from lexel.training.losses import Weights
from lexel.training.trainer import Settings
from lexel.training.vocabulary import Judging, VocabularyTask

LIGHT = Light(encoder=(8, 16), decoder=(8, 16), blocks=(0, 1), edge=64)
AVERAGES = "vq(4, codebook_size=16, decay=0.9)"


@cache
def photographs():
    return tuple(read([box.path(name) for name in ("chelsea", "coffee")]))


class Photographs:
    """Two of the box."""

    name, digest, refused = "photographs", "0" * 32, ()

    def __len__(self):
        return len(photographs())

    def key(self, index):
        return photographs()[index].name

    def captions(self, index):
        return ()

    def picture(self, index):
        return photographs()[index]


def model(kind="vqvae", *, quantizer=AVERAGES, seed=0):
    """A small autoencoder, new."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        preparation = convolutional(LIGHT.edge, LIGHT.cell)
        if kind == "vqvae":
            return Discrete(VQVAE(VQVAEConfig(light=LIGHT, quantizer=quantizer)), preparation=preparation)
        if kind == "vae":
            return Variational(VAE(VAEConfig(light=LIGHT, channels=4)), preparation=preparation)
        return Continuous(PlainAutoencoder(PlainConfig(light=LIGHT, channels=4)), preparation=preparation)


def task(one, *, start=None, against="hinge", **how):
    """The task of a model; with a judge where a start is said."""
    if start is None:
        return VocabularyTask(one, Photographs(), **how)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        judge = PatchDiscriminator(width=4, norm=group_norm)
    last = one.image.decoder.conv_out.weight
    judging = Judging(discriminator=judge, last=last, weight=0.5, start=start, against=against)
    return VocabularyTask(one, Photographs(), judging=judging, **how)


def loader(batch=6, *, rank=0, world=1):
    return PairLoader(
        Photographs(), Squares(side=32, shrink=2.0, flip=0.5), unspelled, batch, seed=1, rank=rank, world=world
    )


def watched(rank, world, dropout):
    """What a process of `forked` trains: averages, a judge after 6 updates, an average of the weights, patience."""
    settings = Settings(
        steps=14, learning_rate=3e-3, warmup=3, average=0.9, save_every=3, keep=2, measure_every=7, patience=3
    )
    made = task(model(), start=6, weights=Weights(l1=1.0, l2=0.0, frequency=1.0))
    return made, loader(rank=rank, world=world), settings
