"""The folder is the registry: a method is a file, its name is the file's name.

    tome  →  reducers/tome.py  →  its one public class, ToMe

    methods()   what there is: a directory listing and the head of each file; nothing is imported
    find(name)  the class: one file is imported
    families()  what models can be of: heads too. Their names mean nothing in a pipeline, a model's name does

A file without a leading underscore in a room of methods is a method. Plug-ins (`lexel.plugins`) come after: their
names are metadata, their code is loaded when `find` asks for it, and a name of lexel's own wins.
"""

import ast
import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent
from types import ModuleType

from lexel.carets import nearest
from lexel.errors import LexelError, PipelineError, UnknownName
from lexel.plugins import plugins

ROOMS = ("partitions", "reducers", "quantizers")
FAMILIES = ("towers", "autoencoders", "generators")  # rooms where a file is a family of models
FIELDS = ("Paper", "Kind", "Needs", "Cost", "Checked by")

HOUSE = Path(__file__).parent.parent
HEAD = re.compile(r'r?"""(.*?)"""', re.DOTALL)
HEAD_LENGTH = 8_192  # characters read of a file; the longest head has a third of it
FIELD = re.compile(rf"({'|'.join(FIELDS)}) +(.*)")


@dataclass(frozen=True)
class Method:
    """What is known of a method without importing it.

    name       as pipelines say it
    room       one of `ROOMS` or `FAMILIES`; of a plug-in its distribution
    sentence   the first of its file: what it does
    drawing    what stands between the sentence and the fields
    fields     `Paper`, `Kind`, `Needs`, `Cost`, `Checked by`, as far as the head has them; none of a plug-in
    """

    name: str
    room: str
    sentence: str = ""
    drawing: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def methods() -> list[Method]:
    """Every method, room by room and by name, then the plug-ins. A file takes about 0.2 ms; nothing is imported."""
    found = [_read(name, room) for room in ROOMS for name in sorted(_listing(room))]
    taken = {method.name for method in found}
    points = sorted(plugins().items())
    return found + [Method(name, _distribution(point)) for name, point in points if name not in taken]


def families() -> list[Method]:
    """Every family of models that is loaded by a model's name, room by room and by name."""
    return [_read(name, room) for room in FAMILIES for name in sorted(_listing(room))]


def find(name: str) -> type:
    """The class behind a name.

    Raises `UnknownName` with the nearest names, and `PipelineError` for a plug-in that cannot be loaded.

    >>> find("tome")
    <class 'lexel.reducers.tome.ToMe'>
    """
    if name in _temporary:
        return _temporary[name]
    for room in ROOMS:
        if name in _listing(room):
            return _public_class(importlib.import_module(f"lexel.{room}.{name}"))
    if name in (points := plugins()):
        return _load(points[name])
    known = names()
    if any(name in _listing(room) for room in FAMILIES):
        hint = "org/name of the hub, or ./folder, names a model"
        raise UnknownName(f"{name} is a family of models, and no method", hint=hint)
    raise UnknownName(
        f"no method is called {name}", hint=nearest(name, known) or f"the methods are {', '.join(sorted(known))}"
    )


def names() -> set[str]:
    """Every name that `find` answers to."""
    return {*_temporary, *plugins(), *(name for room in ROOMS for name in _listing(room))}


@contextmanager
def temporary(name: str, method: type) -> Iterator[None]:
    """Let `name` mean `method` inside the block: for the tests of a method before it is a file.

    Every thread sees it, so two threads cannot use one name at once. Raises `ValueError` for a name that is taken.
    """
    if name in names():
        raise ValueError(f"the name {name!r} is taken")
    _temporary[name] = method
    try:
        yield
    finally:
        del _temporary[name]


_temporary: dict[str, type] = {}


def _listing(room: str) -> set[str]:
    with os.scandir(HOUSE / room) as entries:
        return {e.name.removesuffix(".py") for e in entries if e.name.endswith(".py") and not e.name.startswith("_")}


def _read(name: str, room: str) -> Method:
    with open(HOUSE / room / f"{name}.py", encoding="utf-8") as file:
        head = HEAD.match(file.read(HEAD_LENGTH))
    sentence, _, rest = ast.literal_eval(head[0]).partition("\n\n") if head else ("", "", "")
    drawing: list[str] = []
    fields: dict[str, str] = {}
    for line in rest.splitlines():
        if said := FIELD.fullmatch(line):
            fields[said[1]] = said[2]
        elif not fields:
            drawing.append(line)
        elif line.startswith(" "):  # the field goes on
            last = next(reversed(fields))
            fields[last] += f" {line.strip()}"
    return Method(name, room, " ".join(sentence.split()), dedent("\n".join(drawing)).strip("\n"), fields)


def _public_class(module: ModuleType) -> type:
    own = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    if len(own) != 1:
        said = ", ".join(cls.__name__ for cls in own) or "none"
        raise PipelineError(f"a method's file has one public class, {module.__name__} has {said}")
    return own[0]


def _load(point: EntryPoint) -> type:
    plugin = f"the plug-in {point.name} of {_distribution(point)}"
    hint = "LEXEL_PLUGINS=0 turns plug-ins off"
    try:
        loaded = point.load()
    except LexelError:
        raise
    except Exception as error:  # whatever foreign code does while it is imported
        absent = isinstance(error, ModuleNotFoundError) and error.name
        why = f"there is no module {absent}" if absent else type(error).__name__
        raise PipelineError(f"{plugin} cannot be loaded: {why}", hint=hint) from error
    if not isinstance(loaded, type):
        raise PipelineError(f"{plugin} is no class but a {type(loaded).__name__}", hint=hint)
    return loaded


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module
