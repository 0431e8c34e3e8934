"""`demo emoji`: the drawings that come with lexel, found by words and by sums of words and drawings.

"Katze"                       ─► one vector ─┐
drawing − "man" + "woman"     ─► one vector ─┼─ similarity ─► the drawings that fit best
200 drawings                  ─► vectors ────┘                 lexel/emoji-demo
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lexel import __version__, shipped
from lexel.drawing import html
from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.views import View
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.shapes import Array, Float
from lexel.words.algebra import combine, terms

MODEL = "lexel/emoji-demo"
SIDE, COLUMNS = 64, 20  # of the sheet of drawings
BEST = 5  # drawings that are shown of each query
DRAWN = 128  # pixels of a drawing on the page

# Words in three languages, then sums. In a sum a drawing is named by its file, as a picture is in every query.
QUERIES = (
    "rocket",
    "birthday cake",
    "Einhorn",
    "Schneeflocke",
    "ギター",
    "自転車",
    "./1f468-200d-1f33e.png - man + woman",
    "./1f468-200d-1f680.png - man + woman",
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One drawing.

    picture   64 × 64 on white, named after its code
    said      label and tags by language: en, de, ja
    """

    picture: Picture
    said: dict[str, tuple[str, list[str]]]

    @property
    def label(self) -> str:
        """The English one."""
        return self.said["en"][0]


@dataclass(frozen=True, eq=False)
class Found:
    """A query, and the drawings that fit it best with their cosines, the best first."""

    query: str
    best: tuple[tuple[Drawn, float], ...]

    COLUMNS = ("asked for", "found", "then")

    def cells(self) -> list[str]:
        """As a line of a table."""
        first, *others = (drawn.label for drawn, _ in self.best)
        return [self.query, first, ", ".join(others[:2])]

    def document(self) -> dict[str, object]:
        """As JSON."""
        best = [
            {"drawing": drawn.picture.name, "label": drawn.label, "cosine": round(cosine, 4)}
            for drawn, cosine in self.best
        ]
        return {"query": self.query, "best": best}


def drawings() -> list[Drawn]:
    """The 200 drawings in the order of their list."""
    said = json.loads((shipped.FOLDER / "drawings.json").read_text(encoding="utf-8"))
    [sheet] = read(shipped.FOLDER / "drawings.webp")
    found = []
    for place, (name, labels) in enumerate(said.items()):
        top, left = (at * SIDE for at in divmod(place, COLUMNS))
        [picture] = read(np.ascontiguousarray(sheet.pixels[top : top + SIDE, left : left + SIDE]))
        found.append(
            Drawn(replace(picture, name=name), {code: (label, tags) for code, (label, tags) in labels.items()})
        )
    return found


def find(known: Sequence[Drawn], queries: Sequence[str] = QUERIES) -> list[Found]:
    """What the toy finds for each query among the drawings that it is shown."""
    from lexel.loading.load import load
    from lexel.towers._dual import Dual

    model = load(MODEL)
    assert isinstance(model, Dual)
    vectors = model.embed([drawn.picture for drawn in known])
    by_name = {drawn.picture.name: vector for drawn, vector in zip(known, vectors, strict=True)}

    def asked(query: str) -> Float[Array, "D"]:
        parts = terms(query)
        rows = [by_name[Path(part.path).stem] if part.path else model.embed(part.text)[0] for part in parts]
        return combine(parts, np.stack(rows))

    found = []
    for query, cosines in zip(queries, model.similarity(np.stack([*map(asked, queries)]), vectors), strict=True):
        named = {Path(part.path).stem for part in terms(query) if part.path}  # what was asked with is no answer
        order = [place for place in np.argsort(-cosines, kind="stable") if known[place].picture.name not in named]
        found.append(Found(query, tuple((known[place], float(cosines[place])) for place in order[:BEST])))
    return found


def page(found: Sequence[Found]) -> str:
    """A page of all queries with the drawings that were found."""
    parts = [
        html.heading("Drawings found by words", 1),
        html.paragraph(
            "A model of seven megabytes learned what 1,911 drawings are called in 28 locales. Here it looks for words "
            "and for sums among 200 of them. It is a toy: of photographs it knows nothing.",
            lead=True,
        ),
    ]
    for one in found:
        views = [View(drawn.label, f"cosine {cosine:.2f}", _drawing(drawn.picture)) for drawn, cosine in one.best]
        parts += [html.heading(one.query), html.figures(views)]
    said = f"Made by lexel {__version__}. The drawings are Noto Color Emoji, Apache License 2.0."
    return html.page("lexel: drawings found by words", [*parts, html.footer(said)])


def _drawing(picture: Picture) -> Drawing:
    return Drawing(DRAWN, DRAWN, (Raster(picture.pixels, (0, 0, DRAWN, DRAWN)),))
