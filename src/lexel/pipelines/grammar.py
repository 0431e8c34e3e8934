"""The text of a pipeline and its stages: `parse(text)`, and `str()` back.

    tower[3,6-9: evit(keep=0.7), tome(r=2)] | visionzip(64) | mlp
    ───── ────── ────────────── ─────────     ───────── ──    ───
    name  layers selector       no layers:    name      args  another stage
                                every layer

    pipeline = stage "|" stage …
    stage    = NAME [ "(" value, …, name=value, … ")" ] [ "[" inside, … "]" ]
    inside   = [ layer, … ":" ] stage             layers count from 0; -1 is the last; 4-8 has both ends in it
    value    = number, 'text', True, False, None, and (tuples), [lists], {'dicts': …} of them
    NAME     = method · org/model@revision · ./path or /path · prefix:what it loads · 'anything odd'

`parse(str(stages)) == stages`, and a text has one canonical form. Whatever else a text holds is a `BadArguments` that
points at the character. Numbers are finite, names are not empty, and length and depth are bounded, because texts
also come from the network.
"""

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias, TypeVar

from lexel.carets import point
from lexel.errors import BadArguments

# What a container holds is a value again; type checkers get no deeper than one level.
Value: TypeAlias = bool | int | float | str | tuple[object, ...] | list[object] | dict[str, object] | None
T = TypeVar("T")

MAX_LENGTH = 4_000  # characters; the longest sensible pipeline has a few hundred
MAX_DEPTH = 20  # brackets in brackets

LAYER_BEGINS = "-0123456789"
LAYER = re.compile(r"-?[0-9]{1,3}")
NAME = re.compile(r"[\w./~][\w./~@:+-]*")
KEYWORD = re.compile(r"([^\W\d]\w*)\s*=")
WORD = re.compile(r"\w+")
NUMBER = re.compile(r"[+-]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# Only escapes that mean something: Python warns about the others, and a Windows path deserves a caret.
ESCAPE = r"\\(?:[\\'\"abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
TEXT = re.compile(rf"'(?:[^'\\\r\n\0]|{ESCAPE})*'" rf'|"(?:[^"\\\r\n\0]|{ESCAPE})*"')
QUOTES = re.compile(r"'(?:[^'\\]|\\.)*'" r'|"(?:[^"\\]|\\.)*"')
BRACKET = re.compile(rf"{TEXT.pattern}|[()\[\]{{}}]")
CONSTANTS: dict[str, Value] = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Stage:
    """One stage as written: nothing is looked up, nothing is built."""

    name: str
    args: tuple[Value, ...] = ()
    kwargs: dict[str, Value] = field(default_factory=dict)
    inside: "tuple[Inside, ...]" = ()

    def __str__(self) -> str:
        # A digit begins the layers inside a tower, so a name that begins with one is quoted everywhere.
        bare = NAME.fullmatch(self.name) and self.name[0] not in LAYER_BEGINS
        text = self.name if bare else repr(self.name)
        if self.args or self.kwargs:
            text += f"({', '.join([*map(repr, self.args), *(f'{k}={v!r}' for k, v in self.kwargs.items())])})"
        if self.inside:
            text += f"[{', '.join(map(str, self.inside))}]"
        return text


@dataclass(frozen=True)
class Inside:
    """A selector inside a tower. No `layers` means every layer; negative ones count from the end."""

    layers: tuple[int, ...]
    stage: Stage

    def __str__(self) -> str:
        return f"{_layers_text(self.layers)}: {self.stage}" if self.layers else str(self.stage)


@dataclass(frozen=True)
class Stages:
    """A parsed pipeline; `str()` is its canonical text."""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.stages))


def parse(text: str) -> Stages:
    """The stages of a pipeline text. Raises `BadArguments`, and nothing else, for a text that is no pipeline.

    >>> parse("patch(16)|tome( r = 98 )").stages
    (Stage(name='patch', args=(16,), kwargs={}, inside=()), Stage(name='tome', args=(), kwargs={'r': 98}, inside=()))
    """
    reader = _Reader(text)
    stages = reader.pipeline()
    if len(str(stages)) > MAX_LENGTH:  # spaces and escapes were added: what is written must be readable again
        reader.fail(f"in its canonical form a pipeline has at most {MAX_LENGTH:,} characters")
    return stages


class _Reader:
    """A position in a text, and a method for each line of the grammar above."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        if len(text) > MAX_LENGTH:
            self.fail(f"a pipeline has at most {MAX_LENGTH:,} characters, this one {len(text):,}", at=MAX_LENGTH)

    def pipeline(self) -> Stages:
        stages = [self.stage()]
        while self.skip("|"):
            stages.append(self.stage())
        if self.next():
            self.fail("expected | and another stage, or the end")
        return Stages(tuple(stages))

    def stage(self) -> Stage:
        name = self.name()
        args: list[Value] = []
        kwargs: dict[str, Value] = {}
        inside: list[Inside] = []
        if self.next() == "(":
            self.bracketed(")", lambda: self.argument(args, kwargs))
        if self.next() == "[":
            inside, _ = self.bracketed("]", self.inside)
            if not inside:
                self.fail("expected a selector in the brackets", at=self.at - 1)
        return Stage(name, tuple(args), kwargs, tuple(inside))

    def name(self) -> str:
        if self.next() in {"'", '"'}:
            at = self.at
            return self.quoted() or self.fail("a name is not empty", at=at)
        if self.next() in {"", "|", "]", ","}:
            self.fail("expected a stage")
        return self.take(NAME, "a name does not begin so; odd names go in quotes")

    def argument(self, args: list[Value], kwargs: dict[str, Value]) -> None:
        at = self.at
        if named := KEYWORD.match(self.text, at):
            if named[1] in kwargs:
                self.fail(f"{named[1]} is given twice")
            self.at = named.end()
            kwargs[named[1]] = self.value()
        else:
            args.append(self.value())
            if kwargs:
                self.fail("values without a name come first", at=at)

    def inside(self) -> Inside:
        layers: list[int] = []
        if self.next() and self.next() in LAYER_BEGINS:
            layers += self.layers()
            while self.skip(","):
                self.next()
                at, more = self.at, self.layers()
                if not set(layers).isdisjoint(more):
                    self.fail("a layer is named twice", at=at)
                layers += more
            if not self.skip(":"):
                self.fail("expected : and a selector after the layers")
        return Inside(tuple(layers), self.stage())

    def layers(self) -> range:
        at = self.at
        first = last = int(self.take(LAYER, "expected a layer such as 3 or -1, or a range such as 4-8"))
        if self.skip("-"):
            last = int(self.take(LAYER, "expected the last layer of the range"))
        if first > last or (first < 0 <= last):
            self.fail("a range goes up, with both ends on one side of 0", at=at)
        return range(first, last + 1)

    def value(self) -> Value:
        match self.next():
            case "'" | '"':
                return self.quoted()
            case "(":
                items, comma = self.bracketed(")", self.value)
                return items[0] if len(items) == 1 and not comma else tuple(items)
            case "[":
                return list(self.bracketed("]", self.value)[0])
            case "{":
                return dict(self.bracketed("}", self.entry)[0])
        at = self.at
        if NUMBER.match(self.text, at):
            number = self.literal(self.take(NUMBER, ""), at, "no number that Python would read")
            if isinstance(number, float) and not math.isfinite(number):
                self.fail("too large: numbers are finite", at=at)
            return number
        word = self.take(WORD, "expected a value: a number, 'text', True, False, None, or a list of them")
        if word not in CONSTANTS:
            self.fail(f"{word} is no value; text goes in quotes: {word!r}", at=at)
        return CONSTANTS[word]

    def entry(self) -> tuple[str, Value]:
        if self.next() not in {"'", '"'}:
            self.fail("expected a key in quotes")
        key = self.quoted()
        if not self.skip(":"):
            self.fail("expected : and a value")
        return key, self.value()

    def quoted(self) -> str:
        at = self.at
        if not TEXT.match(self.text, at):
            closed = QUOTES.match(self.text, at)
            self.fail("a \\ in quotes is written \\\\" if closed else "these quotes are never closed")
        return str(self.literal(self.take(TEXT, ""), at, "no text that Python would read"))

    def literal(self, source: str, at: int, otherwise: str) -> Value:
        try:
            value: Value = ast.literal_eval(source)
        except (SyntaxError, ValueError):
            self.fail(otherwise, at=at)
        return value

    def bracketed(self, close: str, item: Callable[[], T]) -> tuple[list[T], bool]:
        """The items up to `close`, and whether a comma stood before it."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} brackets in brackets")
        if not self.closes():
            self.fail("this bracket is never closed")
        self.at += 1
        items: list[T] = []
        comma = True
        while not self.skip(close):
            if not comma:
                self.fail(f"expected , or {close}")
            items.append(item())
            comma = self.skip(",")
        self.depth -= 1
        return items, comma

    def closes(self) -> bool:
        """Whether the bracket here has a partner, of whatever form: only then is its content to blame."""
        depth = 0
        for found in BRACKET.finditer(self.text, self.at):
            depth += (found[0] in "([{") - (found[0] in ")]}")
            if depth == 0:
                return True
        return False

    def next(self) -> str:
        """The next character that is no space, where `at` then stands; "" at the end."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def skip(self, character: str) -> bool:
        found = self.next() == character
        self.at += found
        return found

    def take(self, pattern: re.Pattern[str], otherwise: str) -> str:
        self.next()
        found = pattern.match(self.text, self.at)
        if not found:
            self.fail(otherwise)
        self.at = found.end()
        return found[0]

    def fail(self, message: str, *, at: int | None = None) -> NoReturn:
        raise BadArguments(point(self.text, self.at if at is None else at, message))


def _layers_text(layers: tuple[int, ...]) -> str:
    """`0,3-5`: three layers in a row and more become a range."""
    parts: list[str] = []
    start = 0
    for i, layer in enumerate(layers):
        if i + 1 < len(layers) and layers[i + 1] == layer + 1 and layer != -1:
            continue
        run = layers[start : i + 1]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run)
        start = i + 1
    return ",".join(parts)
