"""`lexel cost` and `explain` from a shell."""

import json
from pathlib import Path

import pytest

import lexel as library


def test_tokens_and_prices_of_a_folder(lexel):
    status, out, _ = lexel("cost", "photos", "--model", "gpt-4o", "--model", "qwen2.5-vl", "--price", "gpt-4o=2")
    assert status == 3
    assert out.splitlines()[0].split() == ["model", "tokens", "least", "mean", "most", "price"]
    assert out.splitlines()[1].split() == ["gpt-4o", "765", "255", "255", "255", "0.0015"]
    assert "photos/cut.png" not in out


def test_lines_say_what_became_of_every_input(lexel):
    status, out, _ = lexel("cost", "photos/a.png", "photos/notes.txt", "--model", "qwen2.5-vl", "--jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    tokens = int(library.image_tokens("qwen2.5-vl", height=32, width=48))
    assert lines[0] == {
        "input": "photos/a.png",
        "status": "done",
        "height": 32,
        "width": 48,
        "tokens": {"qwen2.5-vl": tokens},
    }
    assert (status, lines[1]["error"]) == (3, "UnknownFormat")
    document = json.loads(lexel("cost", "photos/a.png", "--model", "gpt-4o", "--price", "3", "--json")[1])
    assert document["costs"] == {"gpt-4o": 255 * 3 / 1e6}


def test_a_bill_is_compared_line_by_line(lexel):
    lines = [
        {"input": "photos/a.png", "model": "gpt-4o", "tokens": 255},
        {"model": "gpt-4o", "height": 64, "width": 64, "tokens": 85},
    ]
    Path("bill.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, out, _ = lexel("cost", "--check", "bill.jsonl")
    assert status == 1
    assert out.startswith("2 lines compared: 340 tokens reported, 510 by the rules; 1 lines differ\n")
    assert "-170" in out
    Path("bill.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert lexel("cost", "--check", "bill.jsonl")[0] == 0
    Path("bill.jsonl").write_text("{}\n")
    assert lexel("cost", "--check", "bill.jsonl")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("photos", "--model", "gtp-4o"), "gpt-4o"),
        (("photos",), "--model"),
        (("photos", "--model", "gpt-4o", "--price", "cheap"), "price"),
        (("--check", "none.jsonl"), "none.jsonl"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what(lexel, arguments, says):
    status, out, err = lexel("cost", *arguments)
    assert (status, out) == (2, "")
    assert says in err


def test_nothing_there_is_exit_1(lexel):
    Path("empty").mkdir()
    assert lexel("cost", "empty", "--model", "gpt-4o")[0] == 1


def test_models_are_listed(lexel):
    assert "qwen2.5-vl" in lexel("cost")[1]
    assert {"name", "stands_for", "dated", "source"} == set(json.loads(lexel("cost", "--json")[1])[0])


def test_explain_prints_the_path(lexel):
    status, out, _ = lexel("explain", "patch(16) | tome(r=2)", "photos/a.png", COLUMNS="160")
    assert status == 0
    assert "reducers/tome.py:" in out
    assert "Plan 6 → 4" in out
    stations = json.loads(lexel("explain", "patch(16)", "photos/a.png", "--json")[1])
    assert stations[0]["function"] == "Patch.tokenize"
    assert lexel("explain", "patch(16)", "photos/cut.png")[0] == 3
    assert lexel("explain", "patch(", "photos/a.png")[0] == 2
