"""A comparison as one page: two plots, the table, and what every method makes of the first pictures.

    ┌ PSNR over bits ┬ PSNR over tokens ┐    each method a point; JPEG and WebP as curves, chance and resizing as points
    ├────────────────┴───────────────────┤
    │ method  tokens  bits  PSNR  …      │    means over all pictures, and what is remarkable
    ├──────────────────┬─────────────────┤
    │ ▦ ▏▒ ▏error ▏JPEG│ …               │    picture by picture, a gallery a method
    └──────────────────┴─────────────────┘

The methods are run again for the drawings: a comparison keeps numbers, not pictures.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lexel import __version__
from lexel.drawing import html
from lexel.drawing.difference import decibels
from lexel.drawing.html import Html, code
from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.paint import pca
from lexel.drawing.plots import Series, plot
from lexel.drawing.views import View, views
from lexel.measures.bits import bits
from lexel.measures.codecs import CODECS, Codec, Coded, ladder
from lexel.measures.pixels import mse, psnr
from lexel.measures.rows import Row, Standing
from lexel.measures.table import columns, lines, remarks
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, pillow_box
from lexel.pipelines.compose import Pipeline, pipeline

if TYPE_CHECKING:
    from lexel.measures.compare import Comparison

SIDE = 360  # pixels of the longest side of a drawing
TELLING = ("Merged and dropped", "Merged", "Kept", "Tokens")  # the first of these that there is opens a gallery
ENDS = ("Reconstruction", "Components")  # the first of these that there is ends it: what cannot be undone has colours
DENSE = 100  # pixels: where tokens have fewer, their lines hide the picture, and the end tells more
TITLES: dict[str, Codec] = {"JPEG": "jpeg", "WebP": "webp"}


def report(comparison: "Comparison") -> str:
    """The text of the page. Runs every method again on the pictures that it shows, in this process."""
    standings, pictures = comparison.standings, comparison.pictures
    names = list(dict.fromkeys(row.picture for row in comparison.rows))
    parts = [
        html.heading("What tokens cost and keep", 1),
        html.paragraph(_lead(standings, len(names)), lead=True),
        html.columns([[_rates(standings)], [_tokens(standings)]]),
        html.heading("Method by method"),
        html.paragraph(
            "Means over all pictures. “random” and “resize” are the PSNR of as many tokens as a reducer left, drawn by "
            "lot (the mean of five draws) or by plain resizing; “jpeg” and “webp” that of as many bits, at their best "
            "from 8 bits a pixel on."
        ),
        html.table(
            (*columns(standings), ""),
            [[code(line[0]), *line[1:], remarks(s)] for line, s in zip(lines(standings), standings, strict=True)],
            right=range(1, len(columns(standings))),
        ),
        html.paragraph(
            "Bits are those of the tokens as stored; headers of files and codebooks are not counted, nor are those of "
            "codecs. What a reducer merged comes back as its mean, what it dropped looks like the nearest that was "
            "kept. What a network made of a picture cannot be undone and has no PSNR: what it is worth, its use has to "
            "show. A method beats a baseline where its mean squared error is lower. PSNR is in dB; ms is the median of "
            "the runs of a picture, MB the most memory of a process that does nothing else."
        ),
    ]
    methods = [pipeline(standing.row.way) for standing in standings if not standing.row.error]
    for at, picture in enumerate(pictures):
        parts += [html.heading(picture.name), _seen(methods, picture, f"picture{at}", whole=at == 0)]
    parts.append(html.footer(f"Made by lexel {__version__}."))
    return html.page("lexel: what tokens cost and keep", parts)


def _lead(standings: Sequence[Standing], pictures: int) -> str:
    best = [standing for standing in standings if standing.beats_none]
    said = f"{_count(len(standings), 'method')} on {_count(pictures, 'picture')}, every number measured here."
    if best:
        which = "It loses" if len(best) == 1 else "They lose"
        said += (
            f" {len(best)} of them {'beats' if len(best) == 1 else 'beat'} none of what they stand beside: JPEG, WebP, "
            f"chance, resizing. {which} more of the picture at the same cost, and may still be worth it for a network "
            "that reads them."
        )
    return said


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _rates(standings: Sequence[Standing]) -> Html:
    """PSNR over bits a pixel: methods as points, codecs as curves."""

    def at(row: Row) -> float | None:
        return row.bits_per_pixel or None

    codecs = [
        Series(codec, tuple(sorted({point for point in points if math.isfinite(point[1])})), joined=True)
        for codec in CODECS
        if (points := _points([row for standing in standings for row in standing.baselines if row.way == codec], at))
    ]
    return _plot([*_methods(standings, at), *codecs], "bits a pixel", "Quality for bits: up and left is better")


def _tokens(standings: Sequence[Standing]) -> Html:
    """PSNR over tokens a picture: methods and, under the reducers, what chance and resizing keep."""

    def at(row: Row) -> float | None:
        return row.tokens or None

    plain = [
        Series(way, points)
        for way in ("random_drop", "resize")
        if (points := _points([row for standing in standings for row in standing.baselines if row.way == way], at))
    ]
    return _plot([*_methods(standings, at), *plain], "tokens a picture", "Quality for tokens: up and left is better")


def _methods(standings: Sequence[Standing], at: Callable[[Row], float | None]) -> list[Series]:
    rows = [standing.row for standing in standings if at(standing.row) is not None and standing.row.psnr is not None]
    series = []
    for name, reduced in (("a tokenizer alone", False), ("with a reducer", True)):
        of = [row for row in rows if (" | " in row.way) == reduced]
        if of:
            labels = tuple(row.way.replace(", ", ",").replace(" | ", "|") for row in of)
            series.append(Series(name, _points(of, at), labels))
    return series


def _points(rows: Sequence[Row], at: Callable[[Row], float | None]) -> tuple[tuple[float, float], ...]:
    """(what it costs, PSNR) of the rows that have both; nothing can be said of a cost of 0 on a logarithmic axis."""
    pairs = ((at(row), row.psnr) for row in rows)
    return tuple((cost, quality) for cost, quality in pairs if cost and quality is not None)


def _plot(series: Sequence[Series], x: str, title: str) -> Html:
    """The plot, or a sentence where every method is exact or none can be undone."""
    if not any(math.isfinite(quality) for one in series for _, quality in one.points):
        return html.paragraph("There is nothing to plot: no tokens lose anything that can be measured.")
    return plot(series, x=x, y="PSNR in dB", title=title, log_x=True)


def _seen(methods: Sequence[Pipeline], picture: Picture, name: str, *, whole: bool) -> Html:
    """A gallery a method: the whole story, with what JPEG and WebP make of as many bits, or its beginning and end."""
    codecs = {title: ladder(picture.pixels, codec) for title, codec in TITLES.items()} if whole else {}
    sections = []
    for at, method in enumerate(methods):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes stand in the table
            trace = method.trace([picture])
        drawn = views(trace, picture, method.tokenizer, longest=SIDE)
        if ENDS[0] not in (view.title for view in drawn) and trace.after.space.kind == "vectors":
            drawn += pca(trace, [picture], longest=SIDE)[1:]
        seen = {view.title: view for view in drawn}
        first = next(title for title in TELLING if title in seen)
        last = next((title for title in ENDS if title in seen), first)
        shown = [view for title, view in seen.items() if title != "Picture" and (whole or title in (first, last))]
        rate = bits(trace.after)
        shown += [_coded(picture, title, at_most(rate)) for title, at_most in codecs.items()]
        shown = [*shown[:1], *shown[1:][1 - html.GALLERY :]]  # of too many, those in the middle are left out
        drawing = seen[first].drawing
        hidden = last != ENDS[0] or drawing.height * drawing.width < DENSE * trace.before.total
        chosen = shown.index(seen[last if first == "Tokens" and hidden else first])
        sections.append([html.heading(code(str(method)), 3), html.gallery(shown, name=f"{name}-{at}", chosen=chosen)])
    return html.columns(sections)


def _coded(picture: Picture, title: str, found: Coded) -> View:
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    pixels, shown = found.pixels(size), fit(size, SIDE)
    quality = decibels(psnr(mse(picture.pixels, pixels)))
    raster = Raster(pillow_box(pixels, shown), (0, 0, shown[1], shown[0]))
    said = f"{found.bits / (size[0] * size[1]):.2f} bits a pixel, PSNR {quality}."
    return View(title, said, Drawing(*shown, (raster,)))
