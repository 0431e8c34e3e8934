"""OpenCLIP's native files, and OpenAI's, whose keys are the same.

    open_clip_config.json    model_cfg: what is built; preprocess_cfg: how pictures are prepared
    visual.…                 transformer: CLIP · layer1…4, attnpool: convolutions · trunk: SigLIP, as timm has it
    transformer.…            the text tower; under text.… in models with "custom_text"

OpenAI's archives have no settings but three numbers beside the tensors, which no other file has. They stand for the
config: everything but the heads can be read from the shapes, and heads are 64 wide in all of them.
"""

from dataclasses import replace
from functools import partial
from math import isqrt

from lexel.errors import LoadError, MissingKeys
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import checked
from lexel.loading.spellers import openclip_clip_words, openclip_piece_words
from lexel.loading.table import Table, depth
from lexel.nn.positions import Resampling
from lexel.pictures.published import clip, siglip
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers._modified_resnet import ResNetConfig

BLOCK = Table.of("""
    norm1                    ln_1
    attention.qkv.weight     attn.in_proj_weight
    attention.qkv.bias       attn.in_proj_bias
    attention.out            attn.out_proj
    norm2                    ln_2
    mlp.fc1                  mlp.c_fc
    mlp.fc2                  mlp.c_proj
""")

IMAGE = Table.of("""
    image.class_token        visual.class_embedding
    image.positions          visual.positional_embedding
    image.patches            visual.conv1
    image.norm_in            visual.ln_pre
    image.norm_out           visual.ln_post
    image.projection.weight  visual.proj                      transposed
    logit_scale              logit_scale                      scalar
""")
IMAGE += BLOCK.under("image.transformer.blocks.*", "visual.transformer.resblocks.*")

TEXT = Table.of("""
    text.words               token_embedding
    text.positions           positional_embedding
    text.norm_out            ln_final
    text.projection.weight   text_projection                  transposed
""")
TEXT += BLOCK.under("text.transformer.blocks.*", "transformer.resblocks.*")

# The convolutional towers keep their published names.
CONVOLUTIONS = Table.of("""
    logit_scale              logit_scale                      scalar
    image                    visual
""")

TRUNK_BLOCK = Table.of("""
    norm1                    norm1
    attention.qkv            attn.qkv
    attention.out            attn.proj
    norm2                    norm2
    mlp                      mlp
""")

TRUNK = Table.of("""
    image.positions          visual.trunk.pos_embed           [1,N,D]
    image.patches            visual.trunk.patch_embed.proj
    image.norm_out           visual.trunk.norm
    image.head.probe         visual.trunk.attn_pool.latent    [1,1,D]
    image.head.attention.qkv visual.trunk.attn_pool.{q,kv}
    image.head.attention.out visual.trunk.attn_pool.proj
    image.head.norm          visual.trunk.attn_pool.norm
    image.head.mlp           visual.trunk.attn_pool.mlp
    text.projection          text.text_projection
    logit_scale              logit_scale                      scalar
    logit_bias               logit_bias                       scalar
""")
TRUNK += TRUNK_BLOCK.under("image.transformer.blocks.*", "visual.trunk.blocks.*")

PUBLISHED = 49408  # tokens of the vocabulary that OpenCLIP has without a file
POSITIONS = Resampling("bicubic", antialias=True)
TANH = "gelu_pytorch_tanh"

# Options that change the arithmetic, and the one value of each that lexel builds. Another would load and be wrong.
BUILT: dict[str, dict[str, JSON]] = {
    "vision_cfg": {
        "ls_init_value": None,
        "attentional_pool": False,
        "pool_type": "tok",
        "no_ln_pre": False,
        "pos_embed_type": "learnable",
        "final_ln_after_pool": False,
        "timm_model_name": None,
    },
    "text_cfg": {
        "ls_init_value": None,
        "embed_cls": False,
        "no_causal_mask": False,
        "final_ln_after_pool": False,
        "pool_type": "argmax",
        "proj_bias": False,
        "hf_model_name": None,
    },
}
BUILT_SIGLIP: dict[str, dict[str, JSON]] = {
    "vision_cfg": {"timm_pool": "map", "timm_proj": "none"},
    "text_cfg": BUILT["text_cfg"] | {"no_causal_mask": True, "pool_type": "last", "proj_bias": True},
}


def _clip_parts(fields: Fields, shapes: Shapes) -> Parts:
    model = fields.table("model_cfg")
    _check_options(model, BUILT)
    activation = "quick_gelu" if model.flag("quick_gelu", False) else "gelu"
    vision = model.table("vision_cfg")
    width, patch, side = vision.count("width", 768), vision.count("patch_size", 16), vision.size("image_size", 224)[0]
    blocks = Blocks(
        width,
        vision.count("layers", 12),
        heads=max(1, width // vision.count("head_width", 64)),
        hidden=int(width * vision.number("mlp_ratio", 4.0)),
        activation=activation,
    )
    checked(blocks, shapes, "visual.transformer.resblocks", fields.subject)
    image = ImageConfig(blocks, patch, side // patch, model.count("embed_dim", 512), POSITIONS)
    return Parts(image, _text(model, shapes, activation), replace(clip(side), rounding="even"))


def _convolution_parts(fields: Fields, shapes: Shapes) -> Parts:
    model = fields.table("model_cfg")
    _check_options(model, {"text_cfg": BUILT["text_cfg"]})
    vision = model.table("vision_cfg")
    said = vision.values["layers"]
    first, second, third, fourth = (depth(list(shapes), f"visual.layer{stage}") for stage in (1, 2, 3, 4))
    blocks = first, second, third, fourth
    if [*blocks] != said:
        raise MissingKeys(f"layers of {said!r} are said, {[*blocks]} are there", subject=fields.subject)
    side = vision.size("image_size", 224)[0]
    activation = "quick_gelu" if model.flag("quick_gelu", False) else "gelu"
    image = ResNetConfig(blocks, vision.count("width", 64), side // 32, model.count("embed_dim", 512))
    return Parts(image, _text(model, shapes, activation), replace(clip(side), rounding="even"))


def _convolution_settings(parts: Parts) -> dict[str, JSON]:
    """Of these towers no other layout is published."""
    image, text = parts.image, parts.text
    if not isinstance(image, ResNetConfig) or not text:
        return {}
    words: dict[str, JSON] = {
        "context_length": text.length,
        "vocab_size": text.vocab_size,
        "width": text.blocks.width,
        "heads": text.blocks.heads,
        "layers": text.blocks.depth,
        "mlp_ratio": text.blocks.hidden / text.blocks.width,
    }
    if text.vocab_size != PUBLISHED:
        words["hf_tokenizer_name"] = "."  # that beside it
    vision: dict[str, JSON] = {"layers": [*image.blocks], "width": image.width, "image_size": image.grid * 32}
    model: dict[str, JSON] = {"embed_dim": image.embed_dim, "vision_cfg": vision, "text_cfg": words}
    return {"model_cfg": model | {"quick_gelu": text.blocks.activation == "quick_gelu"}}


def _openai_parts(fields: Fields, shapes: Shapes) -> Parts:
    said = partial(sides, shapes, subject=fields.subject)
    width, _, _, patch = said("visual.conv1.weight", 4)
    grid = isqrt(said("visual.positional_embedding", 2)[0] - 1)
    vocab_size, words = said("token_embedding.weight", 2)
    length, embed_dim = said("positional_embedding", 2)[0], said("text_projection", 2)[1]
    image = Blocks(width, depth(list(shapes), "visual.transformer.resblocks"), width // 64, 4 * width)
    text = Blocks(words, depth(list(shapes), "transformer.resblocks"), words // 64, 4 * words)
    return Parts(
        ImageConfig(image, patch, grid, embed_dim, POSITIONS),
        TextConfig(text, vocab_size, length, embed_dim),
        replace(clip(grid * patch), rounding="even"),
    )


def _siglip_parts(fields: Fields, shapes: Shapes) -> Parts:
    """timm's name says little; the shapes say the rest, and heads are 64 wide but for the two largest."""
    model = fields.table("model_cfg")
    _check_options(model, BUILT_SIGLIP)
    said = partial(sides, shapes, subject=fields.subject)
    width, _, _, patch = said("visual.trunk.patch_embed.proj.weight", 4)
    hidden, _ = said("visual.trunk.blocks.0.mlp.fc1.weight", 2)
    heads = 16 if width in (1152, 1536) else width // 64
    blocks = Blocks(width, depth(list(shapes), "visual.trunk.blocks"), heads, hidden, TANH, eps=1e-6)
    checked(blocks, shapes, "visual.trunk.blocks", fields.subject)
    grid = isqrt(said("visual.trunk.pos_embed", 3)[1])
    text = _text(model, shapes, TANH, eps=1e-6)
    return Parts(ImageConfig(blocks, patch, grid, width, POSITIONS), text, siglip(grid * patch))


def _text(model: Fields, shapes: Shapes, activation: str, eps: float = 1e-5) -> TextConfig:
    """The text tower of a `model_cfg`, its keys bare or under `text.`."""
    cfg = model.table("text_cfg")
    width = cfg.count("width", 512)
    hidden = int(width * cfg.number("mlp_ratio", 4.0))
    blocks = Blocks(width, cfg.count("layers", 12), cfg.count("heads", 8), hidden, activation, eps)
    where = "text.transformer.resblocks" if "text.positional_embedding" in shapes else "transformer.resblocks"
    checked(blocks, shapes, where, model.subject)
    return TextConfig(
        blocks,
        vocab_size=cfg.count("vocab_size", 49408),
        length=cfg.count("context_length", 77),
        embed_dim=model.count("embed_dim", 512),
    )


def _check_options(model: Fields, built: dict[str, dict[str, JSON]]) -> None:
    for part, options in built.items():
        cfg = model.table(part)
        for option, value in options.items():
            if (found := cfg.values.get(option, value)) != value:
                raise LoadError(f"{part}.{option} is {found!r}; lexel builds {value!r} alone", subject=model.subject)


def _kind(fields: Fields) -> str:
    """Which image tower the settings are about: "clip", "convolutions", "siglip", another of timm's; "" for none."""
    vision = fields.table("model_cfg").table("vision_cfg")
    if "timm_model_name" in vision:
        return "siglip" if "siglip" in vision.text("timm_model_name") else vision.text("timm_model_name")
    if "model_cfg" not in fields:
        return ""
    return "convolutions" if isinstance(vision.values.get("layers"), list) else "clip"


def _custom(fields: Fields) -> bool:
    return fields.table("model_cfg").flag("custom_text", False)


LAYOUTS = [
    Layout(
        "CLIP (OpenCLIP)",
        file="open_clip_config.json",
        weights="open_clip_model.safetensors",
        family=lambda fields: _kind(fields) == "clip" and not _custom(fields),
        marks=("visual.class_embedding",),
        keys=IMAGE + TEXT,
        parts=_clip_parts,
        image="lexel.towers.clip:ClipImage",
        text="lexel.towers.clip:ClipText",
        speller=openclip_clip_words,
    ),
    Layout(
        "CLIP (OpenCLIP, custom text)",
        file="open_clip_config.json",
        weights="open_clip_model.safetensors",
        family=lambda fields: _kind(fields) == "clip" and _custom(fields),
        marks=("visual.class_embedding",),
        keys=IMAGE + TEXT.under("", "text"),
        parts=_clip_parts,
        image="lexel.towers.clip:ClipImage",
        text="lexel.towers.clip:ClipText",
        speller=openclip_clip_words,
    ),
    Layout(
        "CLIP with convolutions (OpenCLIP)",
        file="open_clip_config.json",
        weights="open_clip_model.safetensors",
        family=lambda fields: _kind(fields) == "convolutions",
        marks=("visual.attnpool.positional_embedding",),
        keys=TEXT + CONVOLUTIONS,
        parts=_convolution_parts,
        image="lexel.towers._modified_resnet:ModifiedResNet",
        text="lexel.towers.clip:ClipText",
        speller=openclip_clip_words,
        settings=_convolution_settings,
    ),
    Layout(
        "CLIP (OpenAI)",
        file="",
        family=lambda fields: True,
        marks=("input_resolution",),
        keys=IMAGE + TEXT,
        parts=_openai_parts,
        image="lexel.towers.clip:ClipImage",
        text="lexel.towers.clip:ClipText",
        speller=openclip_clip_words,
    ),
    Layout(
        "SigLIP (OpenCLIP)",
        file="open_clip_config.json",
        weights="open_clip_model.safetensors",
        family=lambda fields: _kind(fields) == "siglip",
        marks=("visual.trunk.pos_embed",),
        keys=TRUNK + TEXT.under("", "text"),
        parts=_siglip_parts,
        image="lexel.towers.siglip:SiglipImage",
        text="lexel.towers.siglip:SiglipText",
        speller=openclip_piece_words,
        biased=True,
    ),
]
