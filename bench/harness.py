"""The one harness behind every number of lexel.

    A B A B A B …      the ways take turns in one run, so that a machine that drifts drifts for all of them
    median             of the seconds of a way; its ratio to the first way is the median of the ratios of a turn

A bench is a script beside this file: it gives `interleave` the ways to do one thing and hands the rows to `report`.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True)
class Row:
    """What one way took.

    seconds   median of the rounds
    ratio     to the first way of the same run: the median over rounds, 1.0 for the first itself
    low, high the quartiles of that ratio
    """

    what: str
    way: str
    rounds: int
    seconds: float
    ratio: float
    low: float
    high: float


def interleave(what: str, ways: Mapping[str, Callable[[], object]], *, rounds: int = 15) -> list[Row]:
    """Run all ways in turn, `rounds` times after one round that does not count. `rounds` is 2 or more."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - start)
    first, *_ = seconds.values()
    rows = []
    for way, taken in seconds.items():
        low, ratio, high = quantiles([a / b for a, b in zip(taken[1:], first[1:], strict=True)], n=4)
        rows.append(Row(what, way, rounds, median(taken[1:]), ratio, low, high))
    return rows


def chosen(names: Collection[str]) -> list[str]:
    """Those that `--only NAME` on the command line names, which may be said again; all of them without it."""
    only: list[str] | None = _arguments(names).only
    return [name for name in names if only is None or name in only]


def report(rows: list[Row], *, names: Collection[str] = ()) -> None:
    """Print the machine and a table; with `--json FILE` on the command line write both there too.

    names   what `chosen` was given, by a bench that has an `--only`
    """
    file: Path | None = _arguments(names).json
    here = machine()
    print(" · ".join(f"{name} {value}" for name, value in here.items()))
    for row in rows:
        spread = f"{row.ratio:5.2f} ×  ({row.low:.2f} – {row.high:.2f})"
        print(f"{row.what:<32} {row.way:<20} {row.seconds * 1e3:10.2f} ms  {spread}")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": here, "rows": [asdict(row) for row in rows]}, indent=1, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """The machine, in the words that a number needs beside it."""
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "Pillow", "lexel")},
    }


def _arguments(names: Collection[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine and rows as JSON")
    if names:
        parser.add_argument("--only", action="append", choices=list(names), help="leave the others out")
    return parser.parse_args()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # another system, or an architecture that does not say
        return platform.processor() or platform.machine()
