"""The generation tokenizer of Janus and Janus-Pro as Hugging Face writes it, alone or in the whole model.

config.json    model_type janus_vqgan; in whole models "vq_config" of janus
keys           those of taming-transformers, the decoder's levels from the coarsest on; in whole models under
               model.vqmodel.…

It is LlamaGen's network with 8 numbers a code, found by direction. `JanusVQVAE.encode` of transformers looks by
distance among rows that it does not make unit, which the original does, and so does lexel.
"""

from lexel.autoencoders.vqgan import VQGANConfig
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import counts
from lexel.loading.layouts._stacks import JANUS
from lexel.loading.layouts.chameleon import half, stacks, written
from lexel.loading.layouts.vqgan import keys
from lexel.pictures.published import convolutional


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    """Pictures of whole models have 24 cells a side, whatever the default of the class is: their files say so."""
    said = half(fields, "janus")
    levels = len(counts(said, "channel_multiplier", (1, 1, 2, 2, 4)))
    attention = tuple(level == levels - 1 for level in range(levels))
    made = stacks(said, shapes, JANUS, attention)
    config = VQGANConfig(
        stacks=made,
        codebook_size=said.count("num_embeddings", 16384),
        dim=said.count("embed_dim", 8),
        edge=said.count("num_patches", 32) * made.cell,
        cosine=True,
    )
    return Parts(config, None, convolutional(config.edge, made.cell))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, VQGANConfig)
    *finer, last = config.stacks.attention
    if not config.cosine or any(finer) or not last:
        return {}
    own: dict[str, JSON] = {
        "architectures": ["JanusVQVAE"],
        "model_type": "janus_vqgan",
        "num_embeddings": config.codebook_size,
        "embed_dim": config.dim,
        "num_patches": config.edge // config.stacks.cell,
    }
    return own | written(config.stacks)


LAYOUTS = [
    Layout(
        "Janus's tokenizer (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") in ("janus", "janus_vqgan"),
        marks=("quantize.embedding.weight",),
        keys=lambda parts: keys(parts, JANUS),
        parts=_parts,
        image="lexel.autoencoders.vqgan:VQGAN",
        model="lexel.autoencoders._discrete:Discrete",
        prefixes=("", "model.vqmodel."),
        unused=("model.", "lm_head."),
        settings=_settings,
        prepares=False,
    )
]
