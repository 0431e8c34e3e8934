"""Priors over codes, as lexel writes them: they are trained here, and nobody else has a form for them.

config.json    model_type lexel_prior; objective; side; of the vocabulary name, digest, codebook_size, width, cell
keys           prior.codes, prior.places, prior.transformer.blocks.…, prior.norm_out, prior.bias
"""

from lexel.errors import LoadError
from lexel.generators._generator import OBJECTIVES
from lexel.generators._prior import PriorConfig, Vocabulary
from lexel.loading.detect import Layout, Parts, Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import blocks, written
from lexel.loading.table import Table
from lexel.towers._config import Blocks

KIND = "lexel_prior"
BLOCKS = "prior.transformer.blocks"
DEFAULT = Blocks(160, 4, 5, 640, "gelu")


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    said = fields.table("vocabulary")
    vocabulary = Vocabulary(
        name=said.text("name"),
        digest=said.text("digest"),
        codebook_size=said.count("codebook_size", 1024),
        width=said.count("width", 1),
        cell=said.count("cell", 8),
    )
    if (objective := fields.text("objective")) not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise LoadError(f"objective is {objective[:40]!r}, expected one of {known}", subject=fields.subject)
    stack = blocks(fields, DEFAULT, shapes, BLOCKS)
    if stack.width // stack.heads % 4:
        raise LoadError(f"a head has {stack.width // stack.heads} channels, no multiple of 4", subject=fields.subject)
    return Parts(PriorConfig(vocabulary, objective, stack, fields.count("side", 16)), None, None)


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, PriorConfig)
    vocabulary: dict[str, JSON] = {**vars(config.vocabulary)}
    said: dict[str, JSON] = {"model_type": KIND, "objective": config.objective, "side": config.side}
    return {**said, "vocabulary": vocabulary, **written(config.blocks)}


LAYOUTS = [
    Layout(
        "a prior over codes (lexel)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == KIND,
        marks=("prior.codes.weight",),
        keys=Table.of("image prior"),
        parts=_parts,
        image="lexel.generators._prior:Prior",
        model="lexel.generators._generator:Generator",
        settings=_settings,
    )
]
