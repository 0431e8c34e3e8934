"""Bills against rules: every line is compared or failed, and the sums are those of the compared lines."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.costs.bill import check_bill, load_prices
from lexel.errors import BadArguments, Corrupt


def line(**entry: object) -> str:
    return json.dumps({"input": "a.jpg", "model": "gpt-4o", "height": 64, "width": 64, "tokens": 255} | entry)


def test_a_bill_that_agrees_has_no_outliers() -> None:
    bill = check_bill([line(), line(model="qwen2.5-vl", height=1080, width=1920, tokens=2691)])
    assert (bill.counted, bill.reported) == (255 + 2691, 255 + 2691)
    assert bill.outliers() == ()
    assert bill.failed == ()


def test_outliers_are_the_lines_beyond_the_margin_largest_first() -> None:
    bill = check_bill([line(tokens=256), line(tokens=85), line(tokens=355)])
    assert [(found.number, found.difference) for found in bill.outliers()] == [(2, -170), (3, 100), (1, 1)]
    assert [found.number for found in bill.outliers(within=100)] == [2]


def test_tokens_of_text_are_taken_off() -> None:
    assert check_bill([line(tokens=300, text_tokens=45)]).outliers() == ()


def test_the_other_name_of_tokens_frames_and_options_are_read() -> None:
    entry = {"model": "gpt-4o", "height": 64, "width": 64, "reported": 85, "options": {"detail": "low"}, "id": "x"}
    video = {"model": "qwen2-vl", "height": 280, "width": 280, "frames": 4, "tokens": 200}
    assert check_bill([json.dumps(entry), json.dumps(video)]).outliers() == ()


def test_a_size_that_is_not_there_is_looked_up_by_its_input() -> None:
    text = json.dumps({"input": "b.png", "model": "gpt-4o", "tokens": 255})
    assert check_bill([text], size_of={"b.png": (64, 64)}.__getitem__).reported == 255
    assert check_bill([text]).failed[0].error == "BadArguments"


def test_a_picture_that_cannot_be_looked_up_fails_its_line_only() -> None:
    def broken(name: str) -> tuple[int, int]:
        raise Corrupt("the header is broken", subject=name)

    bill = check_bill([json.dumps({"input": "b.png", "model": "gpt-4o", "tokens": 1}), line()], size_of=broken)
    assert [(found.number, found.error) for found in bill.failed] == [(1, "Corrupt")]
    assert bill.counted == 255


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "BadArguments"),
        ("[]", "BadArguments"),
        (line(tokens="255"), "BadArguments"),
        (line(tokens=None), "BadArguments"),
        (line(height=0), "BadArguments"),
        (line(options=[1]), "BadArguments"),
        (line(options={"detail": "medium"}), "BadArguments"),
        (line(model="gtp-4o"), "UnknownModel"),
        (line(model="qwen2-vl", width=64 * 201), "BadArguments"),
    ],
)
def test_a_line_that_cannot_be_compared_is_kept_with_its_reason(text: str, error: str) -> None:
    (failed,) = check_bill([text]).failed
    assert (failed.error, failed.counted, failed.difference) == (error, None, 0)
    assert failed.reason


def test_empty_lines_are_no_lines_but_are_numbered() -> None:
    assert [found.number for found in check_bill(["", line(), " \n", line()]).lines] == [2, 4]
    assert check_bill([]).outliers() == ()


@given(st.lists(st.sampled_from([line(), line(tokens=9), line(model="?"), "{", "0", "null", '"x"'])))
def test_every_line_is_compared_or_failed(lines: list[str]) -> None:
    bill = check_bill(lines)
    assert len(bill.compared) + len(bill.failed) == len(bill.lines) == len(lines)
    assert bill.reported - bill.counted == sum(found.difference for found in bill.lines)


def test_prices_are_read_from_the_users_file(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text('[prices]\n"gpt-4o" = 2.5\n"qwen2.5-vl" = 0\n', encoding="utf-8")
    assert load_prices(tmp_path / "prices.toml") == {"gpt-4o": 2.5, "qwen2.5-vl": 0.0}


@pytest.mark.parametrize(
    "text", ["", "prices = 3", '[prices]\na = "x"', "[prices]\na = -1", "[prices]\na = nan", "[prices"]
)
def test_a_price_file_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadArguments, match=r"^prices\.toml: "):
        load_prices(tmp_path / "prices.toml")
