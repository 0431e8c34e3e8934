"""DINOv2 as Hugging Face writes it, with registers and without, and under the names of its own repository.

config.json    model_type dinov2, dinov2_with_registers; under dinov2.…, dinov2_with_registers.… in models with a head
keys           encoder.layer.…: attention.attention.query in files, attention.q_proj in the memory of transformers 5
its own        blocks.…, ls1.gamma: no settings, all but the heads from the shapes; heads are 64 wide in all of them

The MLP of the largest model is a gated one, under names of its own.
"""

from dataclasses import replace
from math import isqrt

from lexel.errors import LoadError, UnknownLayout
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked, written
from lexel.loading.table import Table, depth
from lexel.nn.positions import Resampling
from lexel.pictures.published import dinov2
from lexel.towers._config import Blocks
from lexel.towers.dinov2 import Dinov2Config

OUTSIDE = Table.of("""
    image.class_token        embeddings.cls_token                      [1,1,D]
    image.registers          embeddings.register_tokens                [1,N,D]
    image.positions          embeddings.position_embeddings            [1,N,D]
    image.patches            embeddings.patch_embeddings.projection
    image.norm_out           layernorm
""")

NORMS = Table.of("""
    norm1                    norm1
    norm2                    norm2
    scale1.weight            layer_scale1.lambda1
    scale2.weight            layer_scale2.lambda1
""")

FILE = NORMS + Table.of("""
    attention.qkv            attention.attention.{query,key,value}
    attention.out            attention.output.dense
""")

MEMORY = NORMS + Table.of("""
    attention.qkv            attention.{q,k,v}_proj
    attention.out            attention.o_proj
""")

PLAIN = Table.of("""
    mlp                      mlp
""")

FILE_GATED = Table.of("""
    mlp.fc1                  mlp.weights_in
    mlp.fc2                  mlp.weights_out
""")

MEMORY_GATED = Table.of("""
    mlp.fc1                  mlp.{gate,up}_proj
    mlp.fc2                  mlp.down_proj
""")

OWN_OUTSIDE = Table.of("""
    image.class_token        cls_token                                 [1,1,D]
    image.registers          register_tokens                           [1,N,D]
    image.positions          pos_embed                                 [1,N,D]
    image.patches            patch_embed.proj
    image.norm_out           norm
""")

OWN_NORMS = Table.of("""
    norm1                    norm1
    norm2                    norm2
    scale1.weight            ls1.gamma
    scale2.weight            ls2.gamma
""")

OWN = OWN_NORMS + Table.of("""
    attention.qkv            attn.qkv
    attention.out            attn.proj
""")

OWN_GATED = Table.of("""
    mlp.fc1                  mlp.w12
    mlp.fc2                  mlp.w3
""")

TOWER = "lexel.towers.dinov2:Dinov2Image"
BASE = Blocks(768, 12, 12, 3072, "gelu", eps=1e-6)
REGISTERS = "dinov2_with_registers"
CLASSES = {"dinov2": "Dinov2Model", REGISTERS: "Dinov2WithRegistersModel"}
OFFSET = 0.1  # of positions, where its own repository builds a model without registers


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    if not fields.flag("qkv_bias", True):
        raise LoadError("qkv_bias is false; lexel builds DINOv2 with it alone", subject=fields.subject)
    width, gated = fields.count("hidden_size", BASE.width), _gated(fields)
    blocks = Blocks(
        width,
        depth=fields.count("num_hidden_layers", BASE.depth),
        heads=fields.count("num_attention_heads", BASE.heads),
        hidden=_hidden(width, fields.count("mlp_ratio", 4), gated),
        activation="silu" if gated else fields.text("hidden_act", BASE.activation),
        eps=fields.number("layer_norm_eps", BASE.eps),
    )
    registers = fields.count("num_register_tokens", 4) if fields.text("model_type") == REGISTERS else 0
    patch = fields.size("patch_size", 16 if registers else 14)[0]
    config = Dinov2Config(
        checked(blocks, shapes, "encoder.layer", fields.subject),
        patch_size=patch,
        grid=fields.size("image_size", 224)[0] // patch,
        registers=registers,
        resampling=Resampling(antialias=registers > 0, offset=fields.number("interpolate_offset", 0.0)),
        gated=gated,
    )
    return Parts(config, None, dinov2())


def _settings(parts: Parts, gated: bool) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, Dinov2Config)
    width, hidden = config.blocks.width, config.blocks.hidden
    ratio = next((ratio for ratio in range(1, 9) if _hidden(width, ratio, gated) == hidden), None)
    if config.gated != gated or not ratio:
        return {}
    kind = REGISTERS if config.registers else "dinov2"
    said = written(config.blocks) | {
        "architectures": [CLASSES[kind]],
        "model_type": kind,
        "use_swiglu_ffn": gated,
        "mlp_ratio": ratio,
        "image_size": config.grid * config.patch_size,
        "patch_size": config.patch_size,
    }
    del said["intermediate_size"]  # the ratio says it
    if gated:
        del said["hidden_act"]  # of the other MLP
    if config.registers:
        said["num_register_tokens"] = config.registers
    if config.resampling.offset:
        said["interpolate_offset"] = config.resampling.offset  # ours: transformers reads over it
    return said


def _own_parts(fields: Fields, shapes: Shapes) -> Parts:
    if "mask_token" not in shapes:
        raise UnknownLayout("has DINOv2's names without its mask_token: another repository's", subject=fields.subject)
    gated = "blocks.0.mlp.w12.weight" in shapes
    width, _, _, patch = sides(shapes, "patch_embed.proj.weight", 4, subject=fields.subject)
    _, hidden = sides(shapes, f"blocks.0.mlp.{'w3' if gated else 'fc2'}.weight", 2, subject=fields.subject)
    _, rows, _ = sides(shapes, "pos_embed", 3, subject=fields.subject)
    registers = sides(shapes, "register_tokens", 3, subject=fields.subject)[1] if "register_tokens" in shapes else 0
    blocks = Blocks(
        width,
        depth(list(shapes), "blocks"),
        heads=max(1, width // 64),
        hidden=hidden,
        activation="silu" if gated else "gelu",
        eps=1e-6,
    )
    config = Dinov2Config(
        checked(blocks, shapes, "blocks", fields.subject),
        patch_size=patch,
        grid=isqrt(rows - 1),
        registers=registers,
        resampling=Resampling(antialias=True) if registers else Resampling(offset=OFFSET),
        gated=gated,
    )
    return Parts(config, None, replace(dinov2(), rounding="even"))


def _gated(fields: Fields) -> bool:
    return fields.flag("use_swiglu_ffn", False)


def _hidden(width: int, ratio: int, gated: bool) -> int:
    """The width inside the MLP; two thirds of it where it is gated, rounded up to a multiple of eight."""
    return (int(width * ratio * 2 / 3) + 7) // 8 * 8 if gated else width * ratio


def _of_transformers(block: Table, *, gated: bool, memory: bool = False) -> Layout:
    mark = "attention.q_proj" if memory else "attention.attention.query"
    return Layout(
        f"DINOv2 (Hugging Face{', names in memory' if memory else ''})",
        file="config.json",
        family=lambda fields: fields.text("model_type") in CLASSES and _gated(fields) == gated,
        marks=(f"encoder.layer.0.{mark}.weight",),
        keys=OUTSIDE + block.under("image.transformer.blocks.*", "encoder.layer.*"),
        parts=_parts,
        image=TOWER,
        prefixes=("", "dinov2.", "dinov2_with_registers."),
        unused=("embeddings.mask_token", "classifier."),
        settings=None if memory else lambda parts: _settings(parts, gated),
    )


def _of_its_own(block: Table, *, mark: str) -> Layout:
    return Layout(
        "DINOv2 (its own repository)",
        file="",
        family=lambda fields: True,
        marks=(mark,),
        keys=OWN_OUTSIDE + block.under("image.transformer.blocks.*", "blocks.*"),
        parts=_own_parts,
        image=TOWER,
        unused=("mask_token",),
    )


LAYOUTS = [
    _of_transformers(FILE + PLAIN, gated=False),
    _of_transformers(FILE + FILE_GATED, gated=True),
    _of_transformers(MEMORY + PLAIN, gated=False, memory=True),
    _of_transformers(MEMORY + MEMORY_GATED, gated=True, memory=True),
    _of_its_own(OWN + OWN_GATED, mark="blocks.0.mlp.w12.weight"),
    _of_its_own(OWN + PLAIN, mark="blocks.0.ls1.gamma"),
]
