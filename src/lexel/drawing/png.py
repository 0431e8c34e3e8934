"""Drawing → PNG, with Pillow alone. Equal drawings give equal bytes."""

import io
import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lexel.drawing.marks import LIGHT, Drawing, Fill, Lines, Mark, Raster, Text
from lexel.shapes import Array, UInt8

# Pillow's own font is plain ASCII and a few signs more; what else our captions use is spelled with those.
SPELLED = str.maketrans({"×": "x", "–": "-", "−": "-", "→": ">", "“": '"', "”": '"', "²": "2", "≤": "<="})


def png(drawing: Drawing) -> bytes:
    """The bytes of a PNG file, 8-bit RGB, of the size of the drawing."""
    file = io.BytesIO()
    Image.fromarray(pixels(drawing)).save(file, "PNG")
    return file.getvalue()


def pixels(drawing: Drawing) -> UInt8[Array, "H W 3"]:
    """The drawing as uint8 `[H, W, 3]`."""
    image = Image.new("RGB", (drawing.width, drawing.height), LIGHT)
    for mark in drawing.marks:
        opacity = mark.opacity if isinstance(mark, Fill | Lines) else 1.0
        painted = image if opacity == 1 else image.copy()
        _paint(mark, painted)
        if opacity < 1:
            image = Image.blend(image, painted, opacity)  # where nothing was painted both are equal
    return np.asarray(image)


def _paint(mark: Mark, image: Image.Image) -> None:
    draw = ImageDraw.Draw(image)
    match mark:
        case Raster(shown, (x0, y0, x1, y1)):
            image.paste(Image.fromarray(shown).resize((x1 - x0, y1 - y0), Image.Resampling.NEAREST), (x0, y0))
        case Fill(boxes, colours):
            for (x0, y0, x1, y1), colour in zip(boxes.tolist(), colours.tolist(), strict=True):
                if x0 < x1 and y0 < y1:
                    draw.rectangle((x0, y0, x1 - 1, y1 - 1), tuple(colour))
        case Lines(segments, colour, width):
            straight = (segments[:, 0] == segments[:, 2]) | (segments[:, 1] == segments[:, 3])
            before, after = width // 2, width - width // 2 - 1
            for x0, y0, x1, y1 in segments[straight].tolist():
                draw.rectangle((x0 - before, y0 - before, x1 + after, y1 + after), colour)
            for segment in segments[~straight].tolist():
                draw.line(segment, colour, width)
        case Text():
            font = ImageFont.load_default(mark.size)
            draw.text((mark.x, mark.y), _ascii(mark.text), mark.colour, font, anchor="ls")


def _ascii(text: str) -> str:
    """The nearest text that the font can show: accents go, what is foreign to it becomes a question mark."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELLED))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return plain.encode("ascii", "replace").decode("ascii")
