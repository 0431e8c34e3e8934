"""The autoencoders that lexel trains itself, all of the light encoder: VQ-VAE, VAE, the plain one, diffusion.

config.json    model_type lexel_vqvae, lexel_vae, lexel_autoencoder, lexel_diffusion; sizes, the text of a quantizer
keys           encoder.levels.0.1.conv1.weight, decoder.…, quantizer.…: ours without the first word
"""

from collections.abc import Callable

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders._light import Light
from lexel.autoencoders.autoencoder import PlainConfig
from lexel.autoencoders.diffusion import DiffusionConfig
from lexel.autoencoders.vae import VAEConfig
from lexel.autoencoders.vqvae import VQVAEConfig
from lexel.errors import BadArguments, LexelError, LoadError
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._scaling import scaling
from lexel.loading.table import Table
from lexel.needs import torch
from lexel.pictures.published import convolutional
from lexel.quantizers._quantizer import built

KEYS = Table.of("""
    image.encoder       encoder
    image.decoder       decoder
    image.denoiser      denoiser
    image.quantizer     quantizer
""")
KINDS: dict[type, str] = {VAEConfig: "lexel_vae", PlainConfig: "lexel_autoencoder", DiffusionConfig: "lexel_diffusion"}
LEVELS = 6  # at most: cells of 128 pixels


def _vqvae_parts(fields: Fields, shapes: Shapes) -> Parts:
    light, quantizer = _light(fields), fields.text("quantizer")
    try:
        with torch.device("meta"):
            built(quantizer)
    except LexelError as error:
        raise LoadError(f"quantizer is {quantizer[:40]!r}: {error}", subject=fields.subject) from error
    return _parts(VQVAEConfig(light=light, quantizer=quantizer), light)


def _vae_parts(fields: Fields, shapes: Shapes) -> Parts:
    light, channels = _light(fields), fields.count("channels", 8)
    return _parts(VAEConfig(light=light, channels=channels, scaling=_scaling(fields, channels)), light)


def _plain_parts(fields: Fields, shapes: Shapes) -> Parts:
    light, channels = _light(fields), fields.count("channels", 8)
    return _parts(PlainConfig(light=light, channels=channels, scaling=_scaling(fields, channels)), light)


def _diffusion_parts(fields: Fields, shapes: Shapes) -> Parts:
    light, channels = _light(fields), fields.count("channels", 8)
    try:
        config = DiffusionConfig(light=light, channels=channels, scaling=_scaling(fields, channels))
    except BadArguments as error:
        raise LoadError(str(error), subject=fields.subject) from error
    return _parts(config, light)


def _parts(config: VQVAEConfig | VAEConfig | PlainConfig | DiffusionConfig, light: Light) -> Parts:
    return Parts(config, None, convolutional(light.edge, light.cell))


def _light(fields: Fields) -> Light:
    try:
        return Light(
            encoder=_counts(fields, "encoder_widths"),
            decoder=_counts(fields, "decoder_widths"),
            blocks=_counts(fields, "blocks"),
            edge=fields.count("edge", 1024),
        )
    except LoadError:
        raise
    except LexelError as error:
        raise LoadError(str(error), subject=fields.subject) from error


def _counts(fields: Fields, name: str) -> tuple[int, ...]:
    values = fields.values.get(name)
    if not isinstance(values, list) or not 1 <= len(values) <= LEVELS:
        raise LoadError(f"{name} is {values!r}"[:80] + f", expected 1 to {LEVELS} numbers", subject=fields.subject)
    return tuple(Fields({name: value}, fields.subject).count(name, 1) if value != 0 else 0 for value in values)


def _scaling(fields: Fields, channels: int) -> Scaling | None:
    """Mean and deviation of each channel; None where nobody measured them."""
    if "latents_mean" not in fields:
        return None
    return scaling(fields, channels, factor=1.0)


def _vqvae_settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, VQVAEConfig)
    return {"model_type": "lexel_vqvae", "quantizer": config.quantizer} | _written(config.light)


def _continuous_settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, VAEConfig | PlainConfig | DiffusionConfig)
    said: dict[str, JSON] = {"model_type": KINDS[type(config)], "channels": config.channels}
    if config.scaling:
        said |= {"latents_mean": [*config.scaling.shift], "latents_std": [*config.scaling.std]}
    return said | _written(config.light)


def _written(light: Light) -> dict[str, JSON]:
    return {
        "encoder_widths": [*light.encoder],
        "decoder_widths": [*light.decoder],
        "blocks": [*light.blocks],
        "edge": light.edge,
    }


def _layout(
    name: str,
    kind: str,
    parts: Callable[[Fields, Shapes], Parts],
    image: str,
    model: str,
    settings: Callable[[Parts], dict[str, JSON]] = _continuous_settings,
) -> Layout:
    return Layout(
        f"{name} (lexel)",
        file="config.json",
        family=lambda fields: fields.values.get("model_type") == kind,
        marks=("encoder.norm_out.weight",),
        keys=KEYS,
        parts=parts,
        image=f"lexel.autoencoders.{image}",
        model=f"lexel.autoencoders.{model}",
        settings=settings,
    )


PLAIN, DIFFUSION = "autoencoder:PlainAutoencoder", "diffusion:DiffusionAutoencoder"
LAYOUTS = [
    _layout("VQ-VAE", "lexel_vqvae", _vqvae_parts, "vqvae:VQVAE", "_discrete:Discrete", _vqvae_settings),
    _layout("VAE", "lexel_vae", _vae_parts, "vae:VAE", "_continuous:Variational"),
    _layout("autoencoder", "lexel_autoencoder", _plain_parts, PLAIN, "_continuous:Continuous"),
    _layout("diffusion autoencoder", "lexel_diffusion", _diffusion_parts, DIFFUSION, "_continuous:Continuous"),
]
