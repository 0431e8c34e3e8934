"""The curves of a run as one page, `curve.html`: made from the log alone, again whenever there is more to see.

log.jsonl ─► loss │ held-out │ temperature │ likeness │ rate │ gradient │ speed ─► one self-contained file
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lexel.disk import commit_bytes
from lexel.drawing import html
from lexel.drawing.plots import Point, Series, plot
from lexel.training.log import History
from lexel.training.numbers import RECALL, amount, called, counting, first

POINTS = 160  # of a line; more are averaged

LOSS = ("loss", "The loss of the batches. It depends on the size of the batch: compare runs of the same size only")
HELD_OUT = "What counts: samples that are never trained on"
OTHERS = (  # names in the log, what the axis says, what there is to see
    (("scale",), "temperature", "What cosines are multiplied by. It is learned; 100 is the most that is allowed"),
    (("images_alike", "texts_alike"), "mean cosine", "How alike two of a batch are. At 1 all have become one vector"),
    (("used",), "share of all codes, %", "Codes that occurred lately. Those that never do are bits for nothing"),
    (("perplexity",), "codes", "So many codes, used evenly, would say as much as those that are used unevenly"),
    (
        ("judge", "fooled"),
        "loss",
        "The judge, and who paints for it. A judge near 0 teaches nobody",
    ),
    (("learning_rate",), "rate, in millionths", "The learning rate"),
    (("gradient",), "norm", "The length of the gradient before it is clipped"),
    (("samples_per_second",), "samples a second", "How fast it went"),
)


def write(path: Path, name: str, history: History) -> None:
    """Write the page of a run of that name. Raises `OutputError`."""
    commit_bytes(path, page(name, history).encode())


def page(name: str, history: History) -> str:
    """The text of the page."""
    figures = _figure(history, ("loss",), *LOSS)
    figures += _held_out(history.measures)
    for names, axis, title in OTHERS:
        figures += _figure(history, names, axis, title)
    parts = [html.heading(name, 1), html.paragraph(_lead(history), lead=True)]
    if history.failures:
        rows = [(f"{step:,}", what, said) for step, what, said in history.failures]
        parts.append(html.table(("step", "noticed", "what it means"), rows, right=[0]))
    parts.append(html.columns([[figure] for figure in figures]))
    if history.measures:
        parts.append(_table(history.measures))
    return html.page(f"{name}: training", parts)


def _held_out(measures: Sequence[tuple[int, Mapping[str, float]]]) -> list[html.Html]:
    """One plot of the measure that counts and of those like it: R@1 both ways, without R@5."""
    if not measures:
        return []
    shown = counting(measures[-1][1])
    lines = [(one, [(float(step), _size(one, at[one])) for step, at in measures if one in at]) for one in shown]
    series = [Series(called(one), tuple(points), joined=True) for one, points in lines]
    axis = "share found first, %" if RECALL.fullmatch(shown[0]) else called(shown[0])
    return [plot(series, x="steps", y=axis, title=HELD_OUT)]


def _figure(history: History, names: Sequence[str], axis: str, title: str) -> list[html.Html]:
    """One plot of the lines that there are, none where there are none."""
    lines = [(one, [(at["step"], _size(one, at[one])) for at in history.numbers if one in at]) for one in names]
    series = [Series(called(one), _thinned(points), joined=True) for one, points in lines if points]
    return [plot(series, x="steps", y=axis, title=title)] if series else []


def _size(name: str, value: float) -> float:
    """The value in units that leave no row of zeros on an axis."""
    return value * (1e6 if name == "learning_rate" else 100 if RECALL.fullmatch(name) or name == "used" else 1)


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """At most `POINTS` of them, each the mean of its neighbours.

    With POINTS = 2: [(1, 4), (2, 2), (3, 1), (4, 1)]  →  ((1.5, 3), (3.5, 1))
    """
    size = -(-len(points) // POINTS)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return tuple((sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts)


def _lead(history: History) -> str:
    """Where the run stands."""
    if not history.numbers:
        return "Nothing was trained yet."
    last = history.numbers[-1]
    said = [f"{last['step']:,.0f} steps", f"loss {last['loss']:.3f}"]
    if history.measures:
        said.append(first(history.measures[-1][1]))
        best = max(history.measures, key=_counts)
        said.append(f"best {first(best[1])} at step {best[0]:,}")
    return " · ".join(said)


def _counts(measured: tuple[int, Mapping[str, float]]) -> float:
    return next(iter(measured[1].values()))


def _table(measures: Sequence[tuple[int, Mapping[str, float]]]) -> html.Html:
    """First, best and last measurement beside each other."""
    columns = {"first": measures[0], "best": max(measures, key=_counts), "last": measures[-1]}
    heads = ["measure", *(f"{which}, step {step:,}" for which, (step, _) in columns.items())]
    rows = [[called(one), *(amount(one, at[one]) for _, at in columns.values())] for one in measures[-1][1]]
    return html.table(heads, rows, right=range(1, 4), caption=HELD_OUT)
