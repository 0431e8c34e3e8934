"""A run as a TOML file: every setting has a type and a range, and an error names file, line and setting.

    mymodel.toml ─► tomllib ─► pydantic ─► Contrastive │ Masked │ Finetune │ Tokenizer
                       │           │
                       └───────────┴─► mymodel.toml:12: optimizer.learning_rate: must be greater than 0, is -1

No setting has a default: a file says all of it, and nothing about a run is hidden. What is missing is offered as the
line of the template that `lexel new` writes. Pydantic knows files alone: behind this door everything is a plain value.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lexel.carets import nearest
from lexel.errors import BadArguments
from lexel.needs import pydantic
from lexel.training.recipes import template
from lexel.training.sections import Config, Contrastive, Finetune, Masked, Tokenizer

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST = 40  # characters of a value in an error

Place: TypeAlias = tuple[str | int, ...]  # ("optimizer", "betas", 1)

REASONS = {  # in words of TOML where Pydantic's are of Python
    "missing": "is missing",
    "model_type": "must be a table",
    "tuple_type": "must be a list of two numbers",
    "too_long": "must be a list of two numbers",
}

KINDS: dict[str, type[Config]] = {
    "clip": Contrastive,
    "siglip": Contrastive,
    "mae": Masked,
    "tokenizer": Tokenizer,
    "finetune": Finetune,
}


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
