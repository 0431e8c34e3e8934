"""Cosmos's discrete image tokenizers as NVIDIA/Cosmos-Tokenizer names their tensors: `encoder.` to `decoder.`.

keys        as taming-transformers has them, with wider convolutions at both ends; no settings: sizes from shapes
TorchScript encoder.jit and decoder.jit are programs, which nothing here opens: put the tensors of both state dicts
            into one file. Their buffers, of wavelets and levels, are left out
"""

import math

from lexel.autoencoders.cosmos import CosmosConfig
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import Fields
from lexel.loading.layouts._stacks import TAMING
from lexel.loading.table import Table, depth
from lexel.pictures.published import convolutional

ENDS = Table.of("""
    image.quant         quant_conv
    image.post_quant    post_quant_conv
""")

LEVELS = {6: (8, 8, 8, 5, 5, 5)}  # of the published networks, by the numbers of a code: no file says them


def _keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, CosmosConfig)
    rules = ENDS
    for level in range(len(config.widths)):  # whose steps up bear the number of the level that they follow
        rules += Table.of(f"image.decoder.steps.{level} decoder.up.{level}.upsample")
    return rules + TAMING.table(len(config.widths))


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    start, wavelets, _, _ = sides(shapes, "encoder.conv_in.weight", 4, subject=fields.subject)
    numbers, latent, _, _ = sides(shapes, "quant_conv.weight", 4, subject=fields.subject)
    if numbers not in LEVELS or wavelets not in (3 * 4**steps for steps in range(6)):
        raise LoadError(
            f"codes of {numbers} numbers from {wavelets} wavelets, the published have 6 from 48", subject=fields.subject
        )
    levels = range(depth(list(shapes), "encoder.down"))
    first = (sides(shapes, f"encoder.down.{i}.block.0.conv1.weight", 4, subject=fields.subject)[0] for i in levels)
    widths = tuple(first)
    if any(width % 32 for width in (start, *widths)):
        raise LoadError(f"widths {(start, *widths)} are no multiples of 32 groups", subject=fields.subject)
    config = CosmosConfig(
        start=start,
        widths=widths,
        blocks=depth(list(shapes), "encoder.down.0.block"),
        halved=sum(f"encoder.down.{i}.downsample.conv.weight" in shapes for i in levels),
        patch=math.isqrt(wavelets // 3),
        latent=latent,
        levels=LEVELS[numbers],
    )
    return Parts(config, None, convolutional(config.edge, config.patch << config.halved))


LAYOUTS = [
    Layout(
        "Cosmos's discrete image tokenizer",
        file="",
        family=lambda fields: True,
        marks=("encoder.down.0.block.0.nin_shortcut.weight",),  # the others of these names keep the first width
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.cosmos:Cosmos",
        model="lexel.autoencoders._discrete:Discrete",
        unused=("encoder.patcher.", "decoder.unpatcher.", "quantizer.", "inv_quant."),
    )
]
