"""What `demo` shows: pictures in the box by several pipelines, or one method before and after."""

import contextlib
import re
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from lexel import __version__, box
from lexel.cli.common import read_inputs
from lexel.drawing import html
from lexel.drawing.difference import decibels, psnr
from lexel.drawing.html import Html, code, join
from lexel.drawing.plots import Series, plot
from lexel.drawing.terminal import escaped, progress
from lexel.drawing.views import View, undone, views
from lexel.errors import BadArguments, NoMatch, PipelineError
from lexel.measures.compare import Comparison, compare
from lexel.pictures.picture import Picture, Source
from lexel.pictures.read import read
from lexel.pipelines.compose import Pipeline, Trace, pipeline
from lexel.pipelines.registry import find, methods

# Each with the picture that shows best what it does.
TOUR = {
    "patch(16)": "coffee",
    "grid(14, 14, size=(224, 224))": "retina",
    "quadtree(8, 64)": "hubble",
    "quadtree(8, 64, budget=400)": "astronaut",
    "patch(16) | tome(r=300)": "chelsea",
    "patch(16) | pool(2)": "camera",
    "patch(16) | random_drop(0.5)": "brick",
    "patch(16) | resize(256)": "text",
}
# What the report compares: few enough pictures and ways to wait for.
COMPARED = ("patch(16)", "quadtree(8, 64)", "pyramid(8, 16, 32)", "patch(16) | tome(r=300)", "patch(16) | pool(2)")
COMPARED_ON = ("astronaut", "chelsea")
SIDE = 512  # pixels of the longest side of a drawing on the page
FIRST = "astronaut"  # the picture for one method
AFTER_TOUR = """\
lexel demo tome
lexel demo emoji
lexel methods
lexel show photo.jpg --with "quadtree(8, 64)" -o leaves.png
lexel tokenize photos/ --with "patch(16) | tome(r=98)" -o tokens/"""


@dataclass(frozen=True)
class Row:
    """What a pipeline costs and keeps, means over pictures.

    tokens   a picture
    pixels   for a token
    bytes    of token data a picture
    psnr     dB of what the tokens give back, of the mean squared error of all pictures; None where nothing can
    """

    pipeline: str
    tokens: float
    pixels: float
    bytes: float
    psnr: float | None

    COLUMNS = ("pipeline", "tokens", "pixels a token", "kB a picture", "given back")

    def cells(self) -> list[str]:
        """As a line of a table."""
        quality = "" if self.psnr is None else decibels(self.psnr)
        return [self.pipeline, f"{self.tokens:,.0f}", f"{self.pixels:,.0f}", f"{self.bytes / 1000:,.0f}", quality]

    def document(self) -> dict[str, str | float | bool | None]:
        """As JSON, which has no infinity."""
        exact = self.psnr == np.inf
        psnr = None if exact or self.psnr is None else round(self.psnr, 2)
        return {
            "pipeline": self.pipeline,
            "tokens": round(self.tokens, 1),
            "pixels_per_token": round(self.pixels, 1),
            "bytes": round(self.bytes),
            "exact": exact,
            "psnr_db": psnr,
        }


@dataclass(frozen=True, eq=False)
class Shown:
    """A page, the rows of its table, what a terminal shows of it, and what to try next."""

    page: str
    rows: list[Row]
    seen: list[View]
    after: str


def tour(talk: Console) -> Shown:
    """Every pipeline of the tour on every picture in the box, and one picture of each drawn."""
    pictures = {
        picture.name.partition(".")[0]: picture for picture in read([_boxed(path.stem) for path in box.pictures()])
    }
    rows: list[Row] = []
    sections: list[list[Html]] = []
    with progress(talk, len(TOUR), noun="pipelines") as advance:
        for text, chosen in TOUR.items():
            how = pipeline(text)
            rows.append(measure(how, list(pictures.values())))
            sections.append(_section(how, draw(how, pictures[chosen]), name=f"view{len(rows)}"))
            advance(1)
    first = draw(pipeline("quadtree(8, 64, budget=400)"), pictures["astronaut"])
    parts = [
        html.heading("Pictures as tokens", 1),
        html.paragraph(
            "A tokenizer cuts a picture into tokens. A reducer leaves fewer of them. What is gained and what is lost "
            f"shows here on {len(pictures)} photographs and {len(rows)} pipelines that need no model and no network.",
            lead=True,
        ),
        html.figures([view for view in first if view.title in ("Picture", "Tokens", "Reconstruction")]),
        html.heading("What each costs and keeps"),
        html.paragraph(
            "Means over all pictures. “Given back” is the peak signal-to-noise ratio of what the tokens still hold. "
            "Merged tokens are kept as 32-bit floats, which is why fewer of them can weigh more."
        ),
        html.columns([[_table(rows)], [_plot(rows)]]),
        html.heading("Pipeline by pipeline"),
        html.columns(sections),
        html.heading("Now yours"),
        html.listing(AFTER_TOUR),
        html.footer(f"Made by lexel {__version__}. The photographs are in the public domain or CC0."),
    ]
    return Shown(html.page("lexel: pictures as tokens", parts), rows, [], AFTER_TOUR)


def compared(talk: Console) -> Comparison:
    """The tour's comparison: each method beside JPEG, WebP and the honest baselines."""
    with progress(talk, None, noun="ways") as advance:
        pictures = [_boxed(name) for name in COMPARED_ON]
        return compare(pictures, COMPARED, repeats=1, progress=lambda way: advance(1))


def one_method(name: str, picture: str | None) -> Shown:
    """The worked example of a method on one picture: before, after, and what it costs.

    Raises `UnknownName`, `NoMatch` where there is no picture, and the errors of a picture that cannot be read.
    """
    how = pipeline(example(name))
    source = read(_boxed(FIRST)) if picture is None else read_inputs([picture], on_error="raise")
    found = next(iter(source), None)
    if found is None:
        raise NoMatch("no picture there", subject=picture or "")
    method = next(method for method in methods() if method.name == name)
    seen = draw(how, found)
    rows = [measure(before, [found]) for before in dict.fromkeys([Pipeline(how.parts[:1]), how])]
    fields = [[key, value] for key, value in method.fields.items()]
    parts = [
        html.heading(name, 1),
        html.paragraph(method.sentence, lead=True),
        html.listing(method.drawing),
        html.paragraph(join(code(str(how)), f" on {found.name}.")),
        html.gallery(seen, name="views", chosen=_most_telling(seen)),
        _table(rows),
        html.table(["field", "what its file says"], fields),
        html.footer(f"Made by lexel {__version__}."),
    ]
    after = shlex.join(["lexel", "show", picture or "photo.jpg", "--with", str(how), "-o", f"{name}.png"])
    return Shown(html.page(f"lexel: {name}", parts), rows, seen, escaped(after))


def example(name: str) -> str:
    """The pipeline of the worked example in the docstring of a method's class, `patch(16)` before a selector.

    example("tome")  →  "patch(16) | tome(r=98)"

    Raises `UnknownName`, and `BadArguments` for a quantizer, of which nothing is to be seen alone, and where the
    docstring shows no call that can be made.
    """
    said = find(name).__doc__ or ""
    if any(method.room == "quantizers" for method in methods() if method.name == name):
        hint = f"lexel methods {name} says what it does"
        raise BadArguments(f"{name} is a quantizer: it works inside an autoencoder", hint=hint)
    for call in re.findall(rf"(?<![\w.]){re.escape(name)}\((?:[^()]|\([^()]*\))*\)", said):
        for text in (call, f"patch(16) | {call}"):
            with contextlib.suppress(PipelineError):
                return str(pipeline(text))
    raise BadArguments(
        f"{name} shows no worked example", hint=f'lexel show PICTURE --with "… {name}(…)" draws any of it'
    )


def measure(how: Pipeline, pictures: Sequence[Picture]) -> Row:
    """What a pipeline makes of these pictures, each by itself."""
    tokens = stored = pixels = 0
    errors: list[float] = []
    for picture in pictures:
        trace = _trace(how, picture)
        tokens += trace.after.total
        stored += trace.after.data.nbytes
        pixels += picture.size[0] * picture.size[1]
        for back in undone(trace, how.tokenizer) or ():
            errors.append(10 ** (-psnr(picture, back) / 10))  # of 1; an exact one has 10 ** -inf = 0
    mean = float(np.mean(errors)) if errors else None
    quality = None if mean is None else float(-10 * np.log10(mean)) if mean else np.inf
    count = len(pictures)
    return Row(str(how), tokens / count, pixels / max(tokens, 1), stored / count, quality)


def draw(how: Pipeline, picture: Picture) -> list[View]:
    """All views of one picture."""
    return views(_trace(how, picture), picture, how.tokenizer, longest=SIDE)


def _trace(how: Pipeline, picture: Picture) -> Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a budget that is met to the nearest split is no news here
        return how.trace(picture)


def _section(how: Pipeline, seen: list[View], *, name: str) -> list[Html]:
    last = str(how).rpartition(" | ")[2].partition("(")[0]
    sentence = next(method.sentence for method in methods() if method.name == last)
    return [
        html.heading(code(str(how)), 3),
        html.paragraph(sentence),
        html.gallery(seen, name=name, chosen=_most_telling(seen)),
    ]


def _table(rows: Sequence[Row]) -> Html:
    return html.table(Row.COLUMNS, [[code(row.pipeline), *row.cells()[1:]] for row in rows], right=range(1, 5))


def _plot(rows: Sequence[Row]) -> Html:
    def series(name: str, reduced: bool) -> Series:
        of = [row for row in rows if (" | " in row.pipeline) == reduced and row.psnr is not None]
        labels = tuple(row.pipeline.rpartition(" | ")[2].replace(", ", ",") for row in of)
        return Series(name, tuple((row.tokens, row.psnr or 0) for row in of), labels)

    return plot(
        [series("a tokenizer alone", False), series("patch(16), then a reducer", True)],
        x="tokens a picture",
        y="given back, PSNR in dB",
        title="Fewer tokens keep less; which ones are kept makes the difference",
        log_x=True,
    )


def _most_telling(seen: Sequence[View]) -> int:
    """The view to begin with: what a reducer did, else the tokens."""
    titles = [view.title for view in seen]
    return next(titles.index(title) for title in ("Merged and dropped", "Merged", "Kept", "Tokens") if title in titles)


def _boxed(name: str) -> Source:
    path = box.path(name)
    return Source(path.name, path)
