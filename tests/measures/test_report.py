"""The table and the page of a comparison: every number once, every remark said, nothing from outside the file."""

import math
import re

import numpy as np
import pytest

from lexel.measures.compare import Comparison, compare
from lexel.measures.report import SIDE, report
from lexel.measures.rows import Row, Standing
from lexel.measures.table import COLUMNS, lines, remarks
from lexel.pictures.picture import Picture
from tests.measures.test_compare import row, small

METHODS = ["patch(16)", "quadtree(8, 32)", "patch(16) | tome(r=12)", "kmeans(8, 64)"]


@pytest.fixture(scope="module")
def comparison():
    return compare([small("coffee", (64, 96)), small("brick", (50, 70))], METHODS, repeats=1)


@pytest.fixture(scope="module")
def page(comparison):
    return report(comparison)


def galleries(page):
    """The titles of the views of each gallery, by picture and method."""
    found = {}
    for picture, content in re.findall(r"<h2>(\w+)</h2>(.*?)(?=<h2>|<footer>)", page, re.DOTALL):
        for method, gallery in re.findall(r"<h3><code>(.*?)</code></h3>(.*?)</section>", content, re.DOTALL):
            found[picture, method] = re.findall(r"<b>([\w ]+)\.</b>", gallery)
    return found


def test_the_page_shows_every_method_on_every_picture(page):
    found = galleries(page)
    assert list(found) == [(picture, method) for picture in ("coffee", "brick") for method in METHODS]
    assert found["coffee", "kmeans(8, 64)"] == ["Tokens", "Reconstruction", "Error", "JPEG", "WebP"]
    assert found["coffee", "patch(16) | tome(r=12)"] == ["Tokens", "Merged", "Reconstruction", "Error", "JPEG", "WebP"]
    assert found["brick", "patch(16) | tome(r=12)"] == ["Merged", "Reconstruction"]


def test_the_page_opens_with_what_tells_most(page):
    opened = re.findall(r'checked><label for="[\w-]+">([\w ]+)<', page)
    assert opened == ["Tokens", "Tokens", "Merged", "Tokens"] * 2


def test_the_page_needs_nothing_from_outside(page):
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|<link|@import", page)


def test_the_table_of_the_page_has_every_line(page, comparison):
    for line in lines(comparison.standings):
        cells = "".join(f"<td[^>]*>{re.escape(cell)}</td>" for cell in line[1:])
        assert re.search(cells, page)


def test_both_plots_have_a_point_for_every_method(page, comparison):
    plots = re.findall(r'<figure class="plot">(.*?)</figure>', page, re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        for name in ("patch(16)", "quadtree(8,32)", "patch(16)|tome(r=12)", "kmeans(8,64)"):
            assert f">{name}</text>" in plot
    assert "jpeg" in plots[0]
    assert "random_drop" in plots[1]


def test_a_page_where_nothing_is_lost_has_no_plots():
    picture = Picture(np.zeros((8, 8, 3), np.uint8), "a", (8, 8), "00" * 16)
    exact = Row("patch(8)", "patch(8)", "a", 64, 1, 24.0, 0.0, 0.0, math.inf, 1.0, 1.0)
    page = report(Comparison((exact,), (picture,)))
    assert '<figure class="plot">' not in page
    assert "nothing to plot" in page


def test_a_method_with_more_views_than_a_gallery_holds_is_shown_all_the_same():
    text = "pyramid(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)"
    exact = Row(text, text, "brick", 3500, 1, 24.0, 0.0, 0.0, math.inf, 1.0, 1.0)
    [titles] = galleries(report(Comparison((exact,), (small("brick", (50, 70)),)))).values()
    assert len(titles) == 12
    assert titles[-3:] == ["Reconstruction", "JPEG", "WebP"]


def test_the_page_is_saved_whole(comparison, page, tmp_path):
    comparison.save(tmp_path / "out.html")
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == page


def test_drawings_are_small(page):
    boxes = re.findall(r'viewBox="0 0 (\d+) (\d+)" role="img" aria-label="Tok', page)
    assert boxes
    assert max(int(side) for box in boxes for side in box) <= SIDE


def test_a_line_has_a_cell_for_every_column(comparison):
    patch, tree, tome, kmeans = (dict(zip(COLUMNS, line, strict=True)) for line in lines(comparison.standings))
    assert (patch["PSNR"], patch["SSIM"], patch["tokens"], patch["random"]) == ("exact", "1.000", "22", "")
    assert float(tree["PSNR"]) > float(kmeans["PSNR"]) > 0
    assert float(tome["random"]) > 0
    assert float(tome["resize"]) > 0
    assert re.fullmatch(r"0\.\d{3}", kmeans["bits/px"])


def test_remarks_say_what_numbers_do_not():
    lost = Standing.of_rows([row(seen=True, note="m: 99 tokens"), row("resize", 0.5), row("jpeg", 0.1)])
    assert remarks(lost) == "beats none of its baselines; was learned from these pictures; 99 tokens"
    won = Standing.of_rows([row(), row("resize", None, error="BadArguments: no raster"), row("jpeg", 2.0)])
    assert remarks(won) == "beats jpeg; resize gave no result"
    broken = Standing.of_rows([row(mse=None, error="Crashed: gone"), row("jpeg", None, error="Crashed: gone")])
    assert remarks(broken) == "1 of 1 pictures: Crashed: gone"


@pytest.mark.parametrize(("bits", "ms", "said"), [(24.0, 5.04, ["24.00", "5.0"]), (0.0312, 1234.5, ["0.031", "1,234"])])
def test_numbers_are_as_long_as_they_are_known(bits, ms, said):
    line = dict(zip(COLUMNS, lines([Standing.of_rows([row(bits_per_pixel=bits, ms=ms)])])[0], strict=True))
    assert [line["bits/px"], line["ms"]] == said
