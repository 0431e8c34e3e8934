"""The config.json of Hugging Face: sparse, so that every field has its class default in the file of its family."""

from collections.abc import Sequence
from dataclasses import dataclass

from lexel.errors import LoadError, MissingKeys
from lexel.loading.detect import Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.table import depth
from lexel.towers._config import Blocks, ImageConfig, TextConfig

ACTIVATIONS = ("quick_gelu", "gelu", "gelu_pytorch_tanh", "gelu_new", "silu")


@dataclass(frozen=True)
class Family:
    """What two families of one shape of config differ in.

    kind            "clip": `model_type` of whole models; halves are `clip_vision_model` and `clip_text_model`
    image, text     class defaults, of the published base model
    """

    kind: str
    image: ImageConfig
    text: TextConfig

    def kinds(self, fields: Fields) -> bool:
        """Whether a config.json is of this family."""
        return fields.text("model_type") in {self.kind, f"{self.kind}_vision_model", f"{self.kind}_text_model"}

    def half(self, fields: Fields, which: str) -> Fields:
        """The settings of one half: the file itself where it is of that half alone.

        Old files have the half twice; the one under the longer name counts.
        """
        if fields.text("model_type") == f"{self.kind}_{which}_model":
            return fields
        old = f"{which}_config_dict"
        return fields.table(old if old in fields else f"{which}_config")

    def blocks(self, fields: Fields, default: Blocks, shapes: Shapes, where: str) -> Blocks:
        """The numbers of one stack of blocks, see `blocks`."""
        return blocks(fields, default, shapes, where)


def blocks(fields: Fields, default: Blocks, shapes: Shapes, where: str) -> Blocks:
    """The numbers of one stack of blocks. Raises `MissingKeys` where the file has fewer than it says."""
    said = Blocks(
        width=fields.count("hidden_size", default.width),
        depth=fields.count("num_hidden_layers", default.depth),
        heads=fields.count("num_attention_heads", default.heads),
        hidden=fields.count("intermediate_size", default.hidden),
        activation=fields.text("hidden_act", default.activation),
        eps=fields.number("layer_norm_eps", default.eps),
    )
    return checked(said, shapes, where, fields.subject)


def checked(blocks: Blocks, shapes: Shapes, where: str, subject: str) -> Blocks:
    """`blocks`, where the tensors under `where` are as many and the numbers go together.

    Asked before anything is built: a config may claim a million layers.
    """
    found = depth(list(shapes), where)
    if found != blocks.depth:
        key = f"{where}.{min(found, blocks.depth)}"
        said = f"{blocks.depth:,} layers are said, {found} are there"
        raise MissingKeys(f"{said}: {'no' if found < blocks.depth else 'unexpected'} {key}", subject=subject)
    if blocks.width % blocks.heads:
        raise LoadError(f"a width of {blocks.width} is no multiple of {blocks.heads} heads", subject=subject)
    if blocks.activation not in ACTIVATIONS:
        raise LoadError(f"hidden_act is {blocks.activation[:40]!r}, expected {', '.join(ACTIVATIONS)}", subject=subject)
    return blocks


def counts(fields: Fields, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """A list of whole numbers, one a stage. Raises `LoadError` for anything else."""
    values = fields.values.get(name, [*default])
    if not isinstance(values, list) or not values:
        raise LoadError(f"{name} is {values!r}"[:80] + ", expected a list of whole numbers", subject=fields.subject)
    return tuple(Fields({name: value}, fields.subject).count(name, 1) for value in values)


def settings(
    kind: str, architectures: dict[str, str], vision: dict[str, JSON], text: dict[str, JSON]
) -> dict[str, JSON]:
    """config.json of a whole model or of a half, `architectures` naming the class of each: whole, vision, text."""
    whole = bool(vision) and bool(text)
    which = "whole" if whole else "vision" if vision else "text"
    head: dict[str, JSON] = {
        "architectures": [architectures[which]],
        "model_type": kind if whole else f"{kind}_{which}_model",
    }
    if not whole:
        return head | (vision or text)
    return head | {
        "vision_config": vision | {"model_type": f"{kind}_vision_model"},
        "text_config": text | {"model_type": f"{kind}_text_model"},
    }


def written(blocks: Blocks) -> dict[str, JSON]:
    """The fields of a stack of blocks."""
    return {
        "hidden_size": blocks.width,
        "num_hidden_layers": blocks.depth,
        "num_attention_heads": blocks.heads,
        "intermediate_size": blocks.hidden,
        "hidden_act": blocks.activation,
        "layer_norm_eps": blocks.eps,
    }
