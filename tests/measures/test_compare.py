"""`compare`: rows that agree in all but time, baselines beside every reducer, failures that stop nothing else."""

import dataclasses
import json
import math

import numpy as np
import pytest

import lexel
from lexel import box
from lexel.errors import BadArguments, NoMatch, UnknownName
from lexel.measures import compare as module
from lexel.measures.compare import compare
from lexel.measures.meter import Failed
from lexel.measures.rows import Row, Standing, mean
from lexel.measures.trial import coded, drawn, tried
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box
from lexel.pipelines.compose import pipeline
from lexel.reducers.random_drop import RandomDrop

METHODS = ["patch(16)", "quadtree(8, 32)", "patch(16) | tome(r=12)", "patch(16) | resize(12)", "kmeans(8, 64)"]


def small(name, size):
    [picture] = read(box.path(name))
    pixels = pillow_box(picture.pixels, size)
    return Picture(pixels, name, size, picture.digest)


@pytest.fixture(scope="module")
def pictures():
    return [small("coffee", (64, 96)), small("brick", (50, 70))]


@pytest.fixture(scope="module")
def comparison(pictures):
    return compare(pictures, METHODS, repeats=1)


def timeless(row):
    return dataclasses.replace(row, ms=None, peak_mb=None)


def test_two_runs_agree_in_everything_but_time(pictures, comparison):
    again = compare(pictures, METHODS[2:3], repeats=2)
    assert list(map(timeless, again.rows)) == [timeless(row) for row in comparison.rows if row.of == METHODS[2]]


def test_every_way_has_a_row_for_every_picture(comparison):
    ways = {(row.of, row.way): [] for row in comparison.rows}
    for row in comparison.rows:
        ways[row.of, row.way].append(row.picture)
        assert not row.error
    assert set(map(tuple, ways.values())) == {("coffee", "brick")}
    assert [of for of, way in ways if of == way] == METHODS


def test_codecs_stand_beside_every_method_and_plain_selectors_beside_reducers(comparison):
    baselines = {s.row.way: [row.way for row in s.baselines] for s in comparison.standings}
    assert baselines == {
        "patch(16)": ["jpeg", "webp"],
        "quadtree(8, 32)": ["jpeg", "webp"],
        "patch(16) | tome(r=12)": ["random_drop", "resize", "jpeg", "webp"],
        "patch(16) | resize(12)": ["random_drop", "jpeg", "webp"],  # never itself
        "kmeans(8, 64)": ["jpeg", "webp"],
    }


def test_baselines_cost_no_more_than_their_method(comparison):
    for standing in comparison.standings:
        for row in standing.baselines:
            if row.tokens is not None:
                assert row.tokens <= standing.row.tokens
            elif standing.row.bits_per_pixel < 8:
                assert row.bits_per_pixel <= standing.row.bits_per_pixel


def test_numbers_are_those_of_the_tokens_in_hand(pictures, comparison):
    [row] = [row for row in comparison.rows if row.way == "quadtree(8, 32)" and row.picture == "brick"]
    method = pipeline("quadtree(8, 32)")
    tokens = method(pictures[1:])
    error = np.square(method.detokenize(tokens)[0].pixels.astype(float) - pictures[1].pixels).mean()
    assert (row.tokens, row.pixels) == (tokens.total, 50 * 70)
    assert row.pixels_per_token == 3500 / tokens.total
    assert math.isclose(row.mse, error)
    assert math.isclose(row.psnr, 10 * math.log10(65025 / error))
    assert row.ms > 0


def test_exact_methods_are_exact(comparison):
    exact = comparison.standings[0].row
    assert (exact.mse, exact.psnr, exact.ssim, exact.bits_per_pixel) == (0.0, math.inf, 1.0, pytest.approx(24, rel=0.2))


def test_a_method_that_was_learned_from_a_picture_says_so(comparison):
    assert {row.way for row in comparison.rows if row.seen} == {"kmeans(8, 64)"}


def test_the_random_baseline_is_the_mean_of_its_draws(pictures):
    draws = tuple(RandomDrop(5, seed=seed) for seed in range(3))
    single = [drawn("patch(16)", (draw,), pictures[0], 1) for draw in draws]
    together = drawn("patch(16)", draws, pictures[0], 1)
    assert len({trial.mse for trial in single}) > 1
    assert math.isclose(together.mse, sum(trial.mse for trial in single) / 3)
    assert math.isclose(together.ssim, sum(trial.ssim for trial in single) / 3)
    assert together.tokens == 5


def test_a_draw_is_what_its_pipeline_would_give(pictures):
    a = drawn("patch(16)", (RandomDrop(5, seed=2),), pictures[0], 1)
    b = tried("patch(16) | random_drop(5, seed=2)", pictures[0], 1)
    assert (a.mse, a.ssim, a.bits, a.tokens) == (b.mse, b.ssim, b.bits, b.tokens)


def test_one_file_answers_all_rates_that_it_is_best_at(pictures):
    first, second = coded("webp", (10**6, 10**7), pictures[0], 1)
    assert first is second
    assert first.mse == 0


def test_small_pictures_have_no_ssim():
    [row] = [r for r in compare([small("text", (6, 30))], ["patch(2)"], repeats=1).rows if r.way == "patch(2)"]
    assert (row.mse, row.ssim, row.error) == (0.0, None, "")


def test_a_note_says_what_a_method_warned_about(pictures):
    [row, *_] = compare(pictures[:1], ["quadtree(8, 32, budget=11)"], repeats=1).rows
    assert "nearest feasible number" in row.note


def test_a_baseline_that_cannot_be_does_not_stop_the_others(pictures):
    rows = compare(pictures[:1], ["superpixel(20) | tome(r=5)"], repeats=1).rows
    errors = {row.way: row.error for row in rows}
    assert errors.pop("resize").startswith("BadArguments: resize(")
    assert not any(errors.values())


def test_a_method_that_fails_fails_alone(pictures, monkeypatch):
    class Broken(module.Child):
        def call(self, function, *args):
            return Failed("Crashed", "out of memory") if "tome" in str(args) else super().call(function, *args)

    monkeypatch.setattr(module, "Child", Broken)
    broken, good = compare(pictures, ["patch(16) | tome(r=2)", "patch(16)"], repeats=1).standings
    assert broken.row.error == "2 of 2 pictures: Crashed: out of memory"
    assert [row.way for row in broken.baselines if row.error] == ["random_drop", "resize", "jpeg", "webp"]
    assert not broken.beats_none  # nothing is known of it
    assert not good.row.error
    assert all(not row.error for row in good.baselines)


def row(way="m", mse=1.0, **fields):
    return Row(way, "m", "a", 100, **{"tokens": 4.0, "bits_per_pixel": 1.0, "mse": mse, "ssim": 0.5, **fields})


def test_means_weigh_rates_by_pixels_and_errors_by_pictures():
    found = mean(
        [row(mse=1.0, ms=2.0, peak_mb=5.0), dataclasses.replace(row(mse=3.0, ms=4.0, peak_mb=9.0), pixels=300)]
    )
    assert (found.picture, found.pixels, found.tokens, found.bits_per_pixel) == ("", 200, 4.0, 1.0)
    assert (found.mse, found.ms, found.peak_mb) == (2.0, 3.0, 9.0)
    assert math.isclose(found.psnr, 10 * math.log10(65025 / 2))


def test_means_leave_out_what_failed_and_say_so():
    found = mean([row(mse=1.0), row(mse=None, tokens=None, error="Crashed: gone")])
    assert (found.mse, found.error) == (1.0, "1 of 2 pictures: Crashed: gone")
    assert mean([row(error="Crashed: gone")]).error == "1 of 1 pictures: Crashed: gone"


@pytest.mark.parametrize(
    ("errors", "beats", "none"), [((2.0, 0.5), ("a",), False), ((1.0, 0.5), (), True), ((None, None), (), False)]
)
def test_a_method_beats_a_baseline_by_a_lower_error(errors, beats, none):
    standing = Standing.of_rows([row(), row("a", errors[0]), row("b", errors[1])])
    assert (standing.beats, standing.beats_none) == (beats, none)


def test_errors_are_compared_on_the_pictures_that_both_have():
    failed = row(mse=None, error="Crashed: gone")
    standing = Standing.of_rows([row(mse=1.0), row(mse=9.0), row("a", 2.0), dataclasses.replace(failed, way="a")])
    assert standing.beats == ("a",)


def test_the_document_is_json_without_infinities(comparison, tmp_path):
    comparison.save(tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert document["lexel.compare"] == 1
    assert [method["method"] for method in document["methods"]] == METHODS
    assert len(document["rows"]) == len(comparison.rows)
    assert (document["methods"][0]["mean"]["psnr"], document["methods"][0]["mean"]["mse"]) == (None, 0.0)
    assert "kmeans(8, 64)" in [method["method"] for method in document["methods"] if method["beats_none"]]


def test_another_suffix_is_refused(comparison, tmp_path):
    with pytest.raises(BadArguments, match=r"not out\.txt"):
        comparison.save(tmp_path / "out.txt")


def test_pictures_are_decoded_once(pictures):
    taken = []

    def once():
        for picture in pictures:
            taken.append(picture.name)
            yield picture

    compare(once(), METHODS[:1], repeats=1)
    assert taken == ["coffee", "brick"]


def test_batches_do_not_matter(pictures, comparison, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 1)  # byte: a picture at a time
    again = compare(pictures, METHODS[1:2], repeats=1)
    assert list(map(timeless, again.rows)) == [timeless(row) for row in comparison.rows if row.of == METHODS[1]]


def test_progress_names_every_way(pictures):
    told = []
    compare(pictures[:1], ["patch(16)", "patch(16) | pool(2)"], repeats=1, progress=told.append)
    beside = " beside patch(16) | pool(2)"
    assert told == ["patch(16)", "patch(16) | pool(2)", f"random_drop{beside}", f"resize{beside}", "jpeg", "webp"]


def test_a_pipeline_that_cannot_be_built_is_refused_before_any_picture_is_read():
    with pytest.raises(UnknownName):
        compare(iter([None]), ["no_such_method"])


def test_nothing_to_compare_is_refused(pictures):
    with pytest.raises(BadArguments, match="one pipeline"):
        compare(pictures, [])
    with pytest.raises(NoMatch, match="no picture"):
        compare([], ["patch(16)"])


def test_it_is_public():
    assert lexel.compare is compare


@dataclasses.dataclass(frozen=True)
class Farthest:
    """The largest difference of two bytes: a measure of the caller's own."""

    name: str = "farthest"

    def __call__(self, a, b):
        return float(np.abs(a.astype(int) - b).max())


def test_what_is_asked_for_beyond_the_columns_stands_beside_them(pictures):
    ways = ["kmeans(8, 64)", "patch(16) | tome(r=12)"]
    found = compare(pictures, ways, repeats=1, distances=[Farthest()], stability=True)
    kmeans, reduced = found.standings
    assert list(kmeans.row.more) == ["farthest", *(f"flips {x}" for x in ("noise", "jpeg", "resize", "again", "shift"))]
    assert list(reduced.row.more) == ["farthest"]
    assert all(list(row.more) == ["farthest"] for s in found.standings for row in s.baselines)
    for row in found.rows:
        assert row.more["farthest"] ** 2 >= row.mse
    method = [row for row in found.rows if row.way == ways[0]]
    for name, value in kmeans.row.more.items():
        assert math.isclose(value, sum(row.more[name] for row in method) / len(method))
    assert json.loads(found.to_json())["methods"][0]["mean"]["more"] == kmeans.row.more
