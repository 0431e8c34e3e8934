"""The path of one picture through the library, as it ran.

    file → file → file          a station is a call from one file of the library into another
      │      │                  that gives data: pixels, tokens, plans, evidence
      └ seen by the interpreter's profiler while the pipeline runs: nothing is instrumented, nothing can be forgotten

For the reader who wants to know what happens, and where it is written.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from lexel.pictures.header import Header
from lexel.pictures.picture import Picture, Source
from lexel.pipelines.compose import Pipeline
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence
from lexel.tokens.value import Tokens

HOUSE = Path(__file__).parent.parent
COMMON = {"__init__.py", "errors.py", "settings.py", "needs.py", "shapes.py", "plugins.py"}
TOOLS = {"ragged/numpy_ops.py", "ragged/groups.py"}  # called everywhere, and no stations of the way


@dataclass(frozen=True)
class Station:
    """One call from file to file.

    function         such as "ToMe.plan"
    place            file and line of the function, below the package: "reducers/tome.py:52"
    says             the first line of its docstring
    taken, given     the data that went in and came out, in words with shapes
    seconds          from call to return, the stations inside included
    size             bytes of the data given
    depth            how many stations it was called through
    """

    function: str
    place: str
    says: str
    taken: str
    given: str
    seconds: float
    size: int
    depth: int


def explain(pipeline: Pipeline, pictures: Iterable[Picture]) -> list[Station]:
    """Run `pipeline` over `pictures`, lazily read ones included, and tell the stations in the order of their calls.

    Seconds are those of a run under a profiler: they compare with each other, not with a benchmark.
    """
    watch = _Watch()
    pipeline([])  # what is imported on first use is imported before anybody looks
    sys.setprofile(watch)
    try:
        pipeline(pictures)
    finally:
        sys.setprofile(None)
    return watch.stations()


class _Watch:
    """The profiler: keeps a record of each call between files."""

    def __init__(self) -> None:
        self.open: list[tuple[FrameType, int]] = []
        self.records: list[dict[str, object]] = []
        self.begun: list[float] = []

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        if event == "call" and (file := _file(frame)) and _is_station(frame, file) and file != _caller(frame):
            self.open.append((frame, len(self.records)))
            code = frame.f_code
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            self.records.append(
                {
                    "function": code.co_qualname,
                    "place": f"{file}:{code.co_firstlineno}",
                    "says": str(code.co_consts[0] or "").partition("\n")[0],
                    "taken": ", ".join(filter(None, (_said(frame.f_locals.get(name)) for name in names))),
                    "depth": len(self.open) - 1,
                }
            )
            self.begun.append(time.perf_counter())
        elif event == "return" and self.open and self.open[-1][0] is frame:
            _, number = self.open.pop()
            seconds = time.perf_counter() - self.begun[number]
            self.records[number] |= {"given": _said(value), "seconds": seconds, "size": _size(value)}

    def stations(self) -> list[Station]:
        """The calls that gave data."""
        return [Station(**record) for record in self.records if record.get("given")]  # type: ignore[arg-type]


def _file(frame: FrameType) -> str:
    """The file of the function that runs in `frame`, such as "reducers/tome.py"; "" outside lexel."""
    file = frame.f_code.co_filename
    return Path(file).relative_to(HOUSE).as_posix() if file.startswith(str(HOUSE)) else ""


def _is_station(frame: FrameType, file: str) -> bool:
    private = frame.f_code.co_name.startswith("_") or "<" in frame.f_code.co_qualname
    return not (private or file in TOOLS or file in COMMON)


def _caller(frame: FrameType) -> str:
    """The file that called: of the nearest frame of lexel below."""
    below = frame.f_back
    while below is not None and not _file(below):
        below = below.f_back
    return _file(below) if below else ""


def _said(value: object) -> str:
    """Data in words: `Picture 300×451`, `Plan 551 → 453`, `float32 [551, 768]`; "" for what is no data."""
    if isinstance(value, Source):
        return Path(value.name).name
    if isinstance(value, Header):
        return f"{value.format} of {value.size[0]}×{value.size[1]}"
    if isinstance(value, Picture):
        return f"Picture {value.pixels.shape[0]}×{value.pixels.shape[1]}"
    if isinstance(value, Tokens):
        return f"Tokens {value.total} × {list(value.data.shape[1:])} {value.data.dtype}"
    if isinstance(value, Plan):
        return f"Plan {int(value.splits_in[-1])} → {int(value.splits_out[-1])}"
    if isinstance(value, Evidence):
        return f"Evidence of {int(value.splits[-1])}, keys {list(value.keys.shape)}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    if isinstance(value, list | tuple) and value and (said := _said(value[0])):
        return said if len(value) == 1 else f"{len(value)} × {said}"
    return ""


def _size(value: object) -> int:
    """Bytes of the arrays in a value, each counted once."""
    if isinstance(value, np.ndarray | bytes):
        return value.nbytes if isinstance(value, np.ndarray) else len(value)
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if is_dataclass(value) and not isinstance(value, type):
        return sum(_size(getattr(value, f.name)) for f in fields(value))
    return 0
