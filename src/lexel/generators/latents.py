"""Latents of an autoencoder without a prior: drawn from a normal distribution, or on the way between two pictures.

    N(0, 1) · std ─► decoder ─► a new picture               a ●╮      the way turns from one direction to the other
                                                              ╰─╮     and keeps its length; a straight one is shorter
    two pictures ─► encoder ─► a, b ─► between ─► decoder     0 ● b   in the middle: less contrast

Directions are those of all latents of a picture together, shifted and scaled as the checkpoint publishes it: around 0
and of about unit variance is where a length means something.

Paper      Kingma & Welling 2014, arXiv 1312.6114 (drawing); White 2016, arXiv 1609.04468 (the way on a sphere)
Kind       generator from latents; nothing is learned beside the autoencoder
Needs      a continuous autoencoder; new pictures are as good as its latents are normal, which those of few are
Cost       the decoder's, and the encoder's for two pictures
Checked by test_latents_are_drawn_with_the_published_deviation, test_the_way_keeps_its_length_and_ends_at_both_pictures
"""

import numpy as np

from lexel.autoencoders._continuous import Continuous
from lexel.errors import BadArguments
from lexel.generators._new import check_sizes, new_tokens
from lexel.generators._objective import Draws
from lexel.needs import torch
from lexel.pictures.picture import Picture
from lexel.shapes import Float
from lexel.tokens.value import Tokens

PARALLEL = 1e-6  # sine of an angle below which two directions are one


def sampled(
    model: Continuous, count: int, *, height: int, width: int, seed: int = 0, temperature: float = 1.0
) -> Tokens:
    """Latents of `count` new pictures of `height` × `width` cells, to be given to `model.detokenize`.

    temperature   times the deviation

    Picture i depends on the seed and i. Raises `BadArguments` for sizes that are none.
    """
    check_sizes(count, height, width)
    normal = temperature * Draws(seed, count).normal(height, width, model.image.width)
    latents = _unscaled(model, normal).numpy().astype(np.float32)
    return new_tokens(latents, model.space, cell=model.image.cell, seed=seed)


def interpolated(model: Continuous, a: Picture, b: Picture, count: int) -> list[Picture]:
    """`count` pictures, two or more, from `a` to `b`, both as the decoder makes them.

    Raises `BadArguments` for fewer, and for pictures that are not prepared to one size.
    """
    if count < 2:
        raise BadArguments(f"a way from one picture to another has 2 pictures or more, not {count}")
    ends = model.tokenize([a, b])
    first, last = (tuple(grid) for grid in ends.pictures.grids.tolist())
    if first != last:
        raise BadArguments(f"{a.name} has {first} cells and {b.name} has {last}: pictures of one size have a way")
    start, end = (_scaled(model, torch.tensor(ends[i].data)) for i in range(2))
    way = [_unscaled(model, between(start, end, t)) for t in np.linspace(0, 1, count).tolist()]
    return model.detokenize(Tokens.concat([ends[0].with_(data=z.numpy().astype(np.float32)) for z in way]))


def between(
    a: Float[torch.Tensor, "*rows C"], b: Float[torch.Tensor, "*rows C"], t: float
) -> Float[torch.Tensor, "*rows C"]:
    """What lies `t` of the way from `a` to `b`: on a great circle; on a straight line where they are parallel."""
    cosine = (a * b).sum() / (a.norm() * b.norm()).clamp(min=torch.finfo(a.dtype).tiny)
    angle = cosine.clamp(-1, 1).arccos()
    if angle.sin() < PARALLEL:
        return (1 - t) * a + t * b
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def _scaled(model: Continuous, latents: Float[torch.Tensor, "*rows C"]) -> Float[torch.Tensor, "*rows C"]:
    scaling = model.image.scaling
    return latents.double() if scaling is None else scaling.scaled(latents.double())


def _unscaled(model: Continuous, scaled: Float[torch.Tensor, "*rows C"]) -> Float[torch.Tensor, "*rows C"]:
    scaling = model.image.scaling
    return scaled if scaling is None else scaling.latents(scaled)
