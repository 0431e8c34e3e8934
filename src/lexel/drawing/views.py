"""What there is to see of one picture and its tokens: a list of views, in the order of a story.

    Picture ─► Tokens ─► Levels ─► Entropy … ─► Merged ─► Reconstruction ─► Error
               always    several   float        where a     where the        unless
                         scales    columns      plan acts   tokenizer can    exact
                                                            be undone

    trace = pipeline.trace(picture)
    for view in views(trace, picture, pipeline.tokenizer): view.title, view.caption, view.legend, view.drawing

Large pictures are drawn on a reduced copy, small ones enlarged so that cells can be seen. PSNR is measured on the
picture itself, never on the drawing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from lexel.drawing import colours
from lexel.drawing.canvas import LONGEST, Canvas, filled
from lexel.drawing.difference import decibels, difference, psnr
from lexel.drawing.marks import (
    DARK,
    LIGHT,
    Drawing,
    Fill,
    Lines,
    Mark,
    borders,
    crosses,
    frame,
    haloed,
    outlines,
)
from lexel.drawing.tiles import Tiles
from lexel.errors import LoadError, TokensError
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_box
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Bool
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Tokenizer
from lexel.tokens.restore import restored
from lexel.tokens.value import Tokens

SCALES = (1, 2, 5, 10, 20, 50, 100, 150, 255)  # of error maps, of 255; the first that holds 99 % of the pixels


@dataclass(frozen=True)
class Swatches:
    """A legend of names: one colour each."""

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Ramp:
    """A legend of heat: what its dark end and its bright end mean."""

    low: str
    high: str


Legend: TypeAlias = Swatches | Ramp


@dataclass(frozen=True, eq=False)
class View:
    """One thing to see: a title of one or two words, a caption of a sentence or two, a drawing, maybe a legend."""

    title: str
    caption: str
    drawing: Drawing
    legend: Legend | None = None


@runtime_checkable
class Traced(Protocol):
    """Tokens before and after selectors, and the plan between them: `lexel.pipelines.compose.Trace` is one."""

    @property
    def before(self) -> Tokens:
        """As the tokenizer made them."""
        ...

    @property
    def plan(self) -> Plan:
        """Which of `before` became which of `after`."""
        ...

    @property
    def after(self) -> Tokens:
        """What the selectors left."""
        ...


@runtime_checkable
class Invertible(Tokenizer, Protocol):
    """A tokenizer that can paint its tokens."""

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures again."""
        ...


def views(trace: Traced, picture: Picture, tokenizer: Tokenizer, *, longest: int = LONGEST) -> list[View]:
    """Everything there is to see of `trace`, which is of this one picture and was made by `tokenizer`.

    longest   the longest side of each drawing in pixels

    Raises `ValueError` for a trace of several pictures.
    """
    if len(trace.before) != 1:
        raise ValueError(f"a drawing is of one picture, the trace is of {len(trace.before)}")
    canvas = Canvas(picture, longest)
    regions = trace.before.where(trace.before.kind == Kind.REGION)
    tiles = Tiles.of(regions, canvas.size)
    seen = [original(picture, canvas), _tokens(regions, trace.before.total - regions.total, tiles, canvas)]
    seen += _levels(regions, tiles, canvas)
    seen += _columns(regions, tiles, canvas)
    if trace.plan.dropped.any() or (np.diff(trace.plan.edges) > 1).any():
        seen.append(_reduced(trace, tiles, canvas))
    return seen + list(_undone(trace, picture, tokenizer, canvas))


def undone(trace: Traced, tokenizer: Tokenizer) -> list[Picture] | None:
    """The pictures that the tokens of `after` still hold, as `restored` says; None where `tokenizer` cannot paint."""
    if not isinstance(tokenizer, Invertible):
        return None
    try:
        return tokenizer.detokenize(restored(trace.before, trace.plan, trace.after))
    except (LoadError, TokensError):  # its decoder was not saved, or its tokens were merged inside
        return None


def original(picture: Picture, canvas: Canvas) -> View:
    """The picture itself."""
    height, width = picture.size
    return View("Picture", f"{width:,} × {height:,} pixels.", canvas.drawing())


def _tokens(regions: Tokens, others: int, tiles: Tiles, canvas: Canvas) -> View:
    height, width = regions.pictures.sizes[0].tolist()
    said = _count(regions.total)
    said += f", one for {height * width / regions.total:,.0f} pixels." if regions.total else "."
    if others:
        said += f" {others:,} more {'stands' if others == 1 else 'stand'} for no region."
    lines = haloed(np.concatenate([tiles.edges, frame(canvas.size)]))
    return View("Tokens", said, canvas.drawing(*lines))


def _levels(regions: Tokens, tiles: Tiles, canvas: Canvas) -> Iterator[View]:
    levels, counts = np.unique(regions.level, return_counts=True)
    if len(levels) < 2:
        return
    if len(regions.pictures.grids) > 1:  # a raster each, one over the other
        for level, count in zip(levels.tolist()[::-1], counts.tolist()[::-1], strict=True):
            lines = haloed(outlines(tiles.boxes[regions.level == level], canvas.size))
            yield View(f"Level {level}", f"{_count(count)}; level 0 is the finest.", canvas.drawing(*lines))
        return
    fill = filled(tiles, colours.names(regions.level.astype(np.int64)), 0.55)
    names = tuple(f"level {level}: {_count(n)}" for level, n in zip(levels.tolist(), counts.tolist(), strict=True))
    swatches = tuple(tuple(colour) for colour in colours.names(levels.astype(np.int64)).tolist())
    said = f"{len(levels)} scales; level 0 is the finest."
    yield View("Levels", said, canvas.drawing(fill, *haloed(tiles.edges)), Swatches(names, swatches))


def _columns(regions: Tokens, tiles: Tiles, canvas: Canvas) -> Iterator[View]:
    """A heat map for each column of one number a token that is not the same everywhere."""
    for name, value in sorted(regions.columns.items()):
        if value.ndim != 1 or value.dtype.kind != "f" or not len(value) or value.min() == value.max():
            continue
        low, high = float(value.min()), float(value.max())
        fill = filled(tiles, colours.heat((value - low) / (high - low)), 0.8)
        title = name.replace("_", " ").capitalize()
        yield View(title, f"The column “{name}”.", canvas.drawing(fill), Ramp(f"{low:.3g}", f"{high:.3g}"))


def _reduced(trace: Traced, tiles: Tiles, canvas: Canvas) -> View:
    """Cells of merged tokens in their mean colour with borders around each group; dropped cells crossed out."""
    plan = trace.plan
    region = trace.before.kind == Kind.REGION
    group = plan.home[region]
    several = np.append(np.diff(plan.edges) > 1, False)  # the last entry is for −1
    merged = several[group]
    owner = tiles.owner(canvas.size)
    labels = np.append(group, -1)[owner]
    around = np.where((labels < 0) | several[labels], labels, len(several))  # single tokens as one region
    visible = np.isin(np.arange(len(group)), owner)

    lost = tiles.boxes[(visible & (group < 0))[tiles.token]]
    joined = np.flatnonzero((visible & merged)[tiles.token])
    joined = joined[np.argsort(group[tiles.token[joined]], kind="stable")]  # cells of one group together
    means = canvas.means(labels, int(plan.splits_out[-1]))
    marks: list[Mark] = [
        Fill(tiles.boxes[joined], means[group[tiles.token[joined]]], 0.92),
        Fill(lost, np.tile(np.array(DARK, np.uint8), (len(lost), 1)), 0.72),
        Lines(crosses(lost[: len(lost) * tiles.whole]), (150, 150, 158), 1, 0.8),
        Lines(borders(labels), LIGHT, 1, 0.3 * bool(merged.any())),
        *haloed(np.concatenate([borders(around), frame(canvas.size)])),
    ]
    return View(_title(merged, plan), _said(trace, merged), canvas.drawing(*marks))


def _title(merged: Bool[Array, "N"], plan: Plan) -> str:
    if plan.dropped.any():
        return "Merged and dropped" if merged.any() else "Kept"
    return "Merged"


def _said(trace: Traced, merged: Bool[Array, "N"]) -> str:
    before, after, dropped = trace.before.total, trace.after.total, int(trace.plan.dropped.sum())
    said = f"{_count(before)} became {after:,}."
    if merged.any():
        several = int((np.diff(trace.plan.edges) > 1).sum())
        stand = "stands for several cells" if several == 1 else "stand for several cells each"
        said += f" {several:,} {stand}, drawn in their mean colour."
        if not trace.plan.hard:
            said += " Cells give to more than one token; each is drawn with the one that it gives most to."
    if dropped:
        said += f" {dropped:,} {'was' if dropped == 1 else 'were'} dropped: the dark cells."
    return said


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens:,} tokens"


def _undone(trace: Traced, picture: Picture, tokenizer: Tokenizer, canvas: Canvas) -> Iterator[View]:
    pictures = undone(trace, tokenizer)
    if pictures is None:
        return
    back = pictures[0]
    drawn = canvas.drawing(pixels=pillow_box(back.pixels, canvas.shown))
    quality = psnr(picture, back)
    if np.isinf(quality):
        yield View("Reconstruction", "Exact: the tokens give back every pixel.", drawn)
        return
    said = f"The picture again from {_count(trace.after.total)}: PSNR {decibels(quality)}."
    if trace.plan.dropped.any():
        said += " What was dropped looks like the nearest cell that was kept."
    yield View("Reconstruction", said, drawn)
    error = pillow_box(difference(picture, back), canvas.shown).astype(np.float64).mean(axis=2)
    scale = next(s for s in SCALES if s >= np.percentile(error, 99))
    said = f"|original − reconstruction|, mean of the channels; yellow is {scale} of 255 or more."
    yield View("Error", said, canvas.drawing(pixels=colours.heat(error / scale)), Ramp("0", f"{scale} of 255"))
