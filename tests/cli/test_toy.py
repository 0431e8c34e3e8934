"""`lexel demo emoji` and `demo train`: what is found is right, and what is learned is learned."""

import json

import pytest

from lexel.cli import about, learning, toy
from lexel.training.data import pairs

FIRST = {
    "rocket": "rocket",
    "birthday cake": "birthday cake",
    "Einhorn": "unicorn",
    "Schneeflocke": "snowflake",
    "ギター": "guitar",
    "自転車": "bicycle",
    "./1f468-200d-1f33e.png - man + woman": "woman farmer",
    "./1f468-200d-1f680.png - man + woman": "woman astronaut",
}


def test_demo_emoji_finds_each_drawing_by_words_of_three_languages_and_by_sums(tmp_path, capsys):
    assert about.demo("emoji", None, tmp_path, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert {one["query"]: one["best"][0]["label"] for one in said["found"]} == FIRST
    for one in said["found"]:
        cosines = [best["cosine"] for best in one["best"]]
        assert cosines == sorted(cosines, reverse=True)
    page = (tmp_path / "emoji.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == len(FIRST) * toy.BEST
    assert "Apache License 2.0" in page


def test_demo_emoji_says_that_a_toy_found_them(tmp_path, capsys):
    assert about.demo("emoji", None, tmp_path) == 0
    said = capsys.readouterr()
    assert [line.split("  ")[0] for line in said.out.splitlines()[1:]] == list(FIRST)
    assert "A toy found them: it learned 1,911 small drawings, and knows nothing of photographs" in said.err


def test_a_drawing_that_is_asked_with_is_not_its_own_answer():
    known = [drawn for drawn in toy.drawings() if drawn.label in ("dog face", "cat face")]
    [found] = toy.find(known, ["./1f436.png"])
    assert [drawn.label for drawn, _ in found.best] == ["cat face"]


def test_demo_train_learns_views_that_it_never_saw(tmp_path):
    known, heard = toy.drawings()[:12], []
    learned = learning.learn(known, tmp_path, heard.append, steps=25)
    assert heard == list(range(1, 26))
    assert learned.before <= 0.25
    assert learned.after >= 0.5
    assert len(pairs(tmp_path / "drawings")) == len(pairs(tmp_path / "held-out")) == 12
    assert (learned.model / "model.safetensors").is_file()


@pytest.mark.parametrize("as_json", [True, False])
def test_demo_train_says_recall_before_and_after(as_json, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(learning, "STEPS", 2)
    monkeypatch.setattr(toy, "drawings", lambda every=toy.drawings: every()[:4])
    assert about.demo("train", None, tmp_path, as_json=as_json) == 0
    said = capsys.readouterr()
    if as_json:
        assert set(json.loads(said.out)) == {"model", "before", "after"}
    else:
        assert "before" in said.out
        assert "chance 25.0%" in said.out
