"""AutoencoderKL as diffusers writes it, today and before 0.17, and under the names of latent diffusion.

config.json    _class_name AutoencoderKL; weights in diffusion_pytorch_model.safetensors
latent         encoder.down.0.…, quant_conv, loss.…, under first_stage_model.… in whole models; FLUX's ae.safetensors.
diffusion      No settings: sizes from shapes, and nothing says how its latents are scaled
"""

from dataclasses import replace

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders.autoencoder_kl import AutoencoderKLConfig
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts import _diffusers
from lexel.loading.layouts._scaling import scaling
from lexel.loading.layouts._stacks import DIFFUSERS, OLD_DIFFUSERS, TAMING, Names
from lexel.loading.table import Table
from lexel.pictures.published import convolutional

ENDS = Table.of("""
    image.quant         quant_conv
    image.post_quant    post_quant_conv
""")

EDGE = 256  # of latent diffusion's pictures, where no config says for which a network was trained


def _parts(fields: Fields, shapes: Shapes, names: Names) -> Parts:
    channels = fields.count("latent_channels", 4)
    config = AutoencoderKLConfig(
        stacks=_diffusers.stacks(fields, shapes, names, latent=channels),
        quant=fields.flag("use_quant_conv", True),
        post_quant=fields.flag("use_post_quant_conv", True),
        scaling=scaling(fields, channels, factor=0.18215),
        edge=max(fields.size("sample_size", 32)),
    )
    return Parts(config, None, convolutional(config.edge, config.stacks.cell))


def _latent_diffusion_parts(fields: Fields, shapes: Shapes) -> Parts:
    channels = sides(shapes, "decoder.conv_in.weight", 4, subject=fields.subject)[1]
    config = AutoencoderKLConfig(
        stacks=TAMING.stacks(shapes, latent=channels, subject=fields.subject),
        quant="quant_conv.weight" in shapes,
        post_quant="post_quant_conv.weight" in shapes,
        scaling=None,
        edge=EDGE,
    )
    return Parts(config, None, convolutional(config.edge, config.stacks.cell))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, AutoencoderKLConfig)
    own: dict[str, JSON] = {
        "_class_name": "AutoencoderKL",
        "use_quant_conv": config.quant,
        "use_post_quant_conv": config.post_quant,
        "sample_size": config.edge,
    }
    return own | _diffusers.written(config.stacks) | (_written(config.scaling) if config.scaling else {})


def _written(scaling: Scaling) -> dict[str, JSON]:
    fields: dict[str, JSON] = {"scaling_factor": scaling.factor}
    if len(scaling.shift) > 1 or len(scaling.std) > 1:
        fields |= {"latents_mean": [*scaling.shift], "latents_std": [*scaling.std]}
    elif scaling.shift != (0.0,):
        fields["shift_factor"] = scaling.shift[0]
    return fields


def _keys(parts: Parts, names: Names) -> Table:
    config = parts.image
    assert isinstance(config, AutoencoderKLConfig)
    return ENDS + names.table(len(config.stacks.widths))


def _is_kl(fields: Fields) -> bool:
    return fields.text("_class_name") == "AutoencoderKL"


DIFFUSERS_LAYOUT = Layout(
    "AutoencoderKL (diffusers)",
    file="config.json",
    weights=_diffusers.WEIGHTS,
    family=_is_kl,
    marks=("encoder.mid_block.resnets.0.conv1.weight",),
    keys=lambda parts: _keys(parts, DIFFUSERS),
    parts=lambda fields, shapes: _parts(fields, shapes, DIFFUSERS),
    image="lexel.autoencoders.autoencoder_kl:AutoencoderKL",
    model="lexel.autoencoders._continuous:Variational",
    settings=_settings,
)

LAYOUTS = [
    replace(
        DIFFUSERS_LAYOUT,
        name="AutoencoderKL (diffusers, before 0.17)",
        marks=("encoder.mid_block.attentions.0.query.weight",),
        keys=lambda parts: _keys(parts, OLD_DIFFUSERS),
        parts=lambda fields, shapes: _parts(fields, shapes, OLD_DIFFUSERS),
        settings=None,
    ),
    DIFFUSERS_LAYOUT,
    Layout(
        "AutoencoderKL (latent diffusion)",
        file="",
        family=lambda fields: True,
        marks=("encoder.down.0.block.0.norm1.weight",),
        keys=lambda parts: _keys(parts, TAMING),
        parts=_latent_diffusion_parts,
        image="lexel.autoencoders.autoencoder_kl:AutoencoderKL",
        model="lexel.autoencoders._continuous:Variational",
        prefixes=("", "first_stage_model."),
        unused=("loss.", "model.", "model_ema.", "cond_stage_model.", "conditioner."),
    ),
]
