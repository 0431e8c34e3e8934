"""What a rule of a language model is, and what it answers.

    height × width ──► Rule.count ──► Count(tokens, visual) ──► ImageTokens
                       (a family)                               (one model, with rule, date, source)

A rule is a frozen dataclass: its fields are the numbers of the model's published processor file, and those that a
caller may change are named in `options`. It looks at sizes only, never at pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from lexel.errors import BadArguments

Option = int | float | str | bool


class Count(NamedTuple):
    """What a picture becomes: all its positions in the prompt, and those that carry a feature of the picture."""

    tokens: int
    visual: int | None  # None where the vendor does not publish it


@runtime_checkable
class Rule(Protocol):
    """The rule of a family."""

    @property
    def options(self) -> tuple[str, ...]:
        """The fields that a caller may set."""
        ...

    @property
    def video(self) -> bool:
        """Whether it takes more than one frame."""
        ...

    @property
    def sentence(self) -> str:
        """The rule in words, with its numbers."""
        ...

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tokens of a picture of this size in pixels. Raises `BadArguments` where the model refuses the size."""
        ...


@dataclass(frozen=True)
class Model:
    """One language model: its rule with the numbers of its published configuration."""

    name: str
    rule: Rule
    stands_for: str  # the hub name, or the vendor's
    dated: str  # open: the release of transformers it was compared with; closed: the day the page was read
    source: str


@dataclass(frozen=True)
class ImageTokens:
    """The tokens of one picture in one model.

    `tokens` counts every position that the picture causes in the prompt, `visual` those of them that carry a feature
    of the picture (for a model with cross-attention: the vectors outside the prompt), None where it is not published.
    `int(...)` is `tokens`.
    """

    tokens: int
    visual: int | None
    rule: str
    dated: str
    source: str

    def __int__(self) -> int:
        return self.tokens


def whole(name: str, value: object) -> None:
    """Refuse a value that is no whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadArguments(f"{name} is a whole number of 1 or more, not {value!r}")


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuse a value that is none of the choices."""
    if value not in choices:
        raise BadArguments(f"{name} is one of {', '.join(choices)}, not {value!r}")
