"""Compare a bill with the rules: what the provider counted, what we count, and which lines differ.

    {"input": "a.jpg", "model": "gpt-4o", "height": 1080, "width": 1920, "tokens": 1105}     agrees
    {"input": "b.jpg", "model": "gpt-4o", "height": 64, "width": 64, "tokens": 85}           255 by the rule: differs
    {"input": "c.jpg", "model": "gtp-4o", "height": 64, "width": 64, "tokens": 255}          failed: UnknownModel

A bill is JSON Lines, a picture a line. `model` and the reported `tokens` are needed (`reported` is taken for it, too);
the size is `height` and `width`, or that of `input`, which the caller looks up. `frames` and `options` (an object: the
options of the model) may stand there. Other keys are left alone, so that a provider's log can be used as it is.
Tokens of text do not belong in `tokens`: where the log has only the sum, give the text's as `text_tokens`.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lexel.costs.count import image_tokens
from lexel.costs.rule import Option
from lexel.errors import BadArguments, LexelError

SizeOf = Callable[[str], tuple[int, int]]


@dataclass(frozen=True)
class BillLine:
    """One line of a bill: compared, or failed with the class of the error and its reason."""

    number: int  # from 1, as in the file
    input: str
    model: str
    counted: int | None
    reported: int | None
    error: str = ""
    reason: str = ""

    @property
    def difference(self) -> int:
        """Reported less counted; 0 where the line failed."""
        return (self.reported or 0) - (self.counted or 0) if not self.error else 0


@dataclass(frozen=True)
class Bill:
    """All lines of a bill, in its order, and what they add up to."""

    lines: tuple[BillLine, ...]

    @property
    def compared(self) -> tuple[BillLine, ...]:
        """The lines that could be compared."""
        return tuple(line for line in self.lines if not line.error)

    @property
    def failed(self) -> tuple[BillLine, ...]:
        """The lines that could not; with `compared` they are all lines."""
        return tuple(line for line in self.lines if line.error)

    @property
    def counted(self) -> int:
        """Tokens by the rules, of the compared lines."""
        return sum(line.counted or 0 for line in self.compared)

    @property
    def reported(self) -> int:
        """Tokens by the bill, of the compared lines."""
        return sum(line.reported or 0 for line in self.compared)

    def outliers(self, *, within: int = 0) -> tuple[BillLine, ...]:
        """Lines that differ by more than `within` tokens, the largest difference first."""
        off = [line for line in self.compared if abs(line.difference) > within]
        return tuple(sorted(off, key=lambda line: (-abs(line.difference), line.number)))


def check_bill(lines: Iterable[str], *, size_of: SizeOf | None = None) -> Bill:
    """Compare every line of a bill with the rule of its model.

    `size_of` gives the (height, width) of an `input` that comes without its size. A line that cannot be read or
    counted is kept as failed; empty lines are not lines.
    """
    return Bill(tuple(_compared(number, line, size_of) for number, line in enumerate(lines, start=1) if line.strip()))


def load_prices(path: Path) -> dict[str, float]:
    """Prices in your currency for a million input tokens, by model, from the `[prices]` table of a TOML file.

    Prices are yours: lexel ships none. Raises `BadArguments` where the table is missing or a price is no number of 0
    or more.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("prices")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadArguments(f"no price file: {error}", subject=path.name) from None
    if not isinstance(table, dict):
        raise BadArguments("it has no [prices] table", subject=path.name)
    for model, price in table.items():
        if isinstance(price, bool) or not isinstance(price, int | float) or not price >= 0:
            raise BadArguments(f"the price of {model} is no number of 0 or more: {price!r}", subject=path.name)
    return {model: float(price) for model, price in table.items()}


def _compared(number: int, text: str, size_of: SizeOf | None) -> BillLine:
    name = model = ""
    try:
        entry = _entry(text)
        name, model = str(entry.get("input", "")), str(entry.get("model", ""))
        reported = _number(entry, "tokens" if "tokens" in entry else "reported") - _number(entry, "text_tokens", 0)
        height, width = _size(entry, name, size_of)
        counted = image_tokens(model, height=height, width=width, frames=_number(entry, "frames", 1), **_options(entry))
    except LexelError as error:
        return BillLine(number, name, model, None, None, type(error).__name__, error.reason)
    return BillLine(number, name, model, counted.tokens, reported)


def _entry(text: str) -> Mapping[str, object]:
    try:
        entry = json.loads(text)
    except ValueError as error:
        raise BadArguments(f"no JSON: {error}") from None
    if not isinstance(entry, dict):
        raise BadArguments("a line is one JSON object")
    return entry


def _number(entry: Mapping[str, object], key: str, default: int | None = None) -> int:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadArguments(f"{key} is a whole number, not {value!r}")
    return value


def _size(entry: Mapping[str, object], name: str, size_of: SizeOf | None) -> tuple[int, int]:
    if "height" in entry or "width" in entry:
        return _number(entry, "height"), _number(entry, "width")
    if not name or size_of is None:
        raise BadArguments("neither height and width nor an input to look them up")
    return size_of(name)


def _options(entry: Mapping[str, object]) -> dict[str, Option]:
    options = entry.get("options", {})
    if not isinstance(options, dict) or not all(isinstance(value, int | float | str) for value in options.values()):
        raise BadArguments("options is an object of numbers, words, true and false")
    return options
