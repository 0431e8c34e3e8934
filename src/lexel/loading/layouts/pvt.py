"""PVT and PVT v2, as Hugging Face writes them and as the original repository does.

config.json    model_type pvt, pvt_v2
keys           encoder.…, under pvt.…, pvt_v2.… in models with a head
original       patch_embed1…4, block1…4; no settings: everything but the heads is in the shapes
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked, counts
from lexel.loading.table import Table, depth
from lexel.pictures.published import imagenet, squashed
from lexel.towers._config import Blocks
from lexel.towers._pyramid import Pyramid
from lexel.towers.pvt import PvtConfig
from lexel.towers.pvtv2 import PvtV2Config

BLOCK = Table.of("""
    norm1                           layer_norm_1
    attention.q                     attention.self.query
    attention.kv                    attention.self.{key,value}
    attention.reduce.convolution    attention.self.sequence_reduction
    attention.reduce.norm           attention.self.layer_norm
    attention.out                   attention.output.dense
    norm2                           layer_norm_2
    mlp.fc1                         mlp.dense1
    mlp.fc2                         mlp.dense2
""")

KEYS = Table.of("""
    image.layers.*.patches          encoder.patch_embeddings.*.projection
    image.layers.*.norm_in          encoder.patch_embeddings.*.layer_norm
    image.layers.*.class_token      encoder.patch_embeddings.*.cls_token              [1,1,D]
    image.layers.*.positions        encoder.patch_embeddings.*.position_embeddings    [1,N,D]
    image.norm_out                  encoder.layer_norm
""")
KEYS += BLOCK.under("image.layers.*.blocks.*", "encoder.block.*.*")

BLOCK_V2 = Table.of("""
    norm1                           layer_norm_1
    attention.q                     attention.query
    attention.kv                    attention.{key,value}
    attention.reduce.convolution    attention.spatial_reduction
    attention.reduce.norm           attention.layer_norm
    attention.out                   attention.proj
    norm2                           layer_norm_2
    mlp.fc1                         mlp.dense1
    mlp.convolution                 mlp.dwconv.dwconv
    mlp.fc2                         mlp.dense2
""")

KEYS_V2 = Table.of("""
    image.layers.*.patches          encoder.layers.*.patch_embedding.proj
    image.layers.*.norm_in          encoder.layers.*.patch_embedding.layer_norm
    image.layers.*.norm_out         encoder.layers.*.layer_norm
""")
KEYS_V2 += BLOCK_V2.under("image.layers.*.blocks.*", "encoder.layers.*.blocks.*")

# Of both versions; the second alone has the convolution and the norm behind each stage.
NATIVE_BLOCK = Table.of("""
    norm1                           norm1
    attention.q                     attn.q
    attention.kv                    attn.kv
    attention.reduce.convolution    attn.sr
    attention.reduce.norm           attn.norm
    attention.out                   attn.proj
    norm2                           norm2
    mlp.convolution                 mlp.dwconv.dwconv
    mlp                             mlp
""")

NATIVE = Table.of("""
    image.layers.3.class_token      cls_token    [1,1,D]
    image.norm_out                  norm
""")
for stage in range(4):
    NATIVE += Table.of(f"""
        patches      patch_embed{stage + 1}.proj
        norm_in      patch_embed{stage + 1}.norm
        positions    pos_embed{stage + 1}    [1,N,D]
        norm_out     norm{stage + 1}
    """).under(f"image.layers.{stage}", "")
    NATIVE += NATIVE_BLOCK.under(f"image.layers.{stage}.blocks.*", f"block{stage + 1}.*")

HEAD = 64  # width of a head in every published tower but B0, whose heads are half as wide
MOST = 64  # of ratios and reductions: beyond this torch cannot say how large a layer would be
EPS_IN = "embedding_norm_eps"  # ours: transformers reads over it, and has one number for all norms


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    stages = _stages(fields, shapes, (64, 128, 320, 512), "sequence_reduction_ratios", "encoder.block.{}")
    side = fields.size("image_size", 224)[0]
    _expect(fields, "patch_sizes", [4, 2, 2, 2], len(stages.widths))
    _expect(fields, "strides", [4, 2, 2, 2], len(stages.widths))
    return Parts(_fixed(stages, side, fields.subject), None, squashed(side))


def _parts_v2(fields: Fields, shapes: Shapes) -> Parts:
    stages = _stages(fields, shapes, (32, 64, 160, 256), "sr_ratios", "encoder.layers.{}.blocks")
    _expect(fields, "patch_sizes", [7, 3, 3, 3], len(stages.widths))
    _expect(fields, "strides", [4, 2, 2, 2], len(stages.widths))
    config = PvtV2Config(stages, linear=fields.flag("linear_attention", False))
    return Parts(config, None, squashed(fields.size("image_size", 224)[0]))


def _stages(fields: Fields, shapes: Shapes, widths: Sequence[int], reductions: str, where: str) -> Pyramid:
    """The numbers of all stages. Raises `LoadError` where they do not go together or are not those of the tensors."""
    count = fields.count("num_encoder_blocks", 4)

    def each(name: str, default: Sequence[int], most: int = 1 << 24) -> tuple[int, ...]:
        said = counts(fields, name, default)
        if len(said) < count or max(said) > most:
            raise LoadError(f"{name} is {said}, expected {count:,} numbers of 1…{most:,}"[:200], subject=fields.subject)
        return said[:count]

    eps = fields.number("layer_norm_eps", 1e-6)
    stages = Pyramid(
        widths=each("hidden_sizes", widths),
        depths=each("depths", (2, 2, 2, 2)),
        heads=each("num_attention_heads", (1, 2, 5, 8)),
        ratios=each("mlp_ratios", (8, 8, 4, 4), MOST),
        reductions=each(reductions, (8, 4, 2, 1), MOST),
        activation=fields.text("hidden_act", "gelu"),
        eps=eps,
        eps_in=fields.number(EPS_IN, eps),
        bias=fields.flag("qkv_bias", True),
    )
    return _fitting(stages, shapes, [where.format(stage) for stage in range(count)], fields.subject)


def _fitting(stages: Pyramid, shapes: Shapes, where: Sequence[str], subject: str) -> Pyramid:
    """`stages`, where their blocks are as many as there are under `where`, and widths are multiples of heads."""
    numbers = zip(where, stages.widths, stages.depths, stages.heads, stages.ratios, strict=True)
    for place, width, blocks, heads, ratio in numbers:
        checked(Blocks(width, blocks, heads, width * ratio, stages.activation), shapes, place, subject)
    return stages


def _fixed(stages: Pyramid, side: int, subject: str) -> PvtConfig:
    """A tower of version 1. Raises `LoadError` where a stage has no cell to ask, or its class token no place."""
    if stages.reductions[-1] != 1:
        raise LoadError("the last stage has a reduction beside its class token", subject=subject)
    for stage, (ratio, cell) in enumerate(zip(stages.reductions, stages.cells, strict=True)):
        if side // cell < ratio:
            said = f"{side // cell} rows of cells in stage {stage}, a reduction of {ratio} needs as many"
            raise LoadError(f"pictures of {side} pixels have {said}", subject=subject)
    return PvtConfig(stages, side)


def _expect(fields: Fields, name: str, published: list[int], count: int) -> None:
    """Refuse what no published tower has: maps would not be 4, 8, 16, 32 times coarser than the picture."""
    said = [*counts(fields, name, published)[:count]]
    if said != published[:count]:
        raise LoadError(f"{name} is {said}, expected {published[:count]}"[:200], subject=fields.subject)


def _native_parts(fields: Fields, shapes: Shapes) -> Parts:
    stages = _native_stages(shapes, fields.subject, heads=None)
    side = 4 * isqrt(sides(shapes, "pos_embed1", 3, subject=fields.subject)[1])
    config = _fixed(stages, side, fields.subject)
    return Parts(config, None, replace(imagenet(side), rounding="even"))


def _native_parts_v2(fields: Fields, shapes: Shapes) -> Parts:
    linear = "block4.0.attn.sr.weight" in shapes  # else the last stage has no reduction
    config = PvtV2Config(_native_stages(shapes, fields.subject, heads=(1, 2, 5, 8)), linear)
    return Parts(config, None, replace(imagenet(224), rounding="even"))


def _native_stages(shapes: Shapes, subject: str, *, heads: tuple[int, ...] | None) -> Pyramid:
    """The numbers of all stages, from the shapes of their first blocks; `heads` where they are not `HEAD` wide."""
    names, first = list(shapes), [f"block{stage}.0" for stage in (1, 2, 3, 4)]
    widths = tuple(sides(shapes, f"patch_embed{stage}.proj.weight", 4, subject=subject)[0] for stage in (1, 2, 3, 4))
    hidden = [sides(shapes, f"{block}.mlp.fc1.weight", 2, subject=subject)[0] for block in first]
    reduced = [f"{block}.attn.sr.weight" for block in first]
    stages = Pyramid(
        widths=widths,
        depths=tuple(depth(names, f"block{stage}") for stage in (1, 2, 3, 4)),
        heads=heads or tuple(max(1, width // HEAD) for width in widths),
        ratios=tuple(inside // width for inside, width in zip(hidden, widths, strict=True)),
        reductions=tuple(sides(shapes, name, 4, subject=subject)[3] if name in shapes else 1 for name in reduced),
        eps_in=1e-5,
        bias="block1.0.attn.q.bias" in shapes,
    )
    return _fitting(stages, shapes, [f"block{stage}" for stage in (1, 2, 3, 4)], subject)


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, PvtConfig)
    head: dict[str, JSON] = {"architectures": ["PvtModel"], "model_type": "pvt", "image_size": config.side}
    kernels: dict[str, JSON] = {"patch_sizes": [4, 2, 2, 2], "strides": [4, 2, 2, 2]}
    return head | kernels | _written(config.stages, "sequence_reduction_ratios")


def _settings_v2(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, PvtV2Config)
    head: dict[str, JSON] = {"architectures": ["PvtV2Model"], "model_type": "pvt_v2", "linear_attention": config.linear}
    return head | _written(config.stages, "sr_ratios")


def _written(stages: Pyramid, reductions: str) -> dict[str, JSON]:
    count = len(stages.widths)
    settings: dict[str, JSON] = {
        "num_encoder_blocks": count,
        "hidden_sizes": [*stages.widths],
        "depths": [*stages.depths],
        "num_attention_heads": [*stages.heads],
        "mlp_ratios": [*stages.ratios],
        reductions: [*stages.reductions],
        "hidden_act": stages.activation,
        "layer_norm_eps": stages.eps,
        "qkv_bias": stages.bias,
    }
    return settings | ({EPS_IN: stages.eps_in} if stages.eps_in != stages.eps else {})


LAYOUTS = [
    Layout(
        "PVT (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "pvt",
        marks=("encoder.patch_embeddings.0.position_embeddings",),
        keys=KEYS,
        parts=_parts,
        image="lexel.towers.pvt:Pvt",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "pvt."),
        unused=("classifier.",),
        settings=_settings,
    ),
    Layout(
        "PVT v2 (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "pvt_v2",
        marks=("encoder.layers.0.patch_embedding.proj.weight",),
        keys=KEYS_V2,
        parts=_parts_v2,
        image="lexel.towers.pvtv2:PvtV2",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "pvt_v2."),
        unused=("classifier.",),
        settings=_settings_v2,
    ),
    Layout(
        "PVT (original)",
        file="",
        family=lambda fields: True,
        marks=("pos_embed4",),
        keys=NATIVE,
        parts=_native_parts,
        image="lexel.towers.pvt:Pvt",
        model="lexel.towers._hierarchy:Hierarchy",
        unused=("head.",),
    ),
    Layout(
        "PVT v2 (original)",
        file="",
        family=lambda fields: True,
        marks=("block4.0.mlp.dwconv.dwconv.weight",),
        keys=NATIVE,
        parts=_native_parts_v2,
        image="lexel.towers.pvtv2:PvtV2",
        model="lexel.towers._hierarchy:Hierarchy",
        unused=("head.",),
    ),
]
