"""VQGAN as diffusers writes it (`VQModel`), and under the names of taming-transformers and of LlamaGen.

config.json    _class_name VQModel; weights in diffusion_pytorch_model.safetensors
taming         encoder.down.0.block.0.…, quantize.embedding, loss.…, also under first_stage_model.…
LlamaGen       encoder.conv_blocks.0.res.0.…. Neither has settings: sizes from shapes
"""

from lexel.autoencoders.vqgan import VQGANConfig
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts import _diffusers
from lexel.loading.layouts._stacks import DIFFUSERS, LLAMAGEN, TAMING, Names
from lexel.loading.table import Table
from lexel.pictures.published import convolutional

ENDS = Table.of("""
    image.quant                 quant_conv
    image.quantizer.codebook    quantize.embedding.weight
    image.post_quant            post_quant_conv
""")

EDGE = 256  # of ImageNet's crops: no file says for which size its network was trained


def keys(parts: Parts, names: Names) -> Table:
    """Both stacks and what stands between."""
    config = parts.image
    assert isinstance(config, VQGANConfig)
    return ENDS + names.table(len(config.stacks.widths))


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    channels, norm = fields.count("latent_channels", 3), fields.text("norm_type", "group")
    if norm not in ("group", "spatial"):
        raise LoadError(f"norm_type is {norm[:40]!r}, expected group or spatial", subject=fields.subject)
    config = VQGANConfig(
        stacks=_diffusers.stacks(fields, shapes, DIFFUSERS, latent=channels),
        codebook_size=fields.count("num_vq_embeddings", 256),
        dim=fields.count("vq_embed_dim", channels) if "vq_embed_dim" in fields else channels,
        edge=max(fields.size("sample_size", 32)),
        spatial=norm == "spatial",
    )
    return Parts(config, None, convolutional(config.edge, config.stacks.cell))


def _native_parts(fields: Fields, shapes: Shapes, names: Names, *, cosine: bool) -> Parts:
    channels = sides(shapes, "decoder.conv_in.weight", 4, subject=fields.subject)[1]
    codebook_size, dim = sides(shapes, "quantize.embedding.weight", 2, subject=fields.subject)
    config = VQGANConfig(
        stacks=names.stacks(shapes, latent=channels, subject=fields.subject),
        codebook_size=codebook_size,
        dim=dim,
        edge=EDGE,
        cosine=cosine,
    )
    return Parts(config, None, convolutional(EDGE, config.stacks.cell))


def _settings(parts: Parts) -> dict[str, JSON]:
    """None for a codebook of directions: `VQModel` looks by distance."""
    config = parts.image
    assert isinstance(config, VQGANConfig)
    if config.cosine or not config.decoder:
        return {}
    own: dict[str, JSON] = {
        "_class_name": "VQModel",
        "num_vq_embeddings": config.codebook_size,
        "vq_embed_dim": config.dim,
        "norm_type": "spatial" if config.spatial else "group",
        "sample_size": config.edge,
    }
    return own | _diffusers.written(config.stacks)


LAYOUTS = [
    Layout(
        "VQModel (diffusers)",
        file="config.json",
        weights=_diffusers.WEIGHTS,
        family=lambda fields: fields.text("_class_name") == "VQModel",
        marks=("quantize.embedding.weight",),
        keys=lambda parts: keys(parts, DIFFUSERS),
        parts=_parts,
        image="lexel.autoencoders.vqgan:VQGAN",
        model="lexel.autoencoders._discrete:Discrete",
        settings=_settings,
    ),
    Layout(
        "VQGAN (LlamaGen)",
        file="",
        family=lambda fields: True,
        marks=("encoder.conv_blocks.0.res.0.norm1.weight",),
        keys=lambda parts: keys(parts, LLAMAGEN),
        parts=lambda fields, shapes: _native_parts(fields, shapes, LLAMAGEN, cosine=True),
        image="lexel.autoencoders.vqgan:VQGAN",
        model="lexel.autoencoders._discrete:Discrete",
        unused=("quantize.codebook_used", "loss."),
    ),
    Layout(
        "VQGAN (taming-transformers)",
        file="",
        family=lambda fields: True,
        marks=("quantize.embedding.weight",),
        keys=lambda parts: keys(parts, TAMING),
        parts=lambda fields, shapes: _native_parts(fields, shapes, TAMING, cosine=False),
        image="lexel.autoencoders.vqgan:VQGAN",
        model="lexel.autoencoders._discrete:Discrete",
        prefixes=("", "first_stage_model."),
        unused=("loss.", "model.", "model_ema.", "cond_stage_model."),
    ),
]
