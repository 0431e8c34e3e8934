"""Open-MAGVIT2 as TencentARC/SEED-Voken writes it.

keys       encoder.down.0.block.0.conv1.weight, encoder.mid_block.0.…, decoder.adaptive.0.gamma.…; no settings
averages   the same of the mean over training, under names without dots: model_ema.encoderdown0block0conv1weight.
           Where a file has them they are the model, as in the published evaluation
"""

from lexel.autoencoders.magvit2 import MAGVIT2, MAGVIT2Config
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import Fields
from lexel.loading.table import Rule, Table, depth
from lexel.needs import torch
from lexel.pictures.published import convolutional
from lexel.quantizers.lfq import MOST_BITS

KEYS = Table.of("""
    image.encoder.levels.*.*.shortcut   encoder.down.*.block.*.nin_shortcut
    image.encoder.levels.*.*            encoder.down.*.block.*
    image.encoder.steps.*               encoder.down.*.downsample
    image.encoder.middle.*              encoder.mid_block.*
    image.encoder                       encoder
    image.decoder.norms.*.scale         decoder.adaptive.*.gamma
    image.decoder.norms.*.shift         decoder.adaptive.*.beta
    image.decoder.levels.*.*.shortcut   decoder.up.*.block.*.nin_shortcut
    image.decoder.levels.*.*            decoder.up.*.block.*
    image.decoder.middle.*              decoder.mid_block.*
""")


def _keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, MAGVIT2Config)
    steps = (f"image.decoder.steps.{i}.conv decoder.up.{i + 1}.upsample.conv1" for i in range(len(config.widths) - 1))
    return KEYS + Table.of("\n".join(steps)) + Table.of("image.decoder decoder")


def _keys_of_averages(parts: Parts) -> Table:
    """A rule for every tensor: without dots nothing says where a name ends."""
    config, keys = parts.image, _keys(parts)
    assert isinstance(config, MAGVIT2Config)
    with torch.device("meta"):
        ours = [f"image.{name}" for name in MAGVIT2(config).state_dict()]
    return Table(tuple(Rule(name, "model_ema." + keys.find(name)[0][0].replace(".", "")) for name in ours))


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    bits, _, _, _ = sides(shapes, "encoder.conv_out.weight", 4, subject=fields.subject)
    levels = range(depth(list(shapes), "encoder.down"))
    first = (sides(shapes, f"encoder.down.{i}.block.0.conv1.weight", 4, subject=fields.subject)[0] for i in levels)
    widths, blocks = tuple(first), depth(list(shapes), "encoder.mid_block")
    if bits > MOST_BITS or not widths or any(width % 32 for width in widths):
        raise LoadError(
            f"{bits} bits and widths {widths}, expected {MOST_BITS} at most and multiples of 32", subject=fields.subject
        )
    config = MAGVIT2Config(widths=widths, blocks=blocks, bits=bits)
    return Parts(config, None, convolutional(config.edge, 1 << len(widths) - 1))


LAYOUTS = [
    Layout(
        "Open-MAGVIT2, its averages",
        file="",
        family=lambda fields: True,
        marks=("model_ema.encodermid_block0norm1weight",),
        keys=_keys_of_averages,
        parts=_parts,
        image="lexel.autoencoders.magvit2:MAGVIT2",
        model="lexel.autoencoders._discrete:Discrete",
        unused=("encoder.", "decoder.", "loss.", "quantize.", "model_ema.loss", "model_ema.decay", "model_ema.num_"),
    ),
    Layout(
        "Open-MAGVIT2",
        file="",
        family=lambda fields: True,
        marks=("encoder.mid_block.0.norm1.weight",),
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.magvit2:MAGVIT2",
        model="lexel.autoencoders._discrete:Discrete",
        unused=("loss.", "quantize."),
    ),
]
