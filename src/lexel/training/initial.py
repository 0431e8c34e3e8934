"""How published models begin: the first numbers of every parameter, all drawn from one seed.

    text.*.mlp.fc2.weight    normal, width^-½ · (2 · depth)^-½       one line a rule; the first that fits a name counts
    image.patches.weight     uniform, ± (3 · P²)^-½

Papers   CLIP: Radford et al. 2021 (openai/CLIP); SigLIP: Zhai et al. 2023 (big_vision); MAE: He et al. 2021
Rule     every parameter has a rule, or `KeyError`: a tensor that nobody thought of is never left as memory was

CLIP's text tower has a scheme of its own; its image tower was left as torch makes layers, which is what the uniform
bounds below say: fan_in^-½, and Glorot's for q, k and v together.
"""

import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from lexel.generators._prior import PriorConfig
from lexel.needs import torch
from lexel.shapes import Float
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers.mae import MAEConfig

First = Callable[[torch.Tensor, torch.Generator], object]
Rules = Mapping[str, First]

CUT = 0.87962566103423978  # deviation of a normal distribution that was cut at two deviations


def begin(module: torch.nn.Module, rules: Rules, *, seed: int) -> None:
    """Give every parameter of `module` its first numbers, in the order of their names in it.

    rules   by patterns of names, with `*` for anything

    Raises `KeyError` for a parameter without a rule.
    """
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            fitting = [first for pattern, first in rules.items() if fnmatchcase(name, pattern)]
            if not fitting:
                raise KeyError(name)
            fitting[0](parameter, draw)


def clip(image: ImageConfig, text: TextConfig) -> Rules:
    """OpenAI's: cosines are multiplied by 1 / 0.07 at the start."""
    words, sight = text.blocks, image.blocks
    return {
        "logit_scale": constant(math.log(1 / 0.07)),
        **NORMS,
        "text.words.weight": normal(0.02),
        "text.positions": normal(0.01),
        **_by_depth("text", words),
        "text.*.bias": constant(0.0),
        "text.projection.weight": normal(words.width**-0.5),
        "image.class_token": normal(sight.width**-0.5),
        "image.positions": normal(sight.width**-0.5),
        "image.projection.weight": normal(sight.width**-0.5),
        "image.patches.weight": uniform((3 * image.patch_size**2) ** -0.5),
        "image.*.attention.qkv.weight": glorot(sight.width, 3 * sight.width),
        "image.*.attention.out.weight": uniform(sight.width**-0.5),
        "image.*.attention.*.bias": constant(0.0),
        "image.*.mlp.fc1.*": uniform(sight.width**-0.5),
        "image.*.mlp.fc2.*": uniform(sight.hidden**-0.5),
    }


def siglip(image: ImageConfig, text: TextConfig) -> Rules:
    """big_vision's: cosines times 10, and a bias of −10, because nearly all pairs of a batch do not belong together."""
    words, sight = text.blocks, image.blocks
    return {
        "logit_scale": constant(math.log(10)),
        "logit_bias": constant(-10.0),
        **NORMS,
        "text.words.weight": normal(words.width**-0.5),
        "text.positions": normal(words.width**-0.5),
        "text.projection.weight": lecun(words.width),
        "image.positions": normal(sight.width**-0.5),
        "image.patches.weight": lecun(3 * image.patch_size**2),
        "image.head.probe": glorot(1, sight.width),
        **_glorot("text", words),
        **_glorot("image", sight),
        "*.mlp.*.bias": normal(1e-6),
        "*.bias": constant(0.0),
    }


def mae(config: MAEConfig) -> Rules:
    """The published one: positions of encoder and decoder are sines and cosines of the place."""
    painter = config.decoder
    assert painter is not None
    pixels = 3 * config.patch_size**2
    return {
        **NORMS,
        "image.class_token": normal(0.02),
        "image.decoder.mask_token": normal(0.02),
        "image.positions": table(sines(config.blocks.width, config.grid)),
        "image.decoder.positions": table(sines(painter.width, config.grid)),
        "image.patches.weight": glorot(pixels, config.blocks.width),
        "image.patches.bias": uniform(pixels**-0.5),
        "image.decoder.embed.weight": glorot(config.blocks.width, painter.width),
        "image.decoder.pixels.weight": glorot(painter.width, pixels),
        "image.decoder.*.attention.qkv.weight": glorot(painter.width, 3 * painter.width),
        **_glorot("image.decoder", painter),
        "image.*.attention.qkv.weight": glorot(config.blocks.width, 3 * config.blocks.width),
        **_glorot("image", config.blocks),
        "*.bias": constant(0.0),
    }


def prior(config: PriorConfig) -> Rules:
    """Blocks as CLIP's text tower, which are GPT's; at the start every code is nearly as likely as the others."""
    return {
        **NORMS,
        "image.codes.weight": normal(0.02),
        "image.places.weight": normal(0.02),
        **_by_depth("image", config.blocks),
        "*bias": constant(0.0),
    }


def sines(width: int, grid: int) -> Float[torch.Tensor, "n D"]:
    """The table of positions of MAE: zeros for the class token, then a quarter each sin x, cos x, sin y, cos y.

    Frequencies fall from 1 to 1 / 10,000. `width` is a multiple of 4.
    """
    rates = 10_000 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(grid, dtype=torch.float64)[:, None] * rates
    along = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = along.repeat(grid, 1), along.repeat_interleave(grid, dim=0)
    return torch.cat([torch.zeros(1, width, dtype=torch.float64), torch.cat([columns, rows], dim=1)]).float()


def constant(value: float) -> First:
    """The same number everywhere."""
    return lambda x, draw: x.fill_(value)


def normal(deviation: float) -> First:
    """Normal around 0."""
    return lambda x, draw: x.normal_(0, deviation, generator=draw)


def uniform(bound: float) -> First:
    """Uniform between −bound and bound."""
    return lambda x, draw: x.uniform_(-bound, bound, generator=draw)


def glorot(inputs: int, outputs: int) -> First:
    """Uniform with the variance 2 / (inputs + outputs): Glorot's, or Xavier's."""
    return uniform((6 / (inputs + outputs)) ** 0.5)


def lecun(inputs: int) -> First:
    """Normal with the variance 1 / inputs, cut at two deviations: LeCun's."""
    wide = inputs**-0.5 / CUT
    return lambda x, draw: torch.nn.init.trunc_normal_(x, std=wide, a=-2 * wide, b=2 * wide, generator=draw)


def table(values: Float[torch.Tensor, "n D"]) -> First:
    """These numbers."""
    return lambda x, draw: x.copy_(values)


def _glorot(tower: str, blocks: Blocks) -> Rules:
    """Glorot's for each of q, k and v, and for the other matrices of all blocks below `tower`."""
    return {
        f"{tower}.*.attention.*.weight": glorot(blocks.width, blocks.width),
        f"{tower}.*.mlp.*.weight": glorot(blocks.width, blocks.hidden),
    }


def _by_depth(tower: str, blocks: Blocks) -> Rules:
    """What adds to the residual stream begins smaller the more blocks there are."""
    residual = blocks.width**-0.5 * (2 * blocks.depth) ** -0.5
    return {
        f"{tower}.*.attention.qkv.weight": normal(blocks.width**-0.5),
        f"{tower}.*.attention.out.weight": normal(residual),
        f"{tower}.*.mlp.fc1.weight": normal((2 * blocks.width) ** -0.5),
        f"{tower}.*.mlp.fc2.weight": normal(residual),
    }


NORMS: Rules = {"*norm*.weight": constant(1.0), "*norm*.bias": constant(0.0)}
