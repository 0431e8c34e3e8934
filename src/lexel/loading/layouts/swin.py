"""Swin as Hugging Face writes it, and as Microsoft's own files have it.

    config.json    model_type swin
    keys           encoder.layers.s.blocks.b.…, alone or under swin. of models with a head
    Microsoft      layers.s.blocks.b.attn.…, no settings: everything is read from the shapes

Hugging Face has two spellings: what transformers writes to disk, and the names of transformers 5 in memory, which some
tools write as they are.
"""

from collections.abc import Sequence
from math import isqrt

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked, counts
from lexel.loading.table import Table, depth
from lexel.pictures.published import squashed
from lexel.towers._config import Blocks
from lexel.towers._swin import SwinConfig

FRAME = Table.of("""
    image.patches                   embeddings.patch_embeddings.projection
    image.norm_in                   embeddings.norm
    image.norm_out                  layernorm
    image.layers.*.merge.norm       encoder.layers.*.downsample.norm
    image.layers.*.merge.linear     encoder.layers.*.downsample.reduction
""")

BLOCK = Table.of("""
    norm1                           layernorm_before
    attention.qkv                   attention.self.{query,key,value}
    attention.out                   attention.output.dense
    attention.positions             attention.self.relative_position_bias_table
    norm2                           layernorm_after
    mlp.fc1                         intermediate.dense
    mlp.fc2                         output.dense
""")

MEMORY_BLOCK = Table.of("""
    norm1                           layernorm_before
    attention.qkv                   attention.{q,k,v}_proj
    attention.out                   attention.o_proj
    attention.positions             attention.relative_position_bias.relative_position_bias_table
    norm2                           layernorm_after
    mlp                             mlp
""")

MICROSOFT = Table.of("""
    image.patches                   patch_embed.proj
    image.norm_in                   patch_embed.norm
    image.norm_out                  norm
    image.layers.*.merge.norm       layers.*.downsample.norm
    image.layers.*.merge.linear     layers.*.downsample.reduction
""")

MICROSOFT_BLOCK = Table.of("""
    norm1                           norm1
    attention.qkv                   attn.qkv
    attention.out                   attn.proj
    attention.positions             attn.relative_position_bias_table
    norm2                           norm2
    mlp                             mlp
""")

OURS, THEIRS, NATIVE = "image.layers.*.blocks.*", "encoder.layers.*.blocks.*", "layers.*.blocks.*"
FIRST = "encoder.layers.0.blocks.0.attention"
TABLE = "relative_position_bias_table"
HEADS = ("classifier.", "decoder.", "embeddings.mask_token")

# Options that change the arithmetic, and the one value of each that any published model has.
BUILT: dict[str, JSON] = {"use_absolute_embeddings": False, "qkv_bias": True, "num_channels": 3}


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    config = config_of(fields, shapes)
    return Parts(config, None, squashed(config.side))


def config_of(fields: Fields, shapes: Shapes) -> SwinConfig:
    """What config.json says of a Swin of either version. Raises `LoadError` for what lexel does not build."""
    for option, value in BUILT.items():
        if (found := fields.values.get(option, value)) != value:
            raise LoadError(f"{option} is {found!r}; lexel builds {value!r} alone", subject=fields.subject)
    config = SwinConfig(
        patch_size=fields.count("patch_size", 4),
        width=fields.count("embed_dim", 96),
        depths=counts(fields, "depths", (2, 2, 6, 2)),
        heads=counts(fields, "num_heads", (3, 6, 12, 24)),
        window=fields.count("window_size", 7),
        side=fields.size("image_size", 224)[0],
        ratio=fields.number("mlp_ratio", 4.0),
        activation=fields.text("hidden_act", "gelu"),
        eps=fields.number("layer_norm_eps", 1e-5),
    )
    return _checked(config, shapes, "encoder.layers", fields.subject)


def _checked(config: SwinConfig, shapes: Shapes, where: str, subject: str) -> SwinConfig:
    """`config`, where the tensors under `where` are as many and the numbers go together."""
    if len(config.heads) != len(config.depths):
        raise LoadError(f"{len(config.depths)} stages, heads for {len(config.heads)}", subject=subject)
    for stage, (count, heads) in enumerate(zip(config.depths, config.heads, strict=True)):
        width = config.width << stage
        blocks = Blocks(width, count, heads, int(width * config.ratio), config.activation, config.eps)
        checked(blocks, shapes, f"{where}.{stage}.blocks", subject)
        if blocks.hidden < 1:
            raise LoadError(f"mlp_ratio is {config.ratio}, expected more than 0", subject=subject)
    return config


def _microsoft_parts(fields: Fields, shapes: Shapes) -> Parts:
    """The window from the table of displacements; in all published models the last stage is one window."""
    tables = [f"layers.{stage}.blocks.0.attn.{TABLE}" for stage in stages(shapes)]
    rows = [sides(shapes, table, 2, subject=fields.subject) for table in tables]
    window = (isqrt(rows[0][0]) + 1) // 2
    config = microsoft(shapes, [heads for _, heads in rows], window, window, fields.subject)
    return Parts(config, None, squashed(config.side))


def microsoft(shapes: Shapes, heads: Sequence[int], window: int, last: int, subject: str) -> SwinConfig:
    """What the shapes say; `last` is the side of the one window of the last stage."""
    width, _, _, patch = sides(shapes, "patch_embed.proj.weight", 4, subject=subject)
    config = SwinConfig(
        patch_size=patch,
        width=width,
        depths=tuple(depth(list(shapes), f"layers.{stage}.blocks") for stage in stages(shapes)),
        heads=tuple(heads),
        window=window,
        side=last * patch << len(heads) - 1,
        ratio=sides(shapes, "layers.0.blocks.0.mlp.fc1.weight", 2, subject=subject)[0] / width,
    )
    return _checked(config, shapes, "layers", subject)


def stages(shapes: Shapes) -> range:
    """The stages of Microsoft's keys."""
    return range(depth(list(shapes), "layers"))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, SwinConfig)
    return written(config) | {"architectures": ["SwinModel"], "model_type": "swin"}


def written(config: SwinConfig) -> dict[str, JSON]:
    """The fields that both versions have."""
    return {
        "image_size": config.side,
        "patch_size": config.patch_size,
        "embed_dim": config.width,
        "depths": [*config.depths],
        "num_heads": [*config.heads],
        "window_size": config.window,
        "mlp_ratio": config.ratio,
        "hidden_act": config.activation,
        "layer_norm_eps": config.eps,
    }


LAYOUTS = [
    Layout(
        "Swin (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "swin",
        marks=(f"{FIRST}.self.{TABLE}",),
        keys=FRAME + BLOCK.under(OURS, THEIRS),
        parts=_parts,
        image="lexel.towers.swin:Swin",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "swin."),
        unused=HEADS,
        settings=_settings,
    ),
    Layout(
        "Swin (Hugging Face, names in memory)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "swin",
        marks=(f"{FIRST}.relative_position_bias.{TABLE}",),
        keys=FRAME + MEMORY_BLOCK.under(OURS, THEIRS),
        parts=_parts,
        image="lexel.towers.swin:Swin",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "swin."),
        unused=HEADS,
    ),
    Layout(
        "Swin (Microsoft)",
        file="",
        family=lambda fields: True,
        marks=(f"layers.0.blocks.0.attn.{TABLE}",),
        keys=MICROSOFT + MICROSOFT_BLOCK.under(OURS, NATIVE),
        parts=_microsoft_parts,
        image="lexel.towers.swin:Swin",
        model="lexel.towers._hierarchy:Hierarchy",
        unused=("head.",),
    ),
]
