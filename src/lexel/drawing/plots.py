"""A scatter or line plot as inline SVG: axes, ticks, legend, a label at every point that has one.

    exact ┄┄┄┄┄┄┄┄┄┄┄■ patch(16)     infinite values stand on a line of their own
     40 ┤      ● quadtree
     20 ┤ ▲ pool                     each series has a colour and a shape
        └──┬──────┬─── bytes

The plot takes its ink from the page, so that it can be read on light and on dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lexel.drawing import colours
from lexel.drawing.html import Html, text

WIDTH, HEIGHT = 460, 310
LEFT, RIGHT, TOP, BOTTOM = 58.0, 12.0, 14.0, 44.0  # room around the axes
ABOVE = 26  # between the axes and the line of the infinite
LETTER = 6.9  # mean width of a letter of a label
LINE = 13  # height of a label
MARKED = 40  # points of a line that have markers; more would hide it
SHAPES = (  # of markers, about 9 wide, centred on 0 0
    "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z",
    "M-3.8 -3.8h7.6v7.6h-7.6z",
    "M0 -5L4.7 3.4H-4.7z",
    "M0 -5.3L5.3 0L0 5.3L-5.3 0z",
    "M0 5L4.7 -3.4H-4.7z",
)

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Series:
    """Points (x, y) of one name; y may be infinite. `labels`: one a point, or none at all.

    Joined points have a line, and markers where they are few.
    """

    name: str
    points: tuple[Point, ...]
    labels: tuple[str, ...] = ()
    joined: bool = False


def plot(series: Sequence[Series], *, x: str, y: str, title: str, log_x: bool = False) -> Html:
    """A figure of these series. `x` and `y` say what the axes mean, with their unit; `title` what there is to see.

    Raises `ValueError` where no point is finite, and with `log_x` where an x is not above 0.
    """
    points = [point for one in series for point in one.points]
    finite = [py for _, py in points if math.isfinite(py)]
    if not finite:
        raise ValueError("a plot has a finite point or more")
    endless = len(finite) < len(points)
    across = _Axis([px for px, _ in points], LEFT, WIDTH - RIGHT, log=log_x)
    up = _Axis(finite, HEIGHT - BOTTOM, TOP + ABOVE if endless else TOP)
    places = [
        [(across.place(px), up.place(py) if math.isfinite(py) else TOP) for px, py in one.points] for one in series
    ]
    marks = "".join(_marks(at, place, series[at].joined) for at, place in enumerate(places))
    taken = [(px - 6, py - 6, px + 6, py + 6) for place in places for px, py in place]
    labels = "".join(
        _label(point, label, taken)
        for one, place in zip(series, places, strict=True)
        for point, label in zip(place, one.labels, strict=bool(one.labels))
    )
    legend = "".join(_entry(at, one.name) for at, one in enumerate(series)) if len(series) > 1 else ""
    return Html(
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">'
        f"{_axes(across, up, x, y, endless)}{marks}{labels}</svg>"
        f'<figcaption><span class="legend">{legend}</span>{text(title)}.</figcaption></figure>'
    )


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between, in steps of 1, 2 or 5 times a power of ten: two to six of them.

    ticks(18.2, 41.0)  →  [20, 25, 30, 35, 40]
    """
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between; where they are fewer than three, 2 and 5 times them too.

    log_ticks(8, 3000)  →  [10, 100, 1000]
    """
    powers = [10.0**n for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    within = [power for power in powers if low <= power <= high]
    if len(within) >= 3:
        return within
    return [factor * power for power in powers for factor in (1, 2, 5) if low <= factor * power <= high]


class _Axis:
    """From values to pixels along one side, with a little air beyond the values."""

    def __init__(self, values: Sequence[float], start: float, stop: float, *, log: bool = False) -> None:
        low, high = min(values), max(values)
        if log and low <= 0:
            raise ValueError(f"a logarithmic axis has no {low:g}")
        self.log, self.start, self.stop = log, start, stop
        air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
        self.low, self.high = (low / 1.3, high * 1.3) if log else (low - air, high + air)

    def place(self, value: float) -> float:
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)

    def ticks(self) -> list[float]:
        return (log_ticks if self.log else ticks)(self.low, self.high)


def _axes(across: _Axis, up: _Axis, x: str, y: str, endless: bool) -> str:
    parts = [f'<path d="M{LEFT:g} {TOP:g}V{up.start:g}H{across.stop:g}" fill="none" stroke="var(--soft)"/>']
    for tick in up.ticks():
        at = up.place(tick)
        parts.append(f'<path d="M{LEFT:g} {at:.1f}H{across.stop:g}" stroke="var(--line)"/>')
        parts.append(_said(LEFT - 6, at + 4, f"{tick:,g}", "end"))
    if endless:
        parts.append(f'<path d="M{LEFT:g} {TOP:g}H{across.stop:g}" stroke="var(--soft)" stroke-dasharray="2 4"/>')
        parts.append(_said(LEFT - 6, TOP + 4, "exact", "end"))
    for tick in across.ticks():
        at = across.place(tick)
        parts.append(f'<path d="M{at:.1f} {up.start:g}v5" stroke="var(--soft)"/>')
        parts.append(_said(at, up.start + 18, f"{tick:,g}", "middle"))
    parts.append(_said((LEFT + across.stop) / 2, HEIGHT - 6.0, x, "middle"))
    middle = (TOP + up.start) / 2
    parts.append(f'<g transform="rotate(-90 11 {middle:g})">{_said(11.0, middle, y, "middle")}</g>')
    return "".join(parts)


def _marks(at: int, places: Sequence[Point], joined: bool) -> str:
    colour = _colour(at)
    line = "L".join(f"{px:.1f} {py:.1f}" for px, py in places)
    drawn = f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.8"/>' if joined and line else ""
    if joined and len(places) > MARKED:
        return drawn
    return drawn + "".join(
        f'<path transform="translate({px:.1f} {py:.1f})" d="{SHAPES[at % len(SHAPES)]}" fill="{colour}" '
        'stroke="var(--ground)" stroke-width=".8"/>'
        for px, py in places
    )


def _label(point: Point, label: str, taken: list[Box]) -> str:
    """The label beside its point: right or left, a line higher or lower, wherever it first covers nothing."""
    px, py = point
    width = len(label) * LETTER
    for down in (0, -LINE, LINE, -2 * LINE, 2 * LINE, -3 * LINE, 3 * LINE):
        for left, anchor in ((px + 8, "start"), (px - 8 - width, "end")):
            box = (left, py + down - LINE / 2, left + width, py + down + LINE / 2)
            inside = left >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
            if inside and not any(_touch(box, other) for other in taken):
                taken.append(box)
                edge = left if anchor == "start" else box[2]
                leader = (
                    f'<path d="M{px:.1f} {py:.1f}L{edge:.1f} {py + down:.1f}" stroke="var(--soft)"/>' if down else ""
                )
                return leader + _said(edge, py + down + 4, label, anchor, "var(--ink)")
    return ""  # no room: the table beside a plot has every number


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _entry(at: int, name: str) -> str:
    shape = f'<path d="{SHAPES[at % len(SHAPES)]}" fill="{_colour(at)}"/>'
    return (
        f'<span><svg viewBox="-6 -6 12 12" width="12" height="12" aria-hidden="true">{shape}</svg> {text(name)}</span>'
    )


def _said(x: float, y: float, content: str, anchor: str, colour: str = "var(--soft)") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text(content)}</text>'


def _colour(at: int) -> str:
    red, green, blue = colours.NAMES[at % len(colours.NAMES)].tolist()
    return colours.css((red, green, blue))
