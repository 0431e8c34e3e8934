"""Masked autoencoders as Hugging Face writes them, whole or the encoder alone, and as facebookresearch/mae does.

config.json    model_type vit_mae
keys           vit.embeddings.…, vit.encoder.layer.…, decoder.…; of an encoder alone without that first word
decoder        decoder_layers.… as on the hub, decoder_encoder.layer.… as transformers 5 saves, or its names in memory
first          names of timm, decoder_blocks.…; no settings. The encoder alone is a ViT, see `vit`
"""

from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import blocks, checked, written
from lexel.loading.layouts.openclip import TRUNK_BLOCK
from lexel.loading.layouts.vit import (
    DISK,
    DISK_BLOCK,
    KEYS,
    MARKS,
    MEMORY,
    MEMORY_BLOCK,
    TIMM,
    encoder,
    native,
    native_preparation,
    written_encoder,
)
from lexel.loading.table import Table, depth
from lexel.pictures.published import vit
from lexel.towers._config import Blocks
from lexel.towers.mae import MAEConfig

DECODER = Table.of("""
    image.decoder.embed         decoder.decoder_embed
    image.decoder.mask_token    decoder.mask_token              [1,1,D]
    image.decoder.positions     decoder.decoder_pos_embed       [1,N,D]
    image.decoder.norm_out      decoder.decoder_norm
    image.decoder.pixels        decoder.decoder_pred
""")

FIRST = Table.of("""
    image.decoder.embed         decoder_embed
    image.decoder.mask_token    mask_token                      [1,1,D]
    image.decoder.positions     decoder_pos_embed               [1,N,D]
    image.decoder.norm_out      decoder_norm
    image.decoder.pixels        decoder_pred
""")
FIRST += TRUNK_BLOCK.under("image.decoder.transformer.blocks.*", "decoder_blocks.*")

PAINTER = Blocks(512, 8, 16, 2048, "gelu", eps=1e-12)  # the decoder of every published model


def _whole_parts(fields: Fields, shapes: Shapes, where: str, painter: str) -> Parts:
    bare = {name.removeprefix("vit."): shape for name, shape in shapes.items()}
    shared = {name: fields.values[name] for name in ("hidden_act", "layer_norm_eps") if name in fields}
    own = {name.removeprefix("decoder_"): v for name, v in fields.values.items() if name.startswith("decoder_")}
    decoder = blocks(Fields(shared | own, fields.subject), PAINTER, shapes, painter)
    normed = fields.flag("norm_pix_loss", False)
    config = MAEConfig(**vars(encoder(fields, bare, where)), decoder=decoder, norm_pix_loss=normed)
    return Parts(config, None, vit(fields.size("image_size", 224)[0]))


def _encoder_parts(fields: Fields, shapes: Shapes, where: str) -> Parts:
    config = MAEConfig(**vars(encoder(fields, shapes, where)))
    return Parts(config, None, vit(fields.size("image_size", 224)[0]))


def _first_parts(fields: Fields, shapes: Shapes) -> Parts:
    """Whether it was trained with norm_pix_loss no tensor tells: those that were published to paint were not."""
    made = native(fields, shapes)
    width, _ = sides(shapes, "decoder_embed.weight", 2, subject=fields.subject)
    hidden, _ = sides(shapes, "decoder_blocks.0.mlp.fc1.weight", 2, subject=fields.subject)
    decoder = Blocks(width, depth(list(shapes), "decoder_blocks"), PAINTER.heads, hidden, "gelu", eps=1e-6)
    config = MAEConfig(**vars(made), decoder=checked(decoder, shapes, "decoder_blocks", fields.subject))
    return Parts(config, None, native_preparation(fields, made.grid * made.patch_size))


def _whole_settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, MAEConfig)
    if not config.decoder:
        return {}
    decoder = {f"decoder_{name}": value for name, value in written(config.decoder).items()}
    own: dict[str, JSON] = {"architectures": ["ViTMAEForPreTraining"], "norm_pix_loss": config.norm_pix_loss}
    return _encoder_settings(parts) | decoder | own


def _encoder_settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, MAEConfig)
    return written_encoder(config) | {"architectures": ["ViTMAEModel"], "model_type": "vit_mae"}


def _whole(name: str, where: str, painter: str, block: Table) -> Layout:
    inside = block.under("image.decoder.transformer.blocks.*", f"{painter}.*")
    return Layout(
        f"MAE (Hugging Face{name})",
        file="config.json",
        family=_is_mae,
        marks=(MARKS[where].replace(where, painter),),
        keys=DECODER + inside + KEYS[where].under("", "vit"),
        parts=lambda fields, shapes: _whole_parts(fields, shapes, where, painter),
        image="lexel.towers.mae:MAEImage",
        model="lexel.towers.mae:MAE",
        settings=None if name else _whole_settings,
    )


def _alone(name: str, where: str) -> Layout:
    return Layout(
        f"MAE, encoder alone (Hugging Face{name})",
        file="config.json",
        family=_is_mae,
        marks=(MARKS[where],),
        keys=KEYS[where],
        parts=lambda fields, shapes: _encoder_parts(fields, shapes, where),
        image="lexel.towers.mae:MAEImage",
        model="lexel.towers.mae:MAE",
        prefixes=("", "vit."),
        settings=None if name else _encoder_settings,
    )


def _is_mae(fields: Fields) -> bool:
    return fields.text("model_type") == "vit_mae"


LAYOUTS = [
    _whole("", DISK, "decoder.decoder_layers", DISK_BLOCK),  # the hub's names, which transformers 4 and 5 read
    _whole(", saved by transformers 5", DISK, "decoder.decoder_encoder.layer", DISK_BLOCK),
    _whole(", names in memory", MEMORY, "decoder.decoder_layers", MEMORY_BLOCK),
    _alone("", DISK),
    _alone(", names in memory", MEMORY),
    Layout(
        "MAE (facebookresearch/mae)",
        file="",
        family=lambda fields: True,
        marks=("decoder_blocks.0.attn.qkv.weight",),
        keys=FIRST + TIMM,
        parts=_first_parts,
        image="lexel.towers.mae:MAEImage",
        model="lexel.towers.mae:MAE",
    ),
]
