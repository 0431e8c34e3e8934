"""Who watches a run: a screen, the log, the curve, and the failures that are called by their names.

    ━━━━━━━━━━━━━━━━╸━━━━━━━  1,240 of 4,000 steps · 412 pairs/s · MFU 38 % · 12 min left
    loss 2.413 · temperature 14.3 · R@1 31.2 %, best 33.0 % · rate 4.1e-04

Two lines that change on a terminal, elsewhere both in one every half minute; above them stays a line for every
measurement and every failure. Console and clock are handed in.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lexel.drawing.terminal import duration
from lexel.errors import TrainingError
from lexel.training import curve
from lexel.training.failures import Failures
from lexel.training.log import Log
from lexel.training.numbers import amount, called, counting, first

LINES = 2000  # of steps that the log has at most; longer runs leave out steps between
EVERY = 30.0  # seconds between two lines where nobody watches
RECENT = 50  # steps that the speed is taken from
CODES = ("used", "dead", "perplexity", "judge")  # what is told of a vocabulary and its judge


@dataclass(frozen=True)
class Course:
    """What is known of a run before it begins.

    name    as people call it
    noun    what a step has many of: "pairs", "pictures", "squares"
    steps   in all
    batch   samples a step, of all processes together
    pairs   samples that are trained on
    warmup  steps
    flops   floating-point operations that each process needs for a step
    peak    such operations a second that its machine could do; None where nobody knows it
    """

    name: str
    noun: str
    steps: int
    batch: int
    pairs: int
    warmup: int
    flops: float = 0.0
    peak: float | None = None


class Silent:
    """A `Watch` for all other processes."""

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """Nothing."""

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """Nothing."""

    def saved(self, step: int) -> None:
        """Nothing."""


class Watching:
    """A `Watch` for the first process; a context, because a terminal has to be given back.

    log    gets a line for each report; where a run goes on, what it says of lost steps is taken back
    page   where the curves are drawn, at every measurement and at the end
    """

    def __init__(
        self, course: Course, log: Log, page: Path, console: Console, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._course, self._log, self._page, self._console, self._clock = course, log, page, console, clock
        self._failures = Failures(batch=course.batch, pairs=course.pairs, warmup=course.warmup)
        self._begun = self._said = clock()
        self._seconds = 0.0  # that processes before this one took
        self._first = self._done = 0  # steps that they made, and that are made
        self._ends: deque[float] = deque(maxlen=RECENT)  # when steps ended
        self._numbers: dict[str, float] = {}  # of the last step
        self._last: dict[str, float] = {}  # measurement
        self._best: dict[str, float] = {}  # measurement
        self._live = Live(get_renderable=self._screen, console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> "Watching":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if isinstance(error, TrainingError):
            self._log.add(self._done, failure="not finite", said=error.reason)
        if self._done > self._first:
            self._say(self._pace())
            self._draw()

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """As `Watch` says."""
        if not self._done:
            self._go_on(step - 1)
        self._done, self._numbers = step, losses | facts
        self._ends.append(self._clock())
        if step % max(1, self._course.steps // LINES) == 0 or step == self._course.steps:
            seconds = self._seconds + self._ends[-1] - self._begun
            rest = {"samples_per_second": round(self._speed(), 2), "seconds": round(seconds, 2)}
            self._log.add(step, **self._numbers, **rest)
        for failure in self._failures.seen(step, losses):
            self._log.add(step, failure=failure.name, said=failure.said)
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_row(f"{step:>9,}", Text.assemble((f"{failure.name}. ", "bold"), failure.said, style="yellow"))
            self._console.print(row)
        if not self._console.is_terminal and self._ends[-1] - self._said >= EVERY:
            self._said = self._ends[-1]
            self._say(f"{self._pace()} · {self._state()}")

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """As `Watch` says; at step 0 a new run begins, whatever the log said before."""
        if step == 0:
            self._log.cut(-1)
        if measures:
            self._log.add(step, measures=measures)
            self._see(measures)
            loss = f"loss {self._numbers['loss']:.3f}  " if self._numbers else ""
            self._say(
                f"{step:>9,}  {loss}"
                + "  ".join(f"{called(one)} {amount(one, measures[one])}" for one in counting(measures))
            )
        self._draw()

    def saved(self, step: int) -> None:
        """As `Watch` says. The screen is silent about it: what is saved shows when it is needed."""

    def _go_on(self, step: int) -> None:
        """Take up the log where `step` steps are done."""
        self._log.cut(step)
        told = self._log.history()
        self._first, self._begun = step, self._clock()
        self._seconds = told.numbers[-1].get("seconds", 0.0) if told.numbers else 0.0
        for _, measures in told.measures:
            self._see(measures)

    def _see(self, measures: dict[str, float]) -> None:
        self._last = measures
        if not self._best or next(iter(measures.values())) > next(iter(self._best.values())):
            self._best = measures

    def _screen(self) -> RenderableType:
        """The two lines that change."""
        bar = ProgressBar(total=self._course.steps, completed=self._done, width=24)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_row(bar, Text(self._pace(), no_wrap=True, overflow="ellipsis"))
        return Group(grid, Text(self._state(), no_wrap=True, overflow="ellipsis", style="dim"))

    def _pace(self) -> str:
        """`1,240 of 4,000 steps · 412 pairs/s · MFU 38 % · 12 min left`; what cannot be known is left out."""
        course, speed = self._course, self._speed()
        said = [f"{self._done:,} of {course.steps:,} steps"]
        if speed:
            said.append(f"{speed:,.{0 if speed >= 10 else 1}f} {course.noun}/s")
            if course.peak and course.flops:
                said.append(f"MFU {100 * course.flops * speed / course.batch / course.peak:.0f} %")
        if self._ends and self._done < course.steps:
            each = (self._ends[-1] - self._begun) / (self._done - self._first)
            said.append(f"{duration((course.steps - self._done) * each)} left")
        return " · ".join(said)

    def _state(self) -> str:
        """`loss 2.413 · temperature 14.3 · R@1 31.2 %, best 33.0 % · rate 4.1e-04`."""
        shown = [one for one in ("loss", "scale") if one in self._numbers]
        said = [f"{called(one)} {self._numbers[one]:{'.3f' if one == 'loss' else '.1f'}}" for one in shown]
        said += [f"{called(one)} {amount(one, self._numbers[one])}" for one in CODES if one in self._numbers]
        if self._last:
            name = next(iter(self._last))
            now, best = amount(name, self._last[name]), amount(name, self._best[name])
            said.append(first(self._last) + (f", best {best}" if best != now else ""))
        if "learning_rate" in self._numbers:
            said.append(f"rate {self._numbers['learning_rate']:.1e}")
        return " · ".join(said)

    def _speed(self) -> float:
        """Samples a second over the last steps; 0 where nobody knows yet."""
        if len(self._ends) < 2 or self._ends[-1] == self._ends[0]:
            return 0.0
        return self._course.batch * (len(self._ends) - 1) / (self._ends[-1] - self._ends[0])

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _draw(self) -> None:
        curve.write(self._page, self._course.name, self._log.history())
