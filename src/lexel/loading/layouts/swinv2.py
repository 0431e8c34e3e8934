"""Swin v2 as Hugging Face writes it, and as Microsoft's own files have it.

config.json    model_type swinv2
keys           encoder.layers.s.blocks.b.…, alone or under swinv2. of models with a head
Microsoft      layers.s.blocks.b.attn.…, no settings: everything is read from the shapes
"""

from dataclasses import asdict
from math import isqrt

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts.swin import (
    BLOCK,
    FIRST,
    FRAME,
    HEADS,
    MICROSOFT,
    MICROSOFT_BLOCK,
    NATIVE,
    OURS,
    THEIRS,
    config_of,
    microsoft,
    stages,
    written,
)
from lexel.loading.table import Table
from lexel.pictures.published import squashed
from lexel.towers.swinv2 import SwinV2Config

BLOCK_V2 = Table.of("""
    attention.qkv.weight            attention.self.{query,key,value}.weight
    attention.qkv.bias              attention.self.{query,value}.bias
    attention.scale                 attention.self.logit_scale
    attention.positions             attention.self.continuous_position_bias_mlp
""")
BLOCK_V2 += BLOCK

MICROSOFT_BLOCK_V2 = Table.of("""
    attention.qkv.bias              attn.{q_bias,v_bias}
    attention.scale                 attn.logit_scale
    attention.positions             attn.cpb_mlp
""")
MICROSOFT_BLOCK_V2 += MICROSOFT_BLOCK

INDEX = "relative_position_index"
# Microsoft widened windows of 12 to 16 and 24; the smaller ones are those that positions were learned in.
LARGEST_FIRST = 12


def _parts_v2(fields: Fields, shapes: Shapes) -> Parts:
    plain = config_of(fields, shapes)
    config = SwinV2Config(**asdict(plain), pretrained=_pretrained(fields, len(plain.depths)))
    if not config.windows(len(plain.depths) - 1)[0]:
        raise LoadError(f"image_size {plain.side} leaves no cell for the last stage", subject=fields.subject)
    return Parts(config, None, squashed(plain.side))


def _pretrained(fields: Fields, stages: int) -> tuple[int, ...]:
    """A number a stage, 0 where windows were never widened; published files may have more."""
    name = "pretrained_window_sizes"
    sizes = fields.values.get(name) or [0] * stages
    if not isinstance(sizes, list) or len(sizes) < stages:
        raise LoadError(f"{name} is no list of {stages} numbers, one a stage", subject=fields.subject)
    return tuple(Fields({name: size}, fields.subject).count(name, 1) if size else 0 for size in sizes[:stages])


def _microsoft_parts_v2(fields: Fields, shapes: Shapes) -> Parts:
    """The windows from the tables of indices, which lie in the files though they hold nothing learned."""
    attentions = [f"layers.{stage}.blocks.0.attn" for stage in stages(shapes)]
    windows = [isqrt(sides(shapes, f"{name}.{INDEX}", 2, subject=fields.subject)[0]) for name in attentions]
    if windows[0] > LARGEST_FIRST:
        raise LoadError(
            f"a window of {windows[0]} may have been widened from a smaller one, and these names do not say which",
            subject=fields.subject,
            hint="its config.json of Hugging Face says so, as pretrained_window_sizes",
        )
    heads = [sides(shapes, f"{name}.logit_scale", 3, subject=fields.subject)[0] for name in attentions]
    plain = microsoft(shapes, heads, windows[0], windows[-1], fields.subject)
    return Parts(SwinV2Config(**asdict(plain), pretrained=(0,) * len(windows)), None, squashed(plain.side))


def _settings_v2(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, SwinV2Config)
    said: dict[str, JSON] = {"architectures": ["Swinv2Model"], "model_type": "swinv2"}
    return written(config) | said | {"pretrained_window_sizes": [*config.pretrained]}


LAYOUTS = [
    Layout(
        "Swin v2 (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "swinv2",
        marks=(f"{FIRST}.self.logit_scale",),
        keys=FRAME + BLOCK_V2.under(OURS, THEIRS),
        parts=_parts_v2,
        image="lexel.towers.swinv2:SwinV2",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "swinv2."),
        unused=HEADS,
        settings=_settings_v2,
    ),
    Layout(
        "Swin v2 (Microsoft)",
        file="",
        family=lambda fields: True,
        marks=("layers.0.blocks.0.attn.logit_scale",),
        keys=MICROSOFT + MICROSOFT_BLOCK_V2.under(OURS, NATIVE),
        parts=_microsoft_parts_v2,
        image="lexel.towers.swinv2:SwinV2",
        model="lexel.towers._hierarchy:Hierarchy",
        unused=("head.",),
    ),
]
