"""A run as a TOML file: every setting has a type and a range, and an error names file, line and setting.

    mymodel.toml ─► tomllib ─► pydantic ─► Contrastive │ Masked │ Finetune
                       │           │
                       └───────────┴─► mymodel.toml:12: optimizer.learning_rate: must be greater than 0, is -1

No setting has a default: a file says all of it, and nothing about a run is hidden. What is missing is offered as the
line of the template that `lexel new` writes. Pydantic knows files alone: behind this door everything is a plain value.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from lexel.carets import nearest
from lexel.errors import BadArguments
from lexel.needs import pydantic
from lexel.training.recipes import template

if TYPE_CHECKING:
    from pydantic import ValidationInfo
    from pydantic_core import ErrorDetails

Field = pydantic.Field
LONGEST = 40  # characters of a value in an error

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Chance = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Chances = Annotated[tuple[Chance, Chance], Field(strict=False)]  # TOML has lists alone; the numbers stay strict
Positives = Annotated[tuple[Positive, Positive], Field(strict=False)]
Shares = Annotated[tuple[Share, Share], Field(strict=False)]

Place: TypeAlias = tuple[str | int, ...]  # ("optimizer", "betas", 1)

REASONS = {  # in words of TOML where Pydantic's are of Python
    "missing": "is missing",
    "model_type": "must be a table",
    "tuple_type": "must be a list of two numbers",
    "too_long": "must be a list of two numbers",
}


class Section(pydantic.BaseModel):
    """A table of the file: unknown settings are refused, nothing is converted, nothing changes later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    """Where pictures and captions come from. `held_out`: a share of them below 1, else so many."""

    source: Annotated[str, Field(min_length=1)]
    held_out: Annotated[float, Field(ge=0)]
    licence: str
    description: str


class Blocks(Section):
    """A transformer."""

    width: Count
    depth: Count
    heads: Count

    @pydantic.field_validator("heads")
    @classmethod
    def _share_the_width(cls, heads: int, info: "ValidationInfo") -> int:
        width = info.data.get("width", heads)
        if width % heads:
            raise ValueError(f"divide width = {width}")
        return heads


class Image(Blocks):
    """The image tower. Pictures are `size` pixels high and wide."""

    size: Count
    patch_size: Count

    @pydantic.field_validator("patch_size")
    @classmethod
    def _share_the_size(cls, patch_size: int, info: "ValidationInfo") -> int:
        size = info.data.get("size", patch_size)
        if size % patch_size:
            raise ValueError(f"divide size = {size}")
        return patch_size


class Text(Blocks):
    """The text tower, and its vocabulary."""

    vocab_size: Annotated[int, Field(ge=514)]
    length: Annotated[int, Field(ge=4)]


class Decoder(Blocks):
    """What paints the patches that were hidden, a share `mask` of them."""

    mask: Annotated[float, Field(gt=0, lt=1)]
    norm_pix_loss: bool


class Model(Section):
    """What fine-tuning starts from, and what of it learns."""

    start: Annotated[str, Field(min_length=1)]
    train: Literal["all", "image", "text", "projection", "lora"]
    rank: Count
    mix: Chance


class Augment(Section):
    """How a picture is changed each time that it is seen."""

    crop: Chances
    ratio: Positives
    flip: Chance
    rotate: Annotated[float, Field(ge=0, le=180)]
    color: Share
    hue: Annotated[float, Field(ge=0, le=0.5)]
    gray: Chance
    blur: Chance


class Optimizer(Section):
    """AdamW, and the rate over the run. `warmup`: the share of all steps on the way up."""

    learning_rate: Positive
    warmup: Share
    weight_decay: Annotated[float, Field(ge=0)]
    betas: Shares
    clip: Annotated[float, Field(ge=0)]
    average: Share


class Run(Section):
    """How long, how much at once, and what is kept."""

    epochs: Positive
    batch: Annotated[int, Field(ge=2)]
    chunk: Natural
    precision: Literal["float32", "bfloat16"]
    device: Annotated[str, Field(min_length=1)]
    seed: Natural
    measures: Natural
    patience: Natural
    save_every: Count
    keep: Natural


class Card(Section):
    """What the model card says that nobody can compute."""

    licence: str
    description: str


class Contrastive(Section):
    """A new dual encoder, with the loss of CLIP or of SigLIP."""

    task: Literal["clip", "siglip"]
    data: Data
    image: Image
    text: Text
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


class Masked(Section):
    """A new masked autoencoder; captions are not read."""

    task: Literal["mae"]
    data: Data
    image: Image
    decoder: Decoder
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


class Finetune(Section):
    """A dual encoder that is there already, and learns more."""

    task: Literal["finetune"]
    data: Data
    model: Model
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


Config = Contrastive | Masked | Finetune

KINDS: dict[str, type[Config]] = {"clip": Contrastive, "siglip": Contrastive, "mae": Masked, "finetune": Finetune}


def read(path: Path) -> Config:
    """The run that a file describes.

    Raises `BadArguments` for a file that is not there, is no TOML or has settings that cannot be: each is named with
    its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = _syntax(str(error), text)
        raise BadArguments(f"is no TOML: {reason}", subject=f"{path}:{line}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadArguments("cannot be read as text", subject=str(path)) from error
    task = document.get("task")
    if not isinstance(task, str) or task not in KINDS:
        said = f"must be {', '.join(KINDS)}, is {_toml(task)}" if "task" in document else 'is missing: task = "clip"'
        raise BadArguments(f"task: {said}", subject=f"{path}:{line_of(text, ('task',))}")
    try:
        return KINDS[task].model_validate(document)
    except pydantic.ValidationError as error:
        faults = sorted((line_of(text, fault["loc"]), _said(fault, task)) for fault in error.errors())
        (line, reason), *others = faults
        hint = "\n".join(f"{path}:{other}: {said}" for other, said in others)
        raise BadArguments(reason, subject=f"{path}:{line}", hint=hint) from error


def line_of(text: str, place: Place) -> int:
    """The line, counted from 1, where the setting at `place` begins.

    Of one that is not there it is the line of its table, else the last. TOML's own parser says it: a setting stands on
    the first line with which the text so far holds it.

    line_of("[run]\\nbatch = 8", ("run", "batch"))  →  2
    """
    lines = text.splitlines(keepends=True)
    whole, line, depth = 0, max(1, len(lines)), 0
    for end in range(1, len(lines) + 1):
        try:
            held = _depth(tomllib.loads("".join(lines[:end])), place)
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a value of several lines
        if held > depth:
            line, depth = whole + 1, held
        whole = end
    return line


def _depth(document: object, place: Place) -> int:
    """How many steps of `place` the document goes along."""
    for depth, key in enumerate(place):
        if not isinstance(document, dict) or key not in document:
            return depth
        document = document[key]
    return len(place)


def _syntax(message: str, text: str) -> tuple[int, str]:
    """Line and reason of what TOML's parser says: "Invalid value (at line 3, column 8)"."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    reason, line = (found[1], found[2]) if found else (message, None)
    return int(line) if line else max(1, len(text.splitlines())), reason[:1].lower() + reason[1:]


def _said(fault: "ErrorDetails", task: str) -> str:
    """`optimizer.learning_rate: must be greater than 0, is -1`."""
    place, kind = fault["loc"], fault["type"]
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
    text = template(task)
    if kind == "extra_forbidden":
        known = _names(tomllib.loads(text), place[:-1])
        return f"{name}: is no setting; {nearest(str(place[-1]), known) or 'there are ' + ', '.join(known)}"
    if kind == "missing" and isinstance(place[-1], str):
        return f"{name}: is missing; a new run has\n{text.splitlines()[line_of(text, place) - 1]}"
    if kind in REASONS:
        return f"{name}: {REASONS[kind]}"
    reason = re.sub(r"^Value error, |^\w+ should (?=be |have )", "", fault["msg"])
    return f"{name}: must {reason}, is {_toml(fault['input'])}"


def _names(table: dict[str, object], place: Place) -> list[str]:
    """The settings of the table at `place`."""
    for key in place:
        below = table[str(key)]
        assert isinstance(below, dict)
        table = below
    return list(table)


def _toml(value: object) -> str:
    """A value about as it stands in the file, the beginning of a long one."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
