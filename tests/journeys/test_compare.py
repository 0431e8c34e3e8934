"""`lexel compare` from a shell."""

import json
import re
from pathlib import Path

import pytest

WAYS = ("--with", "patch(16)", "--with", "patch(16) | random_drop(0.5)", "--with", "patch(16) | tome(r=2)")


def test_methods_stand_in_a_table_beside_their_baselines(lexel):
    status, out, err = lexel("compare", "photos", *WAYS, "-o", "report.html", COLUMNS="140")
    assert status == 3
    assert "failed  photos/cut.png: Truncated," in err
    rows = [line for line in out.splitlines() if line.startswith("patch(16)")]
    assert rows[0].split()[:2] == ["patch(16)", "9"]
    assert re.search(r"random_drop\(0\.5\): beats|none of its baselines", out)
    page = Path("report.html").read_text()
    assert not re.search(r"(?:href|src)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "random_drop" in page


def test_two_runs_agree_in_everything_but_time(lexel):
    def document():
        status, out, _ = lexel("compare", "photos/a.png", "photos/b.png", *WAYS, "--json")
        assert status == 0
        return re.sub(r'"(ms|peak_mb)": [0-9.]+', "", out)

    first = document()
    assert first == document()
    assert {row["way"] for row in json.loads(lexel("compare", "photos/a.png", *WAYS, "--json")[1])["rows"]} >= {
        "jpeg",
        "webp",
        "random_drop",
        "resize",
    }


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("photos/a.png", "--with", "pach(16)"), 2, "patch"),
        (("photos/a.png", *WAYS, "-o", "report.pdf"), 2, ".pdf"),
        (("photos/a.png",), 2, "--with"),
        (("none.png", *WAYS), 3, "none.png"),
    ],
)
def test_what_cannot_be_compared_is_said(lexel, arguments, status, says):
    found, out, err = lexel("compare", *arguments)
    assert (found, out) == (status, "")
    assert says in err


def test_lines_are_json(lexel):
    _, out, _ = lexel("compare", "photos/a.png", "--with", "patch(16)", "--jsonl")
    assert [json.loads(line)["way"] for line in out.splitlines()] == ["patch(16)", "jpeg", "webp"]


def test_the_steadiness_of_codes_has_its_columns_when_asked_for(lexel):
    said = ("compare", "photos/a.png", "--with", "kmeans(8, 16)", "--with", "patch(16)", "--stability")
    status, out, err = lexel(*said, COLUMNS="200")
    assert status == 0, err
    assert "flips noise" in out
    more = {row["way"]: row["more"] for row in map(json.loads, lexel(*said, "--jsonl")[1].splitlines())}
    assert set(more["kmeans(8, 16)"]) == {f"flips {name}" for name in ("noise", "jpeg", "resize", "again", "shift")}
    assert more["patch(16)"] == {}
