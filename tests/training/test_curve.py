"""The page of curves is made from the log alone, and holds what the log tells."""

import re

import pytest

from lexel.training.curve import POINTS, page, write
from lexel.training.log import History
from lexel.training.numbers import amount, called, counting, first

MEASURES = {
    "image_retrieval_recall@1": 0.3124,
    "image_retrieval_recall@5": 0.6,
    "text_retrieval_recall@1": 0.3,
    "text_retrieval_recall@5": 0.61,
}


def numbers(steps):
    return [
        {"step": float(step), "loss": 3.0 - step / steps, "scale": 14.0, "learning_rate": 1e-4}
        for step in range(1, steps + 1)
    ]


def test_a_page_has_a_figure_for_what_the_log_has():
    text = page("birds", History(numbers(10), [(0, MEASURES), (10, MEASURES)]))
    seen = re.findall(r'aria-label="([^"]*)"', text)
    assert len(seen) == 4
    assert seen[0].startswith("The loss")
    assert seen[1].startswith("What counts")
    assert "10 steps · loss 2.000 · R@1 31.2 % · best R@1 31.2 % at step 0" in text
    assert not re.search(r"https?:|<script|src=|url\(", text)


def test_a_page_is_the_same_again():
    history = History(numbers(30), [(30, MEASURES)])
    assert page("a", history) == page("a", history)


def test_long_runs_keep_their_shape_in_few_points():
    text = page("a", History(numbers(10 * POINTS)))
    line = re.search(r'<path d="(M[^"]*)" fill="none" stroke="#', text)[1]
    ys = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
    assert len(ys) == POINTS
    assert ys == sorted(ys)  # the loss falls: further down on the page


def test_failures_stand_on_the_page_with_what_they_mean(tmp_path):
    write(tmp_path / "curve.html", "<b>", History(numbers(3), [], [(2, "collapse", "All texts are <one>.")]))
    text = (tmp_path / "curve.html").read_text(encoding="utf-8")
    assert "<td>collapse</td><td>All texts are &lt;one&gt;.</td>" in text
    assert "<b>" not in text


def test_a_run_without_a_step_has_a_page_too():
    assert "Nothing was trained yet." in page("a", History())
    assert "R@1" in page("a", History([], [(0, MEASURES)]))


@pytest.mark.parametrize(
    ("name", "value", "says", "much"),
    [
        ("image_retrieval_recall@1", 0.3124, "R@1 text → picture", "31.2 %"),
        ("text_retrieval_recall@10", 1.0, "R@10 picture → text", "100.0 %"),
        ("scale", 14.2857, "temperature", "14.3"),
        ("explained", 0.4312, "explained", "0.431"),
        ("some_other", 2.0, "some other", "2"),
    ],
)
def test_names_and_numbers_are_those_that_people_use(name, value, says, much):
    assert called(name) == says
    assert amount(name, value) == much


def test_what_counts_is_the_first_measure_and_those_like_it():
    assert counting(MEASURES) == ["image_retrieval_recall@1", "text_retrieval_recall@1"]
    assert counting({"explained": 0.1, "other": 0.2}) == ["explained"]
    assert first(MEASURES) == "R@1 31.2 %"
    assert first({"explained": 0.4}) == "explained 0.4"
    assert first({}) == ""
