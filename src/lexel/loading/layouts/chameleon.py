"""The picture tokenizer of Chameleon as Hugging Face writes it, alone or in the whole language model.

config.json    model_type chameleon_vqgan; in whole models "vq_config" of chameleon
keys           those of taming-transformers without a decoder; in whole models under model.vqmodel.…
"""

from lexel.autoencoders._stacks import Stacks
from lexel.autoencoders.vqgan import VQGANConfig
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import counts
from lexel.loading.layouts._stacks import TAMING, Names
from lexel.loading.layouts.vqgan import keys
from lexel.pictures.published import chameleon


def half(fields: Fields, kind: str) -> Fields:
    """The settings of the tokenizer, in its own file or in that of the whole model."""
    return fields.table("vq_config") if fields.text("model_type") == kind else fields


def stacks(fields: Fields, shapes: Shapes, names: Names, attention: tuple[bool, ...], *, middle: bool = True) -> Stacks:
    """The two stacks of a config of transformers. Raises `LoadError` for what is no picture's."""
    base, times = fields.count("base_channels", 128), counts(fields, "channel_multiplier", (1, 1, 2, 2, 4))
    if fields.flag("double_latent", False) or fields.count("in_channels", 3) != 3:
        raise LoadError("double_latent or in_channels are not those of a picture's codes", subject=fields.subject)
    said = Stacks(
        widths=tuple(base * factor for factor in times),
        blocks=fields.count("num_res_blocks", 2),
        attention=attention,
        middle=middle,
        latent=fields.count("latent_channels", 256),
    )
    return names.checked(said, shapes, fields.subject)


def written(stacks: Stacks) -> dict[str, JSON]:
    """The fields of the two stacks."""
    return {
        "base_channels": stacks.widths[0],
        "channel_multiplier": [width // stacks.widths[0] for width in stacks.widths],
        "num_res_blocks": stacks.blocks,
        "latent_channels": stacks.latent,
    }


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    said = half(fields, "chameleon")
    levels = len(counts(said, "channel_multiplier", (1, 1, 2, 2, 4)))
    edge = said.count("resolution", 512)
    at = counts(said, "attn_resolutions", ()) if said.values.get("attn_resolutions") else ()
    vanilla = said.values.get("attn_type", "vanilla") == "vanilla"
    attention = tuple(vanilla and edge >> level in at for level in range(levels))
    config = VQGANConfig(
        stacks=stacks(said, shapes, TAMING, attention, middle=vanilla),
        codebook_size=said.count("num_embeddings", 8192),
        dim=said.count("embed_dim", 256),
        edge=edge,
        decoder=False,
    )
    return Parts(config, None, chameleon(edge))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, VQGANConfig)
    if config.decoder:
        return {}
    own: dict[str, JSON] = {
        "architectures": ["ChameleonVQVAE"],
        "model_type": "chameleon_vqgan",
        "num_embeddings": config.codebook_size,
        "embed_dim": config.dim,
        "resolution": config.edge,
        "attn_resolutions": [config.edge >> i for i, has in enumerate(config.stacks.attention) if has] or None,
        "attn_type": "vanilla" if config.stacks.middle else "none",
    }
    return own | written(config.stacks)


LAYOUTS = [
    Layout(
        "Chameleon's tokenizer (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") in ("chameleon", "chameleon_vqgan"),
        marks=("quantize.embedding.weight",),
        keys=lambda parts: keys(parts, TAMING),
        parts=_parts,
        image="lexel.autoencoders.vqgan:VQGAN",
        model="lexel.autoencoders._discrete:Discrete",
        prefixes=("", "model.vqmodel."),
        unused=("model.", "lm_head."),
        settings=_settings,
    )
]
