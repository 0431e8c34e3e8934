"""One self-contained page: text, tables, figures, plots. No script, no address, nothing outside the file.

    page("Report", [heading("Cats"), paragraph("…"), table(columns, rows), figure(view), gallery(views, name="cat")])

Every function takes text and escapes it, unless it is `Html`, which these functions give. The browser is told the
same (`CSP`): no script runs and nothing is fetched. Equal content gives equal bytes: there is no date in a page. Pages
work from 320 pixels up, follow the reader's light or dark screen, and print.
"""

import collections
import re
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

import numpy as np

from lexel.drawing import colours
from lexel.drawing.svg import marks
from lexel.drawing.terminal import escaped
from lexel.drawing.views import Legend, Swatches, View

CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = Path(__file__).with_name("page.css")
GALLERY = 12  # views that a gallery can hold: a rule of style each


class Html(str):
    """Text that is markup already. Only what this room makes; whatever is joined to it by hand is plain text again."""

    __slots__ = ()


def page(title: str, parts: Sequence[Html]) -> str:
    """The whole text of an HTML file."""
    style = STYLE.read_text(encoding="utf-8") + "".join(
        f".gallery > input:nth-of-type({n}):checked ~ figure:nth-of-type({n}) {{ display: block }}\n"
        for n in range(1, GALLERY + 1)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + _shared("\n".join(map(text, parts)))
        + "\n</main>\n</body>\n</html>\n"
    )


def text(content: str) -> Html:
    """Plain text, safe between tags and in attributes, control and bidi characters made visible."""
    return content if isinstance(content, Html) else Html(escape(escaped(content)))


def join(*parts: str) -> Html:
    """Text and markup in a row: `join("made by ", code("patch(16)"))`."""
    return Html("".join(map(text, parts)))


def heading(content: str, level: int = 2) -> Html:
    """A heading, level 1 to 3."""
    return Html(f"<h{level}>{text(content)}</h{level}>")


def paragraph(content: str, *, lead: bool = False) -> Html:
    """A paragraph; the first of a page may `lead`."""
    return Html(f'<p class="lead">{text(content)}</p>' if lead else f"<p>{text(content)}</p>")


def code(content: str) -> Html:
    """A pipeline, a name or a command inside a sentence or a cell."""
    return Html(f"<code>{text(content)}</code>")


def listing(content: str) -> Html:
    """Lines of code or of a terminal; line breaks stay."""
    return Html("<pre>" + "\n".join(map(text, content.splitlines())) + "</pre>")


def columns(sections: Sequence[Sequence[Html]]) -> Html:
    """Sections beside each other where the screen is wide, else one after the other."""
    return Html(f'<div class="columns">{"".join(f"<section>{join(*parts)}</section>" for parts in sections)}</div>')


def footer(content: str) -> Html:
    """The last words of a page."""
    return Html(f"<footer>{text(content)}</footer>")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = (), caption: str = ""
) -> Html:
    """A table; a wide one scrolls by itself. The columns `right`, counted from 0, hold numbers."""
    style = [' class="number"' if at in right else "" for at in range(len(columns))]
    head = "".join(f'<th scope="col"{c}>{text(name)}</th>' for name, c in zip(columns, style, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{c}>{text(cell)}</td>" for cell, c in zip(row, style, strict=True)) + "</tr>"
        for row in rows
    )
    said = f"<caption>{text(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="scroll" tabindex="0"><table>{said}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def figure(view: View) -> Html:
    """A drawing with its title, caption and legend."""
    drawing, title = view.drawing, text(view.title)
    legend = "" if view.legend is None else _legend(view.legend)
    return Html(
        f'<figure><svg viewBox="0 0 {drawing.width} {drawing.height}" role="img" aria-label="{title}">'
        f"{marks(drawing)}</svg><figcaption><b>{title}.</b> {text(view.caption)}{legend}</figcaption></figure>"
    )


def figures(views: Sequence[View]) -> Html:
    """Views side by side, as many in a row as fit."""
    return Html(f'<div class="figures">{"".join(map(figure, views))}</div>')


def gallery(views: Sequence[View], *, name: str, chosen: int = 0) -> Html:
    """Views in one place, one at a time, a button each: before and after without a script.

    name     another one for each gallery of a page
    chosen   the view that is shown first

    Raises `ValueError` for more than twelve views.
    """
    if len(views) > GALLERY:
        raise ValueError(f"a gallery holds {GALLERY} views, not {len(views)}")
    name = text(name)
    buttons = "".join(
        f'<input type="radio" name="{name}" id="{name}-{at}"{" checked" if at == chosen else ""}>'
        f'<label for="{name}-{at}">{text(view.title)}</label>'
        for at, view in enumerate(views)
    )
    return Html(f'<div class="gallery">{buttons}{"".join(map(figure, views))}</div>')


def _shared(body: str) -> str:
    """The same page with every picture in it once: where it is drawn again, the first one is used."""
    counts = collections.Counter(re.findall(r"<image [^>]*/>", body))
    often = [image for image, count in counts.items() if count > 1]
    for number, image in enumerate(often):
        body = body.replace(image, f'<use href="#picture{number}"/>')
    images = "".join(image.replace("<image ", f'<image id="picture{number}" ', 1) for number, image in enumerate(often))
    return f'<svg class="shared" aria-hidden="true"><defs>{images}</defs></svg>\n{body}' if often else body


def _legend(legend: Legend) -> Html:
    if isinstance(legend, Swatches):
        entries = "".join(
            f'<span><i style="background:{colours.css(colour)}"></i>{text(name)}</span>'
            for name, colour in zip(legend.names, legend.colours, strict=True)
        )
    else:
        stops = ",".join(colours.css((r, g, b)) for r, g, b in colours.heat(np.linspace(0, 1, 9)).tolist())
        entries = (
            f"<span>{text(legend.low)}</span>"
            f'<i class="ramp" style="background:linear-gradient(90deg,{stops})"></i><span>{text(legend.high)}</span>'
        )
    return Html(f'<span class="legend">{entries}</span>')
