"""What a run says of itself, a line of JSON at a time: `log.jsonl`.

    {"step": 0, "measures": {"image_retrieval_recall@1": 0.021}}
    {"step": 40, "loss": 2.104, "scale": 14.9, "learning_rate": 0.0004, "gradient": 0.7, "seconds": 12.3}
    {"step": 52, "failure": "collapse", "said": "…"}

A line is on the disk before the run goes on, so whatever kills a run, at most the last line is cut. A run that goes on
from a checkpoint takes back the lines that came after it: the log tells what led to the weights, and nothing twice.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from lexel.disk import commit_bytes
from lexel.errors import OutputError

Entry: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class History:
    """What a log tells, in the order of the steps.

    numbers    losses and facts by name, "step" among them
    measures   step, and what was measured then
    failures   step, name, and what was said
    """

    numbers: list[dict[str, float]] = field(default_factory=list)
    measures: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    failures: list[tuple[int, str, str]] = field(default_factory=list)


class Log:
    """The lines of one file, each a `step` and what was so then."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Entry]:
        """Every whole line, from the first."""
        if not self.path.is_file():
            return
        with open(self.path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if entry := _whole(line):
                    yield entry

    def history(self) -> History:
        """All of it."""
        told = History()
        for entry in self:
            step, measures = _step(entry), entry.get("measures")
            if isinstance(measures, dict):
                told.measures.append((step, _numbers(measures)))
            elif "failure" in entry:
                told.failures.append((step, str(entry["failure"]), str(entry.get("said", ""))))
            else:
                told.numbers.append(_numbers(entry))
        return told

    def add(self, step: int, **facts: object) -> None:
        """One line more, on the disk when this returns. Raises `OutputError` where it cannot be written."""
        line = json.dumps({"step": step, **facts}, ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(error.strerror or type(error).__name__, subject=str(self.path)) from error

    def cut(self, step: int) -> None:
        """Take back what is said of later steps, and a line that is not whole."""
        if not self.path.is_file():
            return
        kept = [json.dumps(entry, ensure_ascii=False) for entry in self if _step(entry) <= step]
        data = "".join(f"{line}\n" for line in kept).encode()
        if data != self.path.read_bytes():
            commit_bytes(self.path, data)


def _whole(line: str) -> Entry | None:
    """What a line says; None for one that was cut."""
    try:
        entry = json.loads(line) if line.endswith("\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None


def _step(entry: Entry) -> int:
    step = entry["step"]
    assert isinstance(step, int)
    return step


def _numbers(entry: Entry) -> dict[str, float]:
    return {name: float(value) for name, value in entry.items() if isinstance(value, int | float)}
