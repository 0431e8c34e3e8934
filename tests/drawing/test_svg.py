"""Drawings as SVG: well-formed, self-contained, and the same rectangles and lines as in PNG."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from lexel.drawing.marks import Drawing, Fill, Lines, Raster, Text
from lexel.drawing.svg import svg

NAME = '<b>"&\u202e\x1b.jpg'


def parsed(*marks, title=""):
    return ElementTree.fromstring(svg(Drawing(60, 80, marks), title=title))


def elements(root, tag):
    return root.findall(f".//{{http://www.w3.org/2000/svg}}{tag}")


def test_the_file_has_the_size_of_the_drawing():
    root = parsed()
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("80", "60", "0 0 80 60")


def test_names_are_text_and_never_markup():
    root = parsed(Text(1, 2, NAME, 12), title=NAME)
    assert not elements(root, "b")
    assert elements(root, "text")[0].text == elements(root, "title")[0].text == '<b>"&\\u202e\\x1b.jpg'


def test_a_small_picture_is_inside_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    [image] = elements(parsed(Raster(pixels, (0, 0, 60, 40))), "image")
    head, data = image.get("href").split(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as embedded:
        assert (np.asarray(embedded) == pixels).all()


def test_a_large_picture_is_inside_as_a_jpeg_of_its_size():
    pixels = np.zeros((300, 400, 3), np.uint8)
    [image] = elements(parsed(Raster(pixels, (0, 0, 60, 40))), "image")
    head, data = image.get("href").split(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as embedded:
        assert embedded.size == (400, 300)


def test_a_fill_is_its_rectangles_in_their_order():
    boxes = np.array([[0, 0, 3, 4], [5, 5, 7, 9], [1, 1, 2, 2]])
    colours = np.array([[1, 2, 3], [1, 2, 3], [255, 0, 16]], np.uint8)
    root = parsed(Fill(boxes, colours, 0.5))
    assert elements(root, "g")[0].get("opacity") == "0.5"
    read = []
    for path in elements(root, "path"):
        for x, y, w, h in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.get("d")):
            read.append((path.get("fill"), int(x), int(y), int(x) + int(w), int(y) + int(h)))
    assert read == [("#010203", 0, 0, 3, 4), ("#010203", 5, 5, 7, 9), ("#ff0010", 1, 1, 2, 2)]


def test_lines_are_their_segments():
    segments = np.array([[0, 1, 5, 1], [2, 0, 2, 9], [0, 9, 4, 5]])
    [path] = elements(parsed(Lines(segments, (0, 0, 0), 3)), "path")
    assert path.get("d") == "M0 1H5M2 0V9M0 9L4 5"
    assert path.get("stroke-width") == "3"


def test_nothing_outside_the_file_is_named():
    text = svg(Drawing(9, 9, (Raster(np.zeros((2, 2, 3), np.uint8), (0, 0, 9, 9)),)))
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert text == svg(Drawing(9, 9, (Raster(np.zeros((2, 2, 3), np.uint8), (0, 0, 9, 9)),)))
