"""Config and keys → layout, or one sentence that says what was found and what was expected.

    config.json "model_type": "siglip" ─┐
                                        ├─►  the layout whose family and whose marks both fit
    vision_model.head.probe, … ─────────┘

The config alone is not believed: a folder whose tensors are another family's would load half of them.
"""

import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexel.errors import MissingKeys, UnknownLayout, WrongShape
from lexel.loading.files import CONFIGS, JSON, WEIGHTS, Checkpoint, Fields, Tensors
from lexel.loading.table import Table
from lexel.pictures.prepare import Preparation
from lexel.words.value import Speller

if TYPE_CHECKING:
    from lexel.towers._config import TextConfig

# Files in layouts/; the first that fits counts.
LAYOUTS = (
    "clip",
    "siglip",
    "openclip",
    "dinov3",
    "dinov2",
    "sam",
    "mae",
    "vit",
    "swin",
    "swinv2",
    "pvt",
    "resnet",
    "light",
    "dcae",
    "chameleon",
    "emu3",
    "janus",
    "dvae",
    "vqvae2",
    "titok",
    "var",
    "vqgan",
    "cosmos",
    "magvit2",
    "autoencoder_kl",
    "prior",
)

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Parts:
    """What a checkpoint holds, as the towers want to hear it: None where a half is absent.

    image         the configuration that the class of the image tower takes
    preparation   None of what is shown no pictures
    """

    image: object | None
    text: "TextConfig | None"
    preparation: Preparation | None


@dataclass(frozen=True)
class Layout:
    """One published way to write a family down.

    name       as messages say it
    file       where the settings are; "" where its tensors say everything
    prepares   whether what a folder says of preparing pictures is said of this model
    weights    the file that `lexel.save` puts the tensors in
    family     whether these settings are of it
    marks      a key of every file that holds an image tower, and one of every other
    keys       ours and theirs; where it depends on the sizes, of what `parts` says
    parts      settings and shapes → configs
    image      "module:Class" of the image tower; imported when it is built
    text       …and of the text tower: the model is a `Dual`; "" where the family knows no words
    model      …and of what users call, where there is no text tower
    speller    how its words are spelled
    biased     whether logits have a bias
    prefixes   what may stand before every key, where a larger model holds this one
    unused     beginnings of keys that lexel has no use for: heads of a task, poolers that were never trained
    settings   what `file` says of such a model, {} where it is another layout's; None: never written so
    """

    name: str
    file: str
    family: Callable[[Fields], bool]
    marks: tuple[str, ...]
    keys: Table | Callable[[Parts], Table]
    parts: Callable[[Fields, Shapes], Parts]
    image: str
    text: str = ""
    model: str = "lexel.towers._backbone:Backbone"
    speller: Callable[[Checkpoint, int], Speller | None] | None = None
    biased: bool = False
    prefixes: tuple[str, ...] = ("",)
    unused: tuple[str, ...] = ()
    settings: Callable[[Parts], dict[str, JSON]] | None = None
    weights: str = WEIGHTS[0]
    prepares: bool = True

    def table(self, parts: Parts) -> Table:
        """The keys of a model with these parts."""
        return self.keys if isinstance(self.keys, Table) else self.keys(parts)

    def marked(self, tensors: Tensors) -> bool:
        """Whether the keys of a file are of it."""
        images = any(name.startswith(("vision_model.", "visual.")) for name in tensors.entries)
        return self.marks[0 if images else -1] in tensors.entries


def layouts() -> list[Layout]:
    """Every layout that lexel reads."""
    modules = [importlib.import_module(f"lexel.loading.layouts.{name}") for name in LAYOUTS]
    return [layout for module in modules for layout in module.LAYOUTS]


def detect(checkpoint: Checkpoint, tensors: Tensors) -> tuple[Layout, Fields, Tensors]:
    """The layout of a checkpoint, its settings, and its tensors under their full names.

    Raises `UnknownLayout` in one sentence: what was expected, what was found, the first key.
    """
    settings = {file: fields for file in CONFIGS if (fields := checkpoint.fields(file))}
    named = [layout for layout in layouts() if layout.file in settings and layout.family(settings[layout.file])]
    for layout in named:
        whole = tensors if layout.marked(tensors) else tensors.under(_prefix(settings[layout.file], tensors.entries))
        for prefix in layout.prefixes:
            if layout.marked(bare := whole.without(prefix)):
                return layout, settings[layout.file], bare
    for layout in layouts():
        for prefix in () if layout.file else layout.prefixes:
            if layout.marked(bare := tensors.without(prefix)):
                return layout, Fields({}, checkpoint.name), bare
    if named:
        said = f"{named[0].file} says {named[0].name}, whose files have {named[0].marks[0]}"
    elif settings:
        kinds = " and ".join(f"{file} says {_kind(fields)}" for file, fields in settings.items())
        said = f"{kinds}; lexel reads {', '.join(layout.name for layout in layouts())}"
    else:
        said = f"has neither {' nor '.join(CONFIGS)}"
    raise UnknownLayout(f"{said}; {tensors.first}", subject=checkpoint.name)


def sides(shapes: Shapes, name: str, dimensions: int, *, subject: str) -> tuple[int, ...]:
    """The shape of a tensor that says how large a model without settings is.

    Raises `MissingKeys` where it is not there, `WrongShape` where it has other dimensions or an empty one.
    """
    if name not in shapes:
        raise MissingKeys(f"{name} is missing, which says how large the model is", subject=subject)
    shape = shapes[name]
    if len(shape) != dimensions or not all(shape):
        raise WrongShape(f"{name} is {[*shape]}, expected {dimensions} dimensions", subject=subject)
    return shape


def _prefix(fields: Fields, names: Collection[str]) -> str:
    """What transformers 5 leaves out before every name where it saves a half alone."""
    half = fields.text("model_type").rpartition("_model")[0].rpartition("_")[2]
    prefix = f"{half}_model."
    return prefix if half in ("vision", "text") and not any(name.startswith(prefix) for name in names) else ""


def _kind(fields: Fields) -> str:
    """What settings of an unknown family say of themselves."""
    trunk = fields.table("model_cfg").table("vision_cfg").values.get("timm_model_name")
    kind = (
        fields.values.get("model_type")
        or fields.values.get("_class_name")
        or fields.values.get("architectures")
        or fields.values.get("architecture")
        or trunk
        or sorted(fields.values)[:5]
    )
    return repr(kind)[:80]
