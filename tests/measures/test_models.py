"""`compare` with models: learned vectors that nobody can undo, beside methods that can be."""

import json
import math

import pytest
from loading.references import WHOLE, noisy, saved

from lexel.measures.compare import Comparison, compare
from lexel.measures.report import report
from lexel.measures.rows import Row, Standing
from lexel.measures.table import remarks
from lexel.measures.trial import drawn, tried
from lexel.reducers.resize import Resize
from tests.measures.test_compare import small
from tests.measures.test_report import galleries


@pytest.fixture(scope="module")
def picture():
    return small("coffee", (64, 96))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return saved(noisy(WHOLE["clip"]()), tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def inside(clip, picture):
    """A method, and a model that is asked for another space, with a selector inside, in a process of its own."""
    return compare([picture], ["patch(16)", f"{clip}(space='shared')[tome(r=1)]"], repeats=1)


@pytest.fixture(scope="module")
def behind(clip, picture):
    """A model with a selector behind it and what stands beside that, in this process."""
    text = f"{clip} | random_drop(2)"
    row = Row.of_trial(text, text, picture, tried(text, picture, 1))
    resized = Row.of_trial("resize", text, picture, drawn(str(clip), (Resize(2),), picture, 1))
    return Comparison((row, resized), (picture,))


def test_what_a_model_makes_is_counted_and_timed_and_has_no_error_to_measure(inside, behind):
    patch, model, reduced = (standing.row for standing in (*inside.standings, *behind.standings))
    assert patch.psnr == math.inf
    assert [row.tokens for row in (patch, model, reduced)] == [24, 3, 3]
    assert model.bits_per_pixel * model.pixels >= 32 * 24 * 3  # float32, 24 wide
    for row in (model, reduced):
        assert not row.error
        assert (row.mse, row.psnr, row.ssim) == (None, None, None)
        assert row.ms > 0


def test_baselines_stand_beside_a_model_and_none_is_beaten(inside, behind):
    for standing, beside in ((inside.standings[1], ["jpeg", "webp"]), (behind.standings[0], ["resize"])):
        assert [row.way for row in standing.baselines] == beside
        assert all(not row.error for row in standing.baselines)
        assert (standing.beats, standing.beats_none) == ((), False)
        assert remarks(standing) == "cannot be undone"
    method = json.loads(inside.to_json())["methods"][1]
    assert method["mean"]["psnr"] is None
    assert method["baselines"][0]["psnr"] > 0


def test_a_model_that_failed_is_not_said_to_be_beyond_undoing():
    row = Row("m", "m", "a", 100, error="Crashed: gone")
    assert remarks(Standing.of_rows([row])) == "1 of 1 pictures: Crashed: gone"


def test_the_page_shows_models_in_the_colours_of_their_components(inside, behind):
    page = report(inside)
    assert list(galleries(page).values()) == [
        ["Tokens", "Reconstruction", "JPEG", "WebP"],
        ["Tokens", "Components", "Foreground", "JPEG", "WebP"],
    ]
    assert "cannot be undone</td>" in page
    [views] = galleries(report(behind)).values()
    assert views == ["Tokens", "Kept", "Components", "Foreground", "JPEG", "WebP"]
