"""CLIP as Hugging Face writes it: openai/clip-vit-base-patch32 and its kind, whole or a half of it.

config.json    model_type clip, clip_vision_model, clip_text_model
keys           vision_model.…, text_model.…; halves of transformers 5 without that first word
"""

from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import Family, settings, written
from lexel.loading.spellers import plain_clip_words
from lexel.loading.table import Table
from lexel.pictures.published import clip
from lexel.towers._config import Blocks, ImageConfig, TextConfig

BLOCK = Table.of("""
    norm1                    layer_norm1
    attention.qkv            self_attn.{q,k,v}_proj
    attention.out            self_attn.out_proj
    norm2                    layer_norm2
    mlp                      mlp
""")

KEYS = Table.of("""
    image.class_token        vision_model.embeddings.class_embedding
    image.positions          vision_model.embeddings.position_embedding.weight
    image.patches            vision_model.embeddings.patch_embedding
    image.norm_in            vision_model.pre_layrnorm
    image.norm_out           vision_model.post_layernorm
    image.projection         visual_projection
    text.words               text_model.embeddings.token_embedding
    text.positions           text_model.embeddings.position_embedding.weight
    text.norm_out            text_model.final_layer_norm
    text.projection          text_projection
    logit_scale              logit_scale                      scalar
""")
KEYS += BLOCK.under("image.transformer.blocks.*", "vision_model.encoder.layers.*")
KEYS += BLOCK.under("text.transformer.blocks.*", "text_model.encoder.layers.*")

FAMILY = Family(
    "clip",
    image=ImageConfig(Blocks(768, 12, 12, 3072), patch_size=32, grid=7, embed_dim=512),
    text=TextConfig(Blocks(512, 12, 8, 2048), vocab_size=49408, length=77, embed_dim=512, end=49407),
)
START = 49406  # class default
CLASSES = {
    "whole": "CLIPModel",
    "vision": "CLIPVisionModelWithProjection",
    "text": "CLIPTextModelWithProjection",
}


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    image = text = None
    side = 224
    if "vision_model.embeddings.class_embedding" in shapes:
        half = FAMILY.half(fields, "vision")
        side = half.size("image_size", 224)[0]
        patch = half.count("patch_size", 32)
        image = ImageConfig(
            FAMILY.blocks(half, FAMILY.image.blocks, shapes, "vision_model.encoder.layers"),
            patch_size=patch,
            grid=side // patch,
            embed_dim=fields.count("projection_dim", 512) if "visual_projection.weight" in shapes else None,
        )
    if "text_model.embeddings.token_embedding.weight" in shapes:
        half = FAMILY.half(fields, "text")
        end = half.count("eos_token_id", 49407)
        text = TextConfig(
            FAMILY.blocks(half, FAMILY.text.blocks, shapes, "text_model.encoder.layers"),
            vocab_size=half.count("vocab_size", 49408),
            length=half.count("max_position_embeddings", 77),
            embed_dim=fields.count("projection_dim", 512) if "text_projection.weight" in shapes else None,
            end=None if end == 2 else end,  # the published configs that say 2 mean the largest id
        )
    return Parts(image, text, clip(side))


def _settings(parts: Parts) -> dict[str, JSON]:
    image, text = parts.image, parts.text
    if not isinstance(image, ImageConfig | None):
        return {}
    vision: dict[str, JSON] = {}
    words: dict[str, JSON] = {}
    width = next((half.embed_dim for half in (image, text) if half and half.embed_dim), None)
    shared: dict[str, JSON] = {"projection_dim": width} if width else {}
    if image:
        side = image.grid * image.patch_size
        vision = written(image.blocks) | {"image_size": side, "patch_size": image.patch_size} | shared
    if text:
        words = written(text.blocks) | {
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.length,
            "eos_token_id": 2 if text.end is None else text.end,
            **shared,
        }
        if text.vocab_size <= START:
            words["bos_token_id"] = None  # the class default lies outside a small vocabulary; no tower reads it
    return settings("clip", CLASSES, vision, words) | shared


LAYOUTS = [
    Layout(
        "CLIP (Hugging Face)",
        file="config.json",
        family=FAMILY.kinds,
        marks=("vision_model.embeddings.class_embedding", "text_model.final_layer_norm.weight"),
        keys=KEYS,
        parts=_parts,
        image="lexel.towers.clip:ClipImage",
        text="lexel.towers.clip:ClipText",
        speller=plain_clip_words,
        settings=_settings,
    ),
]
