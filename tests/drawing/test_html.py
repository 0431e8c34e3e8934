"""Pages: self-contained, escaped, the same bytes every time."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from lexel.drawing import html
from lexel.drawing.html import Html
from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.views import Ramp, Swatches, View

EVIL = '"><script>alert(1)</script>\u202e\x00<img src=x onerror=y>'
VOID = {"meta", "input"}


def view(title="Tokens", *, seed=0, legend=None, caption=""):
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return View(title, caption, Drawing(40, 60, (Raster(pixels, (0, 0, 60, 40)),)), legend)


def everything(text):
    """A page with `text` in every place that takes one."""
    swatches, ramp = Swatches((text,), ((1, 2, 3),)), Ramp(text, text)
    parts = [
        html.heading(text, 1),
        html.paragraph(text, lead=True),
        html.paragraph(html.join(text, html.code(text))),
        html.listing(text),
        html.table([text], [[text]], right=[0], caption=text),
        html.figure(view(text, legend=swatches, caption=text)),
        html.figures([view(text, legend=ramp)]),
        html.gallery([view(text), view(text, seed=1)], name=text),
        html.columns([[html.paragraph(text)]]),
        html.footer(text),
    ]
    return html.page(text, parts)


class Reader(HTMLParser):
    """Tags in order, and whether they close as they open."""

    def __init__(self):
        super().__init__()
        self.tags, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader.tags


def test_a_page_runs_no_script_and_names_nothing_outside():
    page = everything("cat.jpg")
    written = re.sub(r"data:image/\w+;base64,[\w+/=]*", "", page)
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<iframe| on\w+=", written)
    assert {attributes["href"][:5] for tag, attributes in read(page) if "href" in attributes} <= {"data:", "#pict"}
    policy = next(attributes["content"] for tag, attributes in read(page) if "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_hostile_names_change_no_markup_anywhere():
    plain, evil = read(everything("cat")), read(everything(EVIL))
    assert [(tag, sorted(attributes)) for tag, attributes in evil] == [
        (tag, sorted(attributes)) for tag, attributes in plain
    ]
    assert not {"\u202e", "\x00"} & set(everything(EVIL))


def test_markup_of_this_room_is_not_escaped_twice_and_joined_by_hand_it_is_text():
    code = html.code("patch(16)")
    assert html.paragraph(code) == "<p><code>patch(16)</code></p>"
    assert html.paragraph(code + "!") == "<p>&lt;code&gt;patch(16)&lt;/code&gt;!</p>"
    assert isinstance(html.text("a"), Html)


def test_equal_content_gives_equal_bytes():
    assert everything("cat") == everything("cat")


def test_a_picture_that_is_drawn_often_is_in_the_page_once():
    page = html.page("a", [html.figure(view()), html.figure(view("Again")), html.figure(view(seed=1))])
    assert page.count("data:image/") == 2
    ids = {attributes["id"] for tag, attributes in read(page) if tag == "image" and "id" in attributes}
    used = [attributes["href"][1:] for tag, attributes in read(page) if tag == "use"]
    assert ids == {"picture0"}
    assert used == ["picture0", "picture0"]


def test_a_gallery_shows_the_chosen_view_and_has_a_button_for_each():
    tags = read(html.gallery([view("Before"), view("After")], name="cat", chosen=1))
    inputs = [attributes for tag, attributes in tags if tag == "input"]
    labels = [attributes["for"] for tag, attributes in tags if tag == "label"]
    assert [attributes["id"] for attributes in inputs] == labels == ["cat-0", "cat-1"]
    assert ["checked" in attributes for attributes in inputs] == [False, True]


def test_a_gallery_holds_twelve_views():
    rules = html.page("a", [html.gallery([view()] * 12, name="a")])
    assert "nth-of-type(12):checked" in rules
    with pytest.raises(ValueError, match="12 views, not 13"):
        html.gallery([view()] * 13, name="a")


def test_columns_of_numbers_stand_to_the_right():
    table = html.table(["name", "tokens"], [["a", "1"], ["b", "22"]], right=[1])
    cells = [(tag, attributes.get("class")) for tag, attributes in read(table) if tag in ("th", "td")]
    assert cells == [("th", None), ("th", "number"), *[("td", None), ("td", "number")] * 2]
