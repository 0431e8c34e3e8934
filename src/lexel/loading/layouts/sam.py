"""SAM's image tower as Hugging Face writes it, and as Meta does; alone or in the whole model.

config.json    model_type sam_vision_model, or sam with the tower's settings in vision_config
keys           vision_encoder.…; of a whole model prompts and masks stay where they are
Meta           image_encoder.…, or without that word; no settings: everything is in the shapes
"""

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked, written
from lexel.loading.table import Table, depth
from lexel.pictures.published import sam
from lexel.towers._config import Blocks
from lexel.towers.sam import SamConfig

BLOCK = Table.of("""
    norm1                       layer_norm1
    attention.qkv               attn.qkv
    attention.out               attn.proj
    attention.rows              attn.rel_pos_h
    attention.columns           attn.rel_pos_w
    norm2                       layer_norm2
    mlp.fc1                     mlp.lin1
    mlp.fc2                     mlp.lin2
""")
KEYS = Table.of("""
    image.patches               vision_encoder.patch_embed.projection
    image.positions             vision_encoder.pos_embed                [1,h,w,D]
    image.neck.linear.weight    vision_encoder.neck.conv1.weight        [O,D,1,1]
    image.neck.norm1            vision_encoder.neck.layer_norm1
    image.neck.conv             vision_encoder.neck.conv2
    image.neck.norm2            vision_encoder.neck.layer_norm2
""")
KEYS += BLOCK.under("image.blocks.*", "vision_encoder.layers.*")

META_BLOCK = Table.of("""
    norm1                       norm1
    norm2                       norm2
""")
META = Table.of("""
    image.patches               patch_embed.proj
    image.positions             pos_embed                               [1,h,w,D]
    image.neck.linear.weight    neck.0.weight                           [O,D,1,1]
    image.neck.norm1            neck.1
    image.neck.conv             neck.2
    image.neck.norm2            neck.3
""")
META += (META_BLOCK + BLOCK).under("image.blocks.*", "blocks.*")

BASE = Blocks(768, 12, 12, 3072, "gelu", eps=1e-6)
EVERYWHERE = (2, 5, 8, 11)
UNUSED = ("prompt_encoder.", "mask_decoder.", "shared_image_embedding.")


def _is_sam(fields: Fields) -> bool:
    return fields.text("model_type") in ("sam", "sam_vision_model")


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    half = fields if fields.text("model_type") == "sam_vision_model" else fields.table("vision_config")
    for name in ("use_abs_pos", "use_rel_pos", "qkv_bias"):
        if not half.flag(name, True):
            raise LoadError(f"{name} is false, which no published SAM has", subject=fields.subject)
    width = half.count("hidden_size", BASE.width)
    blocks = Blocks(
        width,
        depth=half.count("num_hidden_layers", BASE.depth),
        heads=half.count("num_attention_heads", BASE.heads),
        hidden=half.count("mlp_dim", 1) if "mlp_dim" in half else int(width * half.number("mlp_ratio", 4.0)),
        activation=half.text("hidden_act", BASE.activation),
        eps=half.number("layer_norm_eps", BASE.eps),
    )
    patch, side = half.count("patch_size", 16), half.count("image_size", 1024)
    if patch > side:
        raise LoadError(f"a patch of {patch} is larger than a picture of {side}", subject=fields.subject)
    config = SamConfig(
        checked(blocks, shapes, "vision_encoder.layers", fields.subject),
        patch_size=patch,
        grid=side // patch,
        window=half.count("window_size", 14),
        everywhere=_everywhere(half, blocks.depth),
        embed_dim=half.count("output_channels", 256),
    )
    return Parts(config, None, sam(side))


def _everywhere(half: Fields, depth: int) -> tuple[int, ...]:
    """The blocks without windows."""
    said = half.values.get("global_attn_indexes", [*EVERYWHERE])
    if not isinstance(said, list) or not all(type(i) is int and 0 <= i < depth for i in said):
        raise LoadError(
            f"global_attn_indexes is {said!r}"[:80] + f", expected blocks of 0…{depth - 1}", subject=half.subject
        )
    return tuple(i for i in said if isinstance(i, int))


def _meta_parts(fields: Fields, shapes: Shapes) -> Parts:
    """A vector of relative positions is as wide as a head; the tables say who has windows, and how large they are."""

    def shape(name: str, dimensions: int) -> tuple[int, ...]:
        return sides(shapes, name, dimensions, subject=fields.subject)

    width, _, patch, _ = shape("patch_embed.proj.weight", 4)
    _, grid, _, _ = shape("pos_embed", 4)
    tables = [shape(f"blocks.{i}.attn.rel_pos_h", 2) for i in range(depth(list(shapes), "blocks"))]
    reaches = [(rows + 1) // 2 for rows, _ in tables]
    hidden, head = shape("blocks.0.mlp.lin1.weight", 2)[0], shape("blocks.0.attn.rel_pos_h", 2)[1]
    config = SamConfig(
        Blocks(width, len(tables), max(1, width // head), hidden, BASE.activation, BASE.eps),
        patch_size=patch,
        grid=grid,
        window=min(reaches),
        everywhere=tuple(i for i, reach in enumerate(reaches) if reach == grid),
        embed_dim=shape("neck.0.weight", 4)[0],
    )
    checked(config.blocks, shapes, "blocks", fields.subject)
    return Parts(config, None, sam(grid * patch))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, SamConfig)
    fields = written(config.blocks)
    return fields | {
        "architectures": ["SamVisionModel"],
        "model_type": "sam_vision_model",
        "mlp_dim": fields.pop("intermediate_size"),
        "image_size": config.grid * config.patch_size,
        "patch_size": config.patch_size,
        "window_size": config.window,
        "global_attn_indexes": [*config.everywhere],
        "output_channels": config.embed_dim,
    }


LAYOUTS = [
    Layout(
        "SAM (Hugging Face)",
        file="config.json",
        family=_is_sam,
        marks=("vision_encoder.pos_embed",),
        keys=KEYS,
        parts=_parts,
        image="lexel.towers.sam:SamImage",
        unused=UNUSED,
        settings=_settings,
    ),
    Layout(
        "SAM (Meta)",
        file="",
        family=lambda fields: True,
        marks=("neck.0.weight",),
        keys=META,
        parts=_meta_parts,
        image="lexel.towers.sam:SamImage",
        prefixes=("", "image_encoder."),
        unused=UNUSED,
    ),
]
