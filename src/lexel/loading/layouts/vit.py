"""ViT and DeiT as Hugging Face writes them, as timm does, and under the names of the first repositories.

config.json    model_type vit, deit; or timm's "architecture": vit_…, deit_…, flexivit_…
keys           encoder.layer.… on disk, layers.… in the memory of transformers 5; below vit., deit. where is a head
timm           blocks.….attn.qkv, cls_token, pos_embed; the first repositories have the same names and no settings
"""

import re
from dataclasses import replace
from math import isqrt

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import blocks, checked, written
from lexel.loading.layouts.openclip import TRUNK_BLOCK
from lexel.loading.processor import KERNELS
from lexel.loading.table import Table, depth
from lexel.nn.positions import Resampling
from lexel.pictures.prepare import Preparation, Shortest, Squash
from lexel.pictures.published import IMAGENET_MEAN, IMAGENET_STD, deit, vit
from lexel.towers._config import Blocks
from lexel.towers.vit import ViTConfig

OUTSIDE = Table.of("""
    image.class_token           embeddings.cls_token                    [1,1,D]
    image.distillation_token    embeddings.distillation_token           [1,1,D]
    image.positions             embeddings.position_embeddings          [1,N,D]
    image.patches               embeddings.patch_embeddings.projection
    image.norm_out              layernorm
""")

DISK_BLOCK = Table.of("""
    norm1            layernorm_before
    attention.qkv    attention.attention.{query,key,value}
    attention.out    attention.output.dense
    norm2            layernorm_after
    mlp.fc1          intermediate.dense
    mlp.fc2          output.dense
""")

MEMORY_BLOCK = Table.of("""
    norm1            layernorm_before
    attention.qkv    attention.{q,k,v}_proj
    attention.out    attention.o_proj
    norm2            layernorm_after
    mlp              mlp
""")

TIMM = Table.of("""
    image.class_token           cls_token                               [1,1,D]
    image.distillation_token    dist_token                              [1,1,D]
    image.positions             pos_embed                               [1,N,D]
    image.patches               patch_embed.proj
    image.norm_out              norm
""")
TIMM += TRUNK_BLOCK.under("image.transformer.blocks.*", "blocks.*")

DISK, MEMORY = "encoder.layer", "layers"  # where the blocks are
KEYS = {
    DISK: OUTSIDE + DISK_BLOCK.under("image.transformer.blocks.*", f"{DISK}.*"),
    MEMORY: OUTSIDE + MEMORY_BLOCK.under("image.transformer.blocks.*", f"{MEMORY}.*"),
}
MARKS = {DISK: f"{DISK}.0.attention.attention.query.weight", MEMORY: f"{MEMORY}.0.attention.q_proj.weight"}
TIMM_MARK = "blocks.0.attn.qkv.weight"

BASE = Blocks(768, 12, 12, 3072, "gelu", eps=1e-12)
FLEXIBLE = {384: "small", 768: "base", 1024: "large"}  # widths of the published FlexiViTs
WIDE_HEADS = (1280, 1408, 1664)  # widths with 16 heads; all other heads are 64 wide
TIMM_NAME = re.compile(r"(vit|deit|flexivit)_(?!.*(clip|dino|siglip))")  # towers of other families have vit_ names, too

UNUSED = ("classifier.", "cls_classifier.", "distillation_classifier.", "pooler.", "decoder.", "embeddings.mask_token")
TIMM_UNUSED = ("head.", "head_dist.")


def encoder(fields: Fields, shapes: Shapes, where: str) -> ViTConfig:
    """The ViT of a config.json of Hugging Face."""
    patch, side = fields.size("patch_size", 16)[0], fields.size("image_size", 224)[0]
    distilled = "embeddings.distillation_token" in shapes
    return ViTConfig(blocks(fields, BASE, shapes, where), patch, side // patch, distilled)


def native(fields: Fields, shapes: Shapes) -> ViTConfig:
    """The ViT that shapes under timm's names say. Raises `MissingKeys` and `WrongShape` where they do not."""
    width, _, _, patch = sides(shapes, "patch_embed.proj.weight", 4, subject=fields.subject)
    hidden, _ = sides(shapes, "blocks.0.mlp.fc1.weight", 2, subject=fields.subject)
    _, rows, _ = sides(shapes, "pos_embed", 3, subject=fields.subject)
    heads = fields.table("model_args").count("num_heads", 16 if width in WIDE_HEADS else max(1, width // 64))
    made = Blocks(width, depth(list(shapes), "blocks"), heads, hidden, "gelu", eps=1e-6)
    distilled = "dist_token" in shapes
    placed = isqrt(rows) ** 2 != rows  # a square and one more, or two more, is no square
    grid = isqrt(rows - (1 + distilled) * placed)
    return ViTConfig(checked(made, shapes, "blocks", fields.subject), patch, grid, distilled, placed)


def native_preparation(fields: Fields, side: int) -> Preparation:
    """What timm says of pictures in "pretrained_cfg"; where it says nothing, as ImageNet is classified.

    The shorter side becomes side / crop_pct, the centre is cut out; or both sides do ("squash").
    """
    said = fields.table("pretrained_cfg") if "pretrained_cfg" in fields else fields
    mode, kernel, share = said.text("crop_mode", "center"), said.text("interpolation", "bicubic"), 0.875
    share = said.number("crop_pct", share)
    if mode not in ("center", "squash") or kernel not in KERNELS or not 0.1 <= share <= 1:
        why = f"crop_mode {mode[:20]!r}, crop_pct {share}, interpolation {kernel[:20]!r}: lexel cannot prepare so"
        raise LoadError(why, subject=fields.subject)
    edge = int(side / share)
    return Preparation(
        Squash((edge, edge)) if mode == "squash" else Shortest(edge),
        crop=(side, side),
        rounding="even",
        kernel=KERNELS[kernel],
        mean=said.three("mean", IMAGENET_MEAN),
        std=said.three("std", IMAGENET_STD),
    )


def written_encoder(config: ViTConfig) -> dict[str, JSON]:
    """The fields of a ViT in a config.json of Hugging Face."""
    size: dict[str, JSON] = {"image_size": config.grid * config.patch_size, "patch_size": config.patch_size}
    return written(config.blocks) | size


def _parts(fields: Fields, shapes: Shapes, where: str) -> Parts:
    config = encoder(fields, shapes, where)
    side = fields.size("image_size", 224)[0]
    return Parts(config, None, deit(side) if fields.text("model_type") == "deit" else vit(side))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, ViTConfig)
    if not config.placed:
        return {}  # transformers has no ViT whose class token has no position
    name, kind = ("DeiTModel", "deit") if config.distilled else ("ViTModel", "vit")
    return written_encoder(config) | {"architectures": [name], "model_type": kind}


def _timm_parts(fields: Fields, shapes: Shapes) -> Parts:
    stretched = Resampling(antialias="architecture" in fields)  # timm's own way; the first repositories pick cells
    config = replace(native(fields, shapes), resampling=stretched)
    return Parts(config, None, native_preparation(fields, config.grid * config.patch_size))


def _timm_settings(parts: Parts) -> dict[str, JSON]:
    """Of FlexiViT alone: everything else is written as Hugging Face does."""
    config = parts.image
    assert isinstance(config, ViTConfig)
    if config.placed or config.distilled or config.blocks.width not in FLEXIBLE:
        return {}
    side = config.grid * config.patch_size
    return {
        "architecture": f"flexivit_{FLEXIBLE[config.blocks.width]}",
        "num_classes": 0,
        "num_features": config.blocks.width,
        "model_args": {"patch_size": config.patch_size, "img_size": side},
        "pretrained_cfg": {"input_size": [3, side, side]},
    }


def _hugging_face(name: str, where: str) -> Layout:
    return Layout(
        f"ViT, DeiT (Hugging Face{name})",
        file="config.json",
        family=lambda fields: fields.text("model_type") in ("vit", "deit"),
        marks=(MARKS[where],),
        keys=KEYS[where],
        parts=lambda fields, shapes: _parts(fields, shapes, where),
        image="lexel.towers.vit:ViTImage",
        prefixes=("", "vit.", "deit."),
        unused=UNUSED,
        settings=None if name else _settings,
    )


LAYOUTS = [
    _hugging_face("", DISK),
    _hugging_face(", names in memory", MEMORY),
    Layout(
        "ViT, DeiT, FlexiViT (timm)",
        file="config.json",
        family=lambda fields: bool(TIMM_NAME.match(fields.text("architecture"))),
        marks=(TIMM_MARK,),
        keys=TIMM,
        parts=_timm_parts,
        image="lexel.towers.vit:ViTImage",
        unused=TIMM_UNUSED,
        settings=_timm_settings,
    ),
    Layout(
        "ViT, DeiT (first repositories)",
        file="",
        family=lambda fields: True,
        marks=(TIMM_MARK,),
        keys=TIMM,
        parts=_timm_parts,
        image="lexel.towers.vit:ViTImage",
        unused=TIMM_UNUSED,
    ),
]
