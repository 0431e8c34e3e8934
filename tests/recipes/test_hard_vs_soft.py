"""The recipe of docs/hard-vs-soft.md measures what its page says, on methods of which it is known."""

import importlib
import sys

import numpy as np
import pytest
from house.plan import ROOT

from lexel import box
from lexel.measures.compare import compare
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box
from lexel.pipelines.compose import pipeline

WAYS = ("patch(16)", "quadtree(8, 32)", "superpixel(24)", "kmeans(8, 64)")


@pytest.fixture(scope="module")
def recipe():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "recipes")
        made = importlib.import_module("hard_vs_soft")
        patch.setattr(made, "SIDES", (32, 64))
        yield made
        del sys.modules["hard_vs_soft"]


@pytest.fixture(scope="module")
def picture():
    [found] = read(box.path("coffee"))
    return Picture(pillow_box(found.pixels, (64, 96)), "coffee", (64, 96), found.digest)


def test_what_paints_its_own_region_alone_is_at_home_there(recipe, picture):
    for way in WAYS:
        told = recipe.told(pipeline(way), [picture])
        assert told.local == 1.0
        assert 0 < told.reach <= 1


def test_every_pixel_has_its_token(recipe, picture):
    for way in WAYS:
        tokens = pipeline(way)([picture])
        assert set(np.unique(recipe.owners(tokens, picture.size))) == set(range(tokens.total))


def test_borders_are_the_pixels_beside_another_token(recipe):
    whose = np.array([[0, 0, 0, 1], [0, 0, 0, 1], [2, 2, 2, 2]])
    assert recipe.border(whose).astype(int).tolist() == [[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_strong_edges_are_the_steepest(recipe):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = 200
    assert np.unique(np.nonzero(recipe.strong(pixels))[1]).tolist() == [19, 20]


def test_the_page_has_a_line_for_every_way_in_every_table(recipe, picture):
    told = {way: recipe.told(pipeline(way), [picture]) for way in WAYS}
    text = recipe.page(compare([picture], WAYS, repeats=1, stability=True), told, "photo.jpg")
    for way in WAYS:
        assert text.count(f"| `{way}` |") == len(recipe.SECTIONS)
    assert "recipes/hard_vs_soft.py photo.jpg" in text
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())
