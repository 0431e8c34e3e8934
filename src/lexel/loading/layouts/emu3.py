"""The tokenizer of Emu3 as Hugging Face writes it, alone or in the whole language model.

config.json    model_type emu3_vqgan; in whole models "vq_config" of emu3
keys           encoder.down_block.down.…, encoder.time_conv.…, …; in whole models under model.vqmodel.…
"""

from lexel.autoencoders.emu3 import Emu3Config
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import counts
from lexel.loading.layouts._stacks import EMU3
from lexel.loading.layouts.chameleon import half, stacks, written
from lexel.loading.table import Table
from lexel.pictures.published import emu3

OVER_TIME = Table.of("""
    image.shorter.*.conv        encoder.time_conv.*.conv.conv
    image.before                encoder.time_res_stack
    image.quant.conv            quant_conv.conv
    image.quantizer.codebook    quantize.embedding.weight
    image.post_quant.conv       post_quant_conv.conv
    image.after                 decoder.time_res_stack
    image.longer.*.conv         decoder.time_conv.*.conv.conv
""")

# Class defaults that are not Chameleon's.
PUBLISHED: dict[str, JSON] = {"base_channels": 256, "channel_multiplier": [1, 2, 2, 4], "latent_channels": 4}


def _keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, Emu3Config)
    return OVER_TIME + EMU3.table(len(config.stacks.widths))


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    inside = half(fields, "emu3")
    said = Fields({**PUBLISHED, **inside.values}, inside.subject)
    levels = len(counts(said, "channel_multiplier", ()))
    where = said.values.get("attn_resolutions", [3])
    attention = tuple(isinstance(where, list) and level in where for level in range(levels))
    made = stacks(said, shapes, EMU3, attention)
    if said.count("embed_dim", 4) != made.latent or said.count("num_attention_heads", 1) != 1:
        raise LoadError("embed_dim is not latent_channels, or there is more than one head", subject=said.subject)
    frames = said.count("temporal_downsample_factor", 4)
    config = Emu3Config(stacks=made, codebook_size=said.count("codebook_size", 32_768), times=frames.bit_length() - 1)
    return Parts(config, None, emu3(made.cell))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, Emu3Config)
    own: dict[str, JSON] = {
        "architectures": ["Emu3VQVAE"],
        "model_type": "emu3_vqgan",
        "codebook_size": config.codebook_size,
        "embed_dim": config.stacks.latent,
        "hidden_size": config.stacks.widths[-1],
        "temporal_downsample_factor": 1 << config.times,
        "attn_resolutions": [level for level, has in enumerate(config.stacks.attention) if has],
    }
    return own | written(config.stacks)


LAYOUTS = [
    Layout(
        "Emu3's tokenizer (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") in ("emu3", "emu3_vqgan"),
        marks=("encoder.time_conv.0.conv.conv.weight",),
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.emu3:Emu3",
        model="lexel.autoencoders._discrete:Discrete",
        prefixes=("", "model.vqmodel."),
        unused=("model.", "lm_head."),
        settings=_settings,
    )
]
