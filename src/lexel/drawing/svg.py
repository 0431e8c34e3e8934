"""Drawing → SVG: a file that stands alone, pictures inside it as `data:` URIs.

Small pictures are embedded as PNG, large ones as JPEG: an SVG is for looking at, and a photograph as PNG is four to
eight times as large. Equal drawings give equal text.
"""

import base64
import io
import itertools
from html import escape

from PIL import Image

from lexel.drawing.colours import css
from lexel.drawing.marks import Drawing, Fill, Lines, Mark, Raster, Text
from lexel.drawing.terminal import escaped
from lexel.shapes import Array, UInt8

SMALL = 256 * 256  # pixels: up to here a picture is embedded exactly, as PNG
QUALITY = 84  # of the JPEG that larger ones become
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def svg(drawing: Drawing, *, title: str = "") -> str:
    """The text of an SVG file of the size of the drawing; `title` is what a screen reader says."""
    said = f"<title>{escape(escaped(title))}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width}" height="{drawing.height}" '
        f'viewBox="0 0 {drawing.width} {drawing.height}" role="img" font-family="{FONT}">{said}'
        f'<rect width="100%" height="100%" fill="#fff"/>{marks(drawing)}</svg>\n'
    )


def marks(drawing: Drawing) -> str:
    """The elements of a drawing without the `<svg>` around them: for a page that brings its own."""
    return "".join(map(_element, drawing.marks))


def data_uri(pixels: UInt8[Array, "h w 3"]) -> str:
    """`data:image/png;base64,…`, of a large picture `data:image/jpeg;base64,…`."""
    file = io.BytesIO()
    kind = "png" if pixels.shape[0] * pixels.shape[1] <= SMALL else "jpeg"
    Image.fromarray(pixels).save(file, kind, quality=QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _element(mark: Mark) -> str:
    match mark:
        case Raster(pixels, (x0, y0, x1, y1)):
            sharp = ' style="image-rendering:pixelated"' if x1 - x0 >= 3 * pixels.shape[1] else ""
            return (
                f'<image x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" preserveAspectRatio="none"{sharp} '
                f'href="{data_uri(pixels)}"/>'
            )
        case Fill():
            return f'<g opacity="{mark.opacity:g}" shape-rendering="crispEdges">{_rectangles(mark)}</g>'
        case Lines():
            between = ' transform="translate(.5 .5)"' if mark.width % 2 else ""  # the same pixels as in PNG
            return (
                f'<path fill="none" stroke="{css(mark.colour)}" stroke-width="{mark.width}" '
                f'opacity="{mark.opacity:g}"{between} d="{_path(mark)}"/>'
            )
        case Text():
            return (
                f'<text x="{mark.x}" y="{mark.y}" font-size="{mark.size}" fill="{css(mark.colour)}">'
                f"{escape(escaped(mark.text))}</text>"
            )


def _rectangles(fill: Fill) -> str:
    """One path for each run of equal colours."""
    rows = zip(map(tuple, fill.colours.tolist()), fill.boxes.tolist(), strict=True)
    return "".join(
        f'<path fill="{css(colour)}" d="'
        + "".join(f"M{x0} {y0}h{x1 - x0}v{y1 - y0}h{x0 - x1}z" for _, (x0, y0, x1, y1) in run)
        + '"/>'
        for colour, run in itertools.groupby(rows, key=lambda row: row[0])
    )


def _path(lines: Lines) -> str:
    return "".join(
        f"M{x0} {y0}" + (f"V{y1}" if x0 == x1 else f"H{x1}" if y0 == y1 else f"L{x1} {y1}")
        for x0, y0, x1, y1 in lines.segments.tolist()
    )
