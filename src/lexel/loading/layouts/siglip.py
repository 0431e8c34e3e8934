"""SigLIP and SigLIP 2 as Hugging Face writes them, whole or a half of it.

config.json    model_type siglip: SigLIP, and SigLIP 2 of fixed size; siglip2: NaFlex, pictures of their own aspect
keys           vision_model.…, text_model.…; halves of transformers 5 without that first word
"""

from math import isqrt

from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import Family, settings, written
from lexel.loading.layouts.clip import BLOCK
from lexel.loading.spellers import piece_words
from lexel.loading.table import Table
from lexel.nn.positions import Resampling
from lexel.pictures.published import naflex, siglip
from lexel.towers._config import Blocks, ImageConfig, TextConfig

KEYS = Table.of("""
    image.positions                 vision_model.embeddings.position_embedding.weight
    image.patches                   vision_model.embeddings.patch_embedding
    image.norm_out                  vision_model.post_layernorm
    image.head.probe                vision_model.head.probe                       [1,1,D]
    image.head.attention.qkv.weight vision_model.head.attention.in_proj_weight
    image.head.attention.qkv.bias   vision_model.head.attention.in_proj_bias
    image.head.attention.out        vision_model.head.attention.out_proj
    image.head.norm                 vision_model.head.layernorm
    image.head.mlp                  vision_model.head.mlp
    text.words                      text_model.embeddings.token_embedding
    text.positions                  text_model.embeddings.position_embedding.weight
    text.norm_out                   text_model.final_layer_norm
    text.projection                 text_model.head
    logit_scale                     logit_scale                                   [1]
    logit_bias                      logit_bias                                    [1]
""")
KEYS += BLOCK.under("image.transformer.blocks.*", "vision_model.encoder.layers.*")
KEYS += BLOCK.under("text.transformer.blocks.*", "text_model.encoder.layers.*")

# NaFlex has a linear layer over patches where the others have a convolution.
NAFLEX_KEYS = Table.of("""
    image.patches.weight            vision_model.embeddings.patch_embedding.weight    [D,P·P·3]
""")
NAFLEX_KEYS += KEYS

BASE = Blocks(768, 12, 12, 3072, "gelu_pytorch_tanh", eps=1e-6)
IMAGE = ImageConfig(BASE, patch_size=16, grid=14, embed_dim=768)
TEXT = TextConfig(BASE, vocab_size=32000, length=64, embed_dim=768)
FIXED = Family("siglip", IMAGE, TEXT)
NAFLEX = Family("siglip2", IMAGE, TEXT)
NAFLEX_POSITIONS = Resampling("bilinear", antialias=True)
MOST = 256  # patches a picture, where no file says

MARKS = ("vision_model.embeddings.patch_embedding.bias", "text_model.final_layer_norm.weight")


def _fixed_parts(fields: Fields, shapes: Shapes) -> Parts:
    half = FIXED.half(fields, "vision")
    patch, side = half.count("patch_size", 16), half.size("image_size", 224)[0]
    image = _image(FIXED, fields, shapes, patch, side // patch, Resampling())
    return Parts(image, _text(FIXED, fields, shapes), siglip(side))


def _naflex_parts(fields: Fields, shapes: Shapes) -> Parts:
    half = NAFLEX.half(fields, "vision")
    patch, grid = half.count("patch_size", 16), isqrt(half.count("num_patches", 256))
    image = _image(NAFLEX, fields, shapes, patch, grid, NAFLEX_POSITIONS)
    return Parts(image, _text(NAFLEX, fields, shapes), naflex(patch, MOST))


def _image(
    family: Family, fields: Fields, shapes: Shapes, patch: int, grid: int, positions: Resampling
) -> ImageConfig | None:
    if MARKS[0] not in shapes:
        return None
    half = family.half(fields, "vision")
    blocks = family.blocks(half, BASE, shapes, "vision_model.encoder.layers")
    width = blocks.width if "vision_model.head.probe" in shapes else None
    return ImageConfig(blocks, patch, grid, embed_dim=width, resampling=positions)


def _text(family: Family, fields: Fields, shapes: Shapes) -> TextConfig | None:
    if MARKS[1] not in shapes:
        return None
    half = family.half(fields, "text")
    blocks = family.blocks(half, BASE, shapes, "text_model.encoder.layers")
    return TextConfig(
        blocks,
        vocab_size=half.count("vocab_size", 32000),
        length=half.count("max_position_embeddings", 64),
        embed_dim=half.count("projection_size", blocks.width) if "text_model.head.weight" in shapes else None,
    )


def _fixed_settings(parts: Parts) -> dict[str, JSON]:
    image, text = parts.image, parts.text
    if not isinstance(image, ImageConfig | None) or (image and image.resampling == NAFLEX_POSITIONS):
        return {}
    size: dict[str, JSON] = {"image_size": image.grid * image.patch_size} if image else {}
    return _settings("siglip", "Siglip", image, text, size)


def _naflex_settings(parts: Parts) -> dict[str, JSON]:
    image, text = parts.image, parts.text
    if not isinstance(image, ImageConfig) or image.resampling != NAFLEX_POSITIONS:
        return {}  # its text tower is SigLIP's
    return _settings("siglip2", "Siglip2", image, text, {"num_patches": image.grid**2})


def _settings(
    kind: str, prefix: str, image: ImageConfig | None, text: TextConfig | None, size: dict[str, JSON]
) -> dict[str, JSON]:
    vision: dict[str, JSON] = {}
    words: dict[str, JSON] = {}
    if image:
        head = image.embed_dim is not None
        vision = written(image.blocks) | size | {"patch_size": image.patch_size, "vision_use_head": head}
    if text:
        words = written(text.blocks) | {
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.length,
            "projection_size": text.embed_dim,
            "bos_token_id": None,  # the class defaults are left over from CLIP; no tower reads them
            "eos_token_id": None,
        }
    classes = {"whole": f"{prefix}Model", "vision": f"{prefix}VisionModel", "text": f"{prefix}TextModel"}
    return settings(kind, classes, vision, words)


LAYOUTS = [
    Layout(
        "SigLIP (Hugging Face)",
        file="config.json",
        family=FIXED.kinds,
        marks=MARKS,
        keys=KEYS,
        parts=_fixed_parts,
        image="lexel.towers.siglip:SiglipImage",
        text="lexel.towers.siglip:SiglipText",
        speller=piece_words,
        biased=True,
        settings=_fixed_settings,
    ),
    Layout(
        "SigLIP 2 NaFlex (Hugging Face)",
        file="config.json",
        family=NAFLEX.kinds,
        marks=MARKS,
        keys=NAFLEX_KEYS,
        parts=_naflex_parts,
        image="lexel.towers.siglip:SiglipImage",
        text="lexel.towers.siglip:SiglipText",
        speller=piece_words,
        biased=True,
        settings=_naflex_settings,
    ),
]
