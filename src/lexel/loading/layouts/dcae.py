"""DC-AE as diffusers writes it.

config.json    _class_name AutoencoderDC; weights in diffusion_pytorch_model.safetensors
keys           encoder.down_blocks.level.block.…, decoder.up_blocks.level.block.…, 0 the finest in both
"""

from collections.abc import Sequence

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders.dcae import DCAEConfig, Half, Level
from lexel.errors import LoadError, MissingKeys
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._diffusers import WEIGHTS
from lexel.loading.table import Table, depth
from lexel.pictures.published import convolutional

EDGE = 512  # pixels of a side of the published evaluation; no config says for which it was trained
BLOCKS = ("ResBlock", "EfficientViTBlock")
NORMS = ("rms_norm", "batch_norm")
ACTIVATIONS = ("silu", "relu")
SHUFFLED = {"downsample": ("Conv", "pixel_unshuffle"), "upsample": ("interpolate", "pixel_shuffle")}

BLOCK = Table.of("""
    conv                            conv
    conv1                           conv1
    conv2                           conv2
    attention.qkv                   attn.{to_q,to_k,to_v}
    attention.surroundings.*.look   attn.to_qkv_multiscale.*.proj_in
    attention.surroundings.*.mix    attn.to_qkv_multiscale.*.proj_out
    attention.out                   attn.to_out
    attention.norm                  attn.norm_out
    up                              conv_out.conv_inverted
    depth                           conv_out.conv_depth
    down                            conv_out.conv_point
""")
RESIDUAL, ATTENTION = Table.of("norm norm"), Table.of("norm conv_out.norm")


def _keys(parts: Parts) -> Table:
    """A level's blocks are all of one kind, which its last norm is called after."""
    config = parts.image
    assert isinstance(config, DCAEConfig)
    rules = Table(())
    for ours, theirs, half in (
        ("image.encoder", "encoder.down_blocks", config.encoder),
        ("image.decoder", "decoder.up_blocks", config.decoder),
    ):
        for i, level in enumerate(half.levels):
            norm = RESIDUAL if level.kernels is None else ATTENTION
            rules += (BLOCK + norm).under(f"{ours}.levels.{i}.*", f"{theirs}.{i}.*")
    return rules + Table.of("image.encoder encoder\nimage.decoder decoder")


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    latent, head = fields.count("latent_channels", 32), fields.count("attention_head_dim", 32)
    encoder = _half(fields, shapes, "encoder", "encoder.down_blocks", "downsample", shortcut="encoder_out_shortcut")
    decoder = _half(fields, shapes, "decoder", "decoder.up_blocks", "upsample", shortcut="decoder_in_shortcut")
    for level in (*encoder.levels, *decoder.levels):
        if level.kernels is not None and level.width % head:
            raise LoadError(f"a width of {level.width} is no multiple of heads of {head}", subject=fields.subject)
    if fields.count("in_channels", 3) != 3 or len(encoder.levels) != len(decoder.levels):
        raise LoadError("in_channels or the levels of the two halves do not fit pictures", subject=fields.subject)
    config = DCAEConfig(
        encoder=encoder,
        decoder=decoder,
        latent=latent,
        head=head,
        activation=_one(fields, "decoder_conv_act_fn", ACTIVATIONS, "relu"),
        scaling=Scaling(fields.number("scaling_factor", 1.0)),
    )
    return Parts(config, None, convolutional(EDGE, 1 << len(encoder.levels) - 1))


def _half(fields: Fields, shapes: Shapes, half: str, where: str, change: str, *, shortcut: str) -> Half:
    widths = _numbers(fields, f"{half}_block_out_channels", (128, 256, 512, 512, 1024, 1024), least=1)
    count = len(widths)
    default = (2, 2, 2, 3, 3, 3) if half == "encoder" else (3, 3, 3, 3, 3, 3)
    blocks = _numbers(fields, f"{half}_layers_per_block", default, least=0)
    kinds = _each(fields, f"{half}_block_types", BLOCKS, "ResBlock", count)
    kernels = fields.values.get(f"{half}_qkv_multiscales", [[], [], [], [5], [5], [5]])
    norms = _each(fields, "decoder_norm_types", NORMS, "rms_norm", count)
    acts = _each(fields, "decoder_act_fns", ACTIVATIONS, "silu", count)
    if not isinstance(kernels, list) or {len(kernels), len(blocks)} != {count} or count < 2 or 0 in blocks[1:]:
        raise LoadError(f"the {half}'s widths, blocks and kernels do not fit", subject=fields.subject)
    levels = [
        Level(
            width=widths[i],
            blocks=blocks[i],
            kernels=_numbers(Fields({"kernels": kernels[i]}, fields.subject), "kernels", (), least=1)
            if kinds[i] == "EfficientViTBlock"
            else None,
            batch_norm=half == "decoder" and norms[i] == "batch_norm",
            activation=acts[i] if half == "decoder" else "silu",
        )
        for i in range(count)
    ]
    for i, level in enumerate(levels):  # and the step to or from the next
        if (found := depth(list(shapes), f"{where}.{i}")) != level.blocks + (bool(level.blocks) and i < count - 1):
            raise MissingKeys(
                f"{level.blocks:,} blocks are said, {found} parts are there: {where}.{i}", subject=fields.subject
            )
    names = SHUFFLED[change]
    shuffled = _one(fields, f"{change}_block_type", names, names[1]) == names[1]
    return Half(levels=tuple(levels), shortcut=fields.flag(shortcut, True), shuffled=shuffled)


def _one(fields: Fields, name: str, known: Sequence[str], default: str) -> str:
    value = fields.text(name, default)
    if value not in known:
        raise LoadError(f"{name} is {value[:40]!r}, expected {' or '.join(known)}", subject=fields.subject)
    return value


def _each(fields: Fields, name: str, known: Sequence[str], default: str, count: int) -> list[str]:
    """A word for each level; one stands for all."""
    values = fields.values.get(name, default)
    words = values if isinstance(values, list) else [values] * count
    if len(words) != count:
        raise LoadError(f"{name} has {len(words)} words for {count} levels", subject=fields.subject)
    return [_one(Fields({name: word}, fields.subject), name, known, default) for word in words]


def _numbers(fields: Fields, name: str, default: Sequence[int], *, least: int) -> tuple[int, ...]:
    values = fields.values.get(name, [*default])
    if not isinstance(values, list) or any(type(value) is not int or value < least for value in values):
        raise LoadError(f"{name} is {values!r}"[:80] + ", expected a list of whole numbers", subject=fields.subject)
    return tuple(value for value in values if isinstance(value, int))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, DCAEConfig)
    fields: dict[str, JSON] = {
        "_class_name": "AutoencoderDC",
        "latent_channels": config.latent,
        "attention_head_dim": config.head,
        "decoder_conv_act_fn": config.activation,
        "downsample_block_type": SHUFFLED["downsample"][config.encoder.shuffled],
        "upsample_block_type": SHUFFLED["upsample"][config.decoder.shuffled],
        "encoder_out_shortcut": config.encoder.shortcut,
        "decoder_in_shortcut": config.decoder.shortcut,
        "decoder_norm_types": [NORMS[level.batch_norm] for level in config.decoder.levels],
        "decoder_act_fns": [level.activation for level in config.decoder.levels],
        "scaling_factor": config.scaling.factor if config.scaling else 1.0,
    }
    for name, half in (("encoder", config.encoder), ("decoder", config.decoder)):
        fields[f"{name}_block_out_channels"] = [level.width for level in half.levels]
        fields[f"{name}_layers_per_block"] = [level.blocks for level in half.levels]
        fields[f"{name}_block_types"] = [BLOCKS[level.kernels is not None] for level in half.levels]
        fields[f"{name}_qkv_multiscales"] = [[*(level.kernels or ())] for level in half.levels]
    return fields


LAYOUTS = [
    Layout(
        "DC-AE (diffusers)",
        file="config.json",
        weights=WEIGHTS,
        family=lambda fields: fields.text("_class_name") == "AutoencoderDC",
        marks=("decoder.norm_out.bias",),
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.dcae:DCAE",
        model="lexel.autoencoders._continuous:Continuous",
        settings=_settings,
    )
]
