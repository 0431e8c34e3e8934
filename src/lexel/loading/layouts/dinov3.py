"""DINOv3's vision transformers as Hugging Face writes them, and under the names of its own repository.

config.json    model_type dinov3_vit
keys           layer.… in files, model.layer.… in the memory of transformers 5
its own        blocks.…, storage_tokens: no settings, all but the heads from the shapes

Keys have no bias. Hugging Face leaves it out; its own files have one, and a mask that makes it nothing.
"""

from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked, written
from lexel.loading.layouts.dinov2 import NORMS, OWN_NORMS
from lexel.loading.table import Table, depth
from lexel.pictures.published import dinov3
from lexel.towers._config import Blocks
from lexel.towers.dinov3 import Dinov3Config

OUTSIDE = Table.of("""
    image.class_token        embeddings.cls_token            [1,1,D]
    image.registers          embeddings.register_tokens      [1,N,D]
    image.patches            embeddings.patch_embeddings
    image.norm_out           norm
""")

BLOCK = NORMS + Table.of("""
    attention.qkv.weight     attention.{q,k,v}_proj.weight
    attention.qkv.bias       attention.{q,v}_proj.bias
    attention.out            attention.o_proj
    mlp.fc2                  mlp.down_proj
""")

PLAIN = Table.of("""
    mlp.fc1                  mlp.up_proj
""")

GATED = Table.of("""
    mlp.fc1                  mlp.{gate,up}_proj
""")

OWN_OUTSIDE = Table.of("""
    image.class_token        cls_token                       [1,1,D]
    image.registers          storage_tokens                  [1,N,D]
    image.patches            patch_embed.proj
    image.norm_out           norm
""")

OWN_BLOCK = OWN_NORMS + Table.of("""
    attention.qkv.weight     attn.qkv.weight
    attention.qkv.bias       attn.qkv.bias                   [q,k,v]
    attention.out            attn.proj
""")

OWN_PLAIN = Table.of("""
    mlp                      mlp
""")

OWN_GATED = Table.of("""
    mlp.fc1                  mlp.{w1,w2}
    mlp.fc2                  mlp.w3
""")

TOWER = "lexel.towers.dinov3:Dinov3Image"
BASE = Blocks(384, 12, 6, 1536, "gelu", eps=1e-5)
THETA = 100.0
DEEPEST = 40  # blocks of the largest published model
BUILT = {"key_bias": False, "proj_bias": True, "mlp_bias": True}  # the same in every published model
HEADS = {4096: 32}  # of the largest model; all other heads are 64 wide


def _parts(fields: Fields, shapes: Shapes, where: str) -> Parts:
    for option, value in BUILT.items():
        if fields.flag(option, value) != value:
            raise LoadError(f"{option} is {not value}; lexel builds {value} alone", subject=fields.subject)
    biased = fields.flag("query_bias", True)
    if fields.flag("value_bias", True) != biased:
        raise LoadError("query_bias and value_bias differ; lexel builds both or none", subject=fields.subject)
    blocks = Blocks(
        width=fields.count("hidden_size", BASE.width),
        depth=fields.count("num_hidden_layers", BASE.depth),
        heads=fields.count("num_attention_heads", BASE.heads),
        hidden=fields.count("intermediate_size", BASE.hidden),
        activation=fields.text("hidden_act", BASE.activation),
        eps=fields.number("layer_norm_eps", BASE.eps),
    )
    registers = fields.count("num_register_tokens", 1) if fields.values.get("num_register_tokens") else 0
    config = Dinov3Config(
        _turned(checked(blocks, shapes, where, fields.subject), fields.subject),
        patch_size=fields.size("patch_size", 16)[0],
        registers=registers,
        theta=fields.number("rope_theta", THETA),
        gated=_gated(fields),
        biased=biased,
    )
    return Parts(config, None, dinov3(fields.size("image_size", 224)[0]))


def _settings(parts: Parts, gated: bool) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, Dinov3Config)
    if config.gated != gated:
        return {}
    return written(config.blocks) | {
        "architectures": ["DINOv3ViTModel"],
        "model_type": "dinov3_vit",
        "patch_size": config.patch_size,
        "num_register_tokens": config.registers,
        "rope_theta": config.theta,
        "use_gated_mlp": gated,
        "query_bias": config.biased,
        "value_bias": config.biased,
    }


def _own_parts(fields: Fields, shapes: Shapes) -> Parts:
    gated = "blocks.0.mlp.w3.weight" in shapes
    width, _, _, patch = sides(shapes, "patch_embed.proj.weight", 4, subject=fields.subject)
    _, hidden = sides(shapes, f"blocks.0.mlp.{'w3' if gated else 'fc2'}.weight", 2, subject=fields.subject)
    _, registers, _ = sides(shapes, "storage_tokens", 3, subject=fields.subject)
    blocks = Blocks(
        width,
        depth(list(shapes), "blocks"),
        heads=HEADS.get(width, max(1, width // 64)),
        hidden=hidden,
        activation="silu" if gated else "gelu",
        eps=1e-5,
    )
    config = Dinov3Config(
        _turned(checked(blocks, shapes, "blocks", fields.subject), fields.subject),
        patch_size=patch,
        registers=registers,
        theta=THETA,
        gated=gated,
        biased="blocks.0.attn.qkv.bias" in shapes,
    )
    return Parts(config, None, dinov3(224))


def _turned(blocks: Blocks, subject: str) -> Blocks:
    """`blocks`, where their heads can be turned by y and by x."""
    if blocks.width // blocks.heads % 4:
        raise LoadError(f"a head of {blocks.width // blocks.heads} channels is no multiple of 4", subject=subject)
    return blocks


def _gated(fields: Fields) -> bool:
    return fields.flag("use_gated_mlp", False)


def _of_transformers(mlp: Table, *, gated: bool, memory: bool = False) -> Layout:
    where = "model.layer" if memory else "layer"
    return Layout(
        f"DINOv3 (Hugging Face{', names in memory' if memory else ''})",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "dinov3_vit" and _gated(fields) == gated,
        marks=(f"{where}.0.attention.q_proj.weight",),
        keys=OUTSIDE + (BLOCK + mlp).under("image.transformer.blocks.*", f"{where}.*"),
        parts=lambda fields, shapes: _parts(fields, shapes, where),
        image=TOWER,
        unused=("embeddings.mask_token",),
        settings=None if memory else lambda parts: _settings(parts, gated),
    )


def _of_its_own(mlp: Table, *, mark: str) -> Layout:
    masks = (f"blocks.{i}.attn.qkv.bias_mask" for i in range(DEEPEST))
    return Layout(
        "DINOv3 (its own repository)",
        file="",
        family=lambda fields: True,
        marks=(mark,),
        keys=OWN_OUTSIDE + (OWN_BLOCK + mlp).under("image.transformer.blocks.*", "blocks.*"),
        parts=_own_parts,
        image=TOWER,
        unused=("mask_token", "rope_embed.periods", "local_cls_norm.", *masks),
    )


LAYOUTS = [
    _of_transformers(PLAIN, gated=False),
    _of_transformers(GATED, gated=True),
    _of_transformers(PLAIN, gated=False, memory=True),
    _of_transformers(GATED, gated=True, memory=True),
    _of_its_own(OWN_GATED, mark="blocks.0.mlp.w1.weight"),
    _of_its_own(OWN_PLAIN, mark="storage_tokens"),
]
