"""The one harness behind every number of lexel.

    A B A B A B …      the ways take turns in one run, so that a machine that drifts drifts for all of them
    median             of the seconds of a way; its ratio to the first way is the median of the ratios of a turn

A bench is a script beside this file: it gives `interleave` the ways to do one thing and hands the rows to `report`.
Every bench takes `--json FILE`; those that take long ask `wanted`, and take `--only TEXT`. On a machine that others use
at the same time the clock on the wall says how much they do: `OMP_NUM_THREADS=1 … --processor` counts the seconds that
the processor worked for us, on one thread, so that nobody is counted for waiting.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
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
    work      floating-point operations of one run, counted by hand; 0 where nobody counted
    """

    what: str
    way: str
    rounds: int
    seconds: float
    ratio: float
    low: float
    high: float
    work: float


def interleave(
    what: str, ways: Mapping[str, Callable[[], object]], *, rounds: int = 15, work: float = 0.0
) -> list[Row]:
    """Run all ways in turn, `rounds` times after one round that does not count. `rounds` is 2 or more."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    clock = processor_seconds if _arguments().processor else time.perf_counter
    for _ in range(rounds + 1):
        for way, run in ways.items():
            start = clock()
            run()
            seconds[way].append(clock() - start)
    first, *_ = seconds.values()
    rows = []
    for way, taken in seconds.items():
        low, ratio, high = quantiles([a / b for a, b in zip(taken[1:], first[1:], strict=True)], n=4)
        rows.append(Row(what, way, rounds, median(taken[1:]), ratio, low, high, work))
    return rows


def processor_seconds() -> float:
    """What the processor has worked for this process and those that it started and waited for."""
    import resource  # not on Windows, where nobody asks for it

    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def wanted(what: str) -> bool:
    """Whether the command line asks for this comparison: it does for all, or with `--only` for those of that text."""
    only: str = _arguments().only
    return only in what


def report(rows: list[Row]) -> None:
    """Print the machine and a table; with `--json FILE` on the command line write both there too."""
    here = machine() | {"clock": "processor" if _arguments().processor else "wall"}
    print(" · ".join(f"{name} {value}" for name, value in here.items()))
    for row in rows:
        spread = f"{row.ratio:5.2f} ×  ({row.low:.2f} – {row.high:.2f})"
        speed = f"{row.work / row.seconds / 1e9:6.0f} GFLOP/s" if row.work else ""
        print(f"{row.what:<32} {row.way:<24} {row.seconds * 1e3:10.2f} ms  {spread}{speed}")
    file: Path | None = _arguments().json
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": here, "rows": [asdict(row) for row in rows]}, indent=1, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine and rows as JSON")
    parser.add_argument("--processor", action="store_true", help="count seconds of the processor, not of the wall")
    parser.add_argument("--only", default="", metavar="TEXT", help="only comparisons whose name has this in it")
    return parser.parse_args()


def machine() -> dict[str, str]:
    """The machine, in the words that a number needs beside it."""
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "Pillow", "lexel")},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # another system, or an architecture that does not say
        return platform.processor() or platform.machine()
