"""The autoencoders that are trained here, tiny and new, with noise on every parameter."""

import torch

from lexel.autoencoders._continuous import Continuous, Scaling, Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._light import Light
from lexel.autoencoders.autoencoder import PlainAutoencoder, PlainConfig
from lexel.autoencoders.diffusion import DiffusionAutoencoder, DiffusionConfig
from lexel.autoencoders.vae import VAE, VAEConfig
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.pictures.published import convolutional

LIGHT = Light(encoder=(8, 12), decoder=(12, 16), blocks=(1, 2), edge=96)
SCALING = Scaling(1.0, (0.5, -1.0, 0.0, 2.0), (1.0, 2.0, 0.5, 3.0))


def vqvae(quantizer="fsq(8, 5, 5)", light=LIGHT):
    return ready(Discrete, VQVAE(VQVAEConfig(light=light, quantizer=quantizer)))


def vae(scaling=SCALING, light=LIGHT):
    return ready(Variational, VAE(VAEConfig(light=light, channels=4, scaling=scaling)))


def plain(scaling=None, light=LIGHT):
    return ready(Continuous, PlainAutoencoder(PlainConfig(light=light, channels=4, scaling=scaling)))


def diffusion(scaling=None, light=LIGHT):
    return ready(Continuous, DiffusionAutoencoder(DiffusionConfig(light=light, channels=4, scaling=scaling)))


def ready(kind, network):
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=draw)
    light = network.config.light
    return kind(network, preparation=convolutional(light.edge, light.cell)).eval().requires_grad_(False)
