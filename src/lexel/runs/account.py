"""Every input is accounted for: it ends in exactly one of done, failed, skipped.

    {"input": "a/b.tar!c.jpg", "status": "done", "tokens": 197}
    {"input": "cut.jpg", "status": "failed", "error": "Truncated", "reason": "the end marker is missing"}

One line an input, in the order of the inputs, without times: two runs of one job write the same bytes. `error` is the
name of a class of `lexel.errors`, or of a closed list for what is skipped.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lexel.disk import commit_bytes
from lexel.errors import TokensError
from lexel.pictures.picture import Refusal

SKIPPED = ("NotAPicture", "NotAFile", "AlreadyDone", "Duplicate", "NoCaption", "NoPicture")


@dataclass(frozen=True)
class Line:
    """How one input ended. `tokens` only where done, `error` and `reason` only where not."""

    input: str
    status: Literal["done", "failed", "skipped"]
    tokens: int | None = None
    error: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, refusal: Refusal) -> "Line":
        """The line of an input that did not become a picture."""
        return cls(refusal.name, refusal.status, error=refusal.error, reason=refusal.reason)

    def text(self) -> str:
        """One line of JSON, its keys in the published order."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None}) + "\n"


@dataclass(frozen=True)
class Account:
    """All lines of a run."""

    lines: tuple[Line, ...]

    def count(self, status: str) -> int:
        """How many inputs ended so."""
        return sum(line.status == status for line in self.lines)

    @property
    def tokens(self) -> int:
        """The tokens of all inputs that are done."""
        return sum(line.tokens or 0 for line in self.lines)

    @property
    def exit(self) -> int:
        """3 where an input failed, 1 where there was none at all, else 0."""
        if not self.lines:
            return 1
        return 3 if self.count("failed") else 0

    def __str__(self) -> str:
        said = [f"{self.count('done'):,} done"]
        said += [f"{self.count(status):,} {status}" for status in ("failed", "skipped") if self.count(status)]
        return ", ".join(said)


def write_lines(path: Path, lines: Iterable[Line]) -> None:
    """Write accounting lines to `path`, atomically."""
    commit_bytes(path, "".join(line.text() for line in lines).encode())


def read_lines(path: Path) -> list[Line]:
    """Read what `write_lines` wrote. Raises `TokensError` that names the file."""
    try:
        with open(path, encoding="utf-8") as file:
            return [Line(**json.loads(text)) for text in file]
    except (OSError, ValueError, TypeError) as error:
        raise TokensError("not accounting lines", subject=str(path)) from error
