"""What a terminal shows: tables, progress, previews, and names that cannot harm it.

    console(settings, file)          the only way to a console: terminal and environment are handed in
    table(console, columns, rows)    aligned columns; names escaped
    progress(console, 500)           a bar with rate and time left; plain lines where nobody watches
    preview(console, views)          drawings in a row, two pixels a character, where there is colour

Results go to stdout and talk to stderr: two consoles, and the caller says which. Text is never read as markup, so a
file called `[red]` is only a file.
"""

import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import IO, Protocol, cast, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from lexel.drawing.png import pixels
from lexel.drawing.views import View
from lexel.pictures.resize import pillow_box
from lexel.settings import Settings
from lexel.shapes import Array, UInt8

WIDTH = 100  # columns where neither the terminal nor COLUMNS says
EVERY = 5.0  # seconds between two plain lines of progress
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, bidi and other invisible, surrogates, private, line breaks
PREVIEW = (40, 32)  # columns of one picture at most, and pixels from top to bottom


@runtime_checkable
class Stream(Protocol):
    """What a console writes to: `sys.stdout`, `sys.stderr`, a buffer."""

    def write(self, text: str, /) -> int:
        """Write some text."""
        ...

    def flush(self) -> None:
        """Write what was kept back."""
        ...

    def isatty(self) -> bool:
        """Whether somebody watches."""
        ...


def console(settings: Settings, file: Stream) -> Console:
    """A console on `file`, coloured where it is a terminal and `NO_COLOR` is not set."""
    return Console(
        file=cast(IO[str], file),
        width=settings.columns or (None if file.isatty() else WIDTH),
        no_color=not settings.color,
        color_system="auto" if settings.color else None,
        markup=False,
        emoji=False,
        highlight=False,
    )


def escaped(name: str) -> str:
    r"""The name with control, bidi and other invisible characters spelled out: `a\nb.jpg`, `\u202egpj.exe`."""
    return "".join(c.encode("unicode_escape").decode("ascii") if unicodedata.category(c) in HIDDEN else c for c in name)


def table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
) -> None:
    """Print a table without lines; the columns `right`, counted from 0, hold numbers. Long cells wrap."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for at, name in enumerate(columns):
        number = at in right
        grid.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(escaped(cell)) for cell in row))
    console.print(grid)


@contextmanager
def progress(
    console: Console, total: int | None, *, noun: str = "pictures", clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more are done. `total` is None where nobody knows it.

        with progress(talk, 500) as advance:
            for picture in pictures: …; advance(1)

    On a terminal one line that changes, elsewhere a line every five seconds; at the end a line in both.
    """
    begun = said = clock()
    done = 0
    bar = Progress(BarColumn(24), TextColumn("{task.description}", markup=False), console=console, transient=True)
    task = bar.add_task(pace(0, total, 0.0, noun), total=total)

    def advance(more: int) -> None:
        nonlocal done, said
        done += more
        now = clock()
        if console.is_terminal:
            bar.update(task, completed=done, description=pace(done, total, now - begun, noun))
        elif now - said >= EVERY:
            said = now
            console.print(pace(done, total, now - begun, noun), soft_wrap=True)

    with bar if console.is_terminal else nullcontext():
        yield advance
    console.print(pace(done, total, clock() - begun, noun), soft_wrap=True)


def pace(done: int, total: int | None, seconds: float, noun: str) -> str:
    """`120 of 500 pictures · 24.0/s · 16 s left`; what cannot be known is left out.

    pace(500, 500, 20.8, "pictures")  →  "500 of 500 pictures · 24.0/s"
    """
    said = [f"{done:,} {noun}" if total is None else f"{done:,} of {total:,} {noun}"]
    if done and seconds > 0:
        said.append(f"{done / seconds:,.1f}/s")
        if total is not None and done < total:
            said.append(f"{duration((total - done) * seconds / done)} left")
    return " · ".join(said)


def duration(seconds: float) -> str:
    """`16 s`, `4 min 10 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def preview(console: Console, views: Sequence[View]) -> None:
    """Views of one picture in rows, in half blocks: the upper pixel is the colour of `▀`, the lower one its ground.

    Titles and captions come below; where there is no colour, or no room for one picture, they are all.
    """
    room = min(PREVIEW[0], console.width)
    if console.color_system is not None and room >= 8:
        fit = max(1, (console.width + 2) // (room + 2))
        for first in range(0, len(views), fit):
            row = views[first : first + fit]
            small = [_small(pixels(view.drawing), room) for view in row]
            for line in _blocks(small):
                console.print(line, soft_wrap=True)
            titles = (view.title.ljust(x.shape[1]) for view, x in zip(row, small, strict=True))
            console.print("  ".join(titles).rstrip(), soft_wrap=True)
            console.print()
    for view in views:
        console.print(Text.assemble((view.title, "bold"), f"  {escaped(view.caption)}"))
    console.print()


def _blocks(pictures: Sequence[UInt8[Array, "H W 3"]]) -> Iterator[Text]:
    """Lines of text that show pictures of one size side by side."""
    for row in range(0, len(pictures[0]), 2):
        line = Text()
        for at, picture in enumerate(pictures):
            line.append("  " if at else "")
            for upper, lower in zip(picture[row].tolist(), picture[row + 1].tolist(), strict=True):
                line.append("▀", f"rgb({upper[0]},{upper[1]},{upper[2]}) on rgb({lower[0]},{lower[1]},{lower[2]})")
        yield line


def _small(picture: UInt8[Array, "H W 3"], columns: int) -> UInt8[Array, "h w 3"]:
    """The picture in at most so many columns and an even number of rows."""
    scale = min(columns / picture.shape[1], PREVIEW[1] / picture.shape[0])
    height = max(2, round(picture.shape[0] * scale / 2) * 2)
    return pillow_box(picture, (height, max(1, round(picture.shape[1] * scale))))
