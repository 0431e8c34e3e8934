"""DALL-E's dVAE under the names of openai/DALL-E, both halves in one file, and its encoder as FLAVA has it.

openai         encoder.blocks.group_1.block_1.res_path.conv_1.w, …, decoder.…; no settings: sizes from shapes.
               It was published as pickles of whole modules, which nothing here opens: put their tensors into one file
config.json    model_type flava_image_codebook: blocks.group_1.group.block_1.…, the encoder alone
"""

from lexel.autoencoders.dvae import WIDER, DVAEConfig
from lexel.errors import MissingKeys
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.table import Table
from lexel.pictures.published import dvae

EDGE = 256  # pixels of a side of DALL-E's pictures
GROUPS = range(len(WIDER) - 1)


def _half(half: str, where: str, config: DVAEConfig, *, group: str, path: str, weight: str, bias: str) -> Table:
    """Groups, blocks and convolutions, which are counted from 1."""
    lines = []
    for ours, theirs in ((f"image.{half}.conv_in", "input"), (f"image.{half}.conv_out", "output.conv")):
        lines += [f"{ours}.weight {where}.{theirs}.{weight}", f"{ours}.bias {where}.{theirs}.{bias}"]
    for i in GROUPS:
        for j in range(config.blocks):
            ours, theirs = f"image.{half}.groups.{i}.{j}", f"{where}.group_{i + 1}.{group}block_{j + 1}"
            parts = {f"path.{k}": f"res_path.{path}conv_{k + 1}" for k in range(4)} | {"shortcut": "id_path"}
            for part, name in parts.items():
                lines += [
                    f"{ours}.{part}.weight {theirs}.{name}.{weight}",
                    f"{ours}.{part}.bias {theirs}.{name}.{bias}",
                ]
    return Table.of("\n".join(lines))


def _keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, DVAEConfig)
    both = Table(())
    for half in ("encoder", "decoder"):
        both += _half(half, f"{half}.blocks", config, group="", path="", weight="w", bias="b")
    return both


def _flava_keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, DVAEConfig)
    return _half("encoder", "blocks", config, group="group.", path="path.", weight="weight", bias="bias")


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    codebook_size, _, _, _ = sides(shapes, "encoder.blocks.output.conv.w", 4, subject=fields.subject)
    width, _, _, _ = sides(shapes, "encoder.blocks.input.w", 4, subject=fields.subject)
    start = shapes.get("decoder.blocks.input.w", (0,))[0]
    config = DVAEConfig(
        codebook_size=codebook_size,
        width=width,
        blocks=_blocks(shapes, "encoder.blocks.group_1.block_{}.res_path.conv_1.w", fields.subject),
        start=start or None,
    )
    return Parts(config, None, dvae(EDGE))


def _flava_parts(fields: Fields, shapes: Shapes) -> Parts:
    config = DVAEConfig(
        codebook_size=fields.count("vocab_size", 8192),
        width=fields.count("hidden_size", 256),
        blocks=fields.count("num_blocks_per_group", 2),
        start=None,
    )
    found = _blocks(shapes, "blocks.group_1.group.block_{}.res_path.path.conv_1.weight", fields.subject)
    if found != config.blocks:
        raise MissingKeys(f"{config.blocks:,} blocks of a group are said, {found} are there", subject=fields.subject)
    return Parts(config, None, dvae(EDGE))


def _blocks(shapes: Shapes, name: str, subject: str) -> int:
    """How many blocks the first group has."""
    found = next(j for j in range(1, len(shapes) + 2) if name.format(j) not in shapes) - 1
    if not found:
        raise MissingKeys(f"{name.format(1)} is missing", subject=subject)
    return found


def _settings(parts: Parts) -> dict[str, JSON]:
    """FLAVA's, for an encoder alone; both halves have no settings in any layout."""
    config = parts.image
    assert isinstance(config, DVAEConfig)
    if config.start:
        return {}
    return {
        "architectures": ["FlavaImageCodebook"],
        "model_type": "flava_image_codebook",
        "vocab_size": config.codebook_size,
        "hidden_size": config.width,
        "num_blocks_per_group": config.blocks,
    }


LAYOUTS = [
    Layout(
        "dVAE's encoder (FLAVA)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "flava_image_codebook",
        marks=("blocks.group_1.group.block_1.res_path.path.conv_1.weight",),
        keys=_flava_keys,
        parts=_flava_parts,
        image="lexel.autoencoders.dvae:DVAE",
        model="lexel.autoencoders._discrete:Discrete",
        prefixes=("", "image_codebook."),
        settings=_settings,
        prepares=False,
    ),
    Layout(
        "dVAE (openai/DALL-E)",
        file="",
        family=lambda fields: True,
        marks=("encoder.blocks.group_1.block_1.res_path.conv_1.w",),
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.dvae:DVAE",
        model="lexel.autoencoders._discrete:Discrete",
    ),
]
