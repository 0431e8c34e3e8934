"""The worked examples of the vendors' pages, and what users were billed where a page leaves a step open."""

import tomllib
from importlib.resources import files

import pytest
from costs.cases import Size, sizes
from hypothesis import given
from hypothesis import strategies as st

from lexel.costs.closed import closed
from lexel.costs.count import image_tokens
from lexel.errors import BadArguments

STANDARD = {
    (200, 200): 64,
    (1000, 1000): 1296,
    (1092, 1092): 1521,
    (1080, 1920): 1560,
    (1500, 2000): 1564,
    (2160, 3840): 1560,
    (1520, 1075): 33 * 47,
}
HIGH = {
    (200, 200): 64,
    (1000, 1000): 1296,
    (1092, 1092): 1521,
    (1080, 1920): 2691,
    (1500, 2000): 3888,
    (2160, 3840): 4784,
    (1520, 1075): 2145,
}


def tokens(model: str, size: Size, **options: float | str) -> int:
    return int(image_tokens(model, height=size[0], width=size[1], **options))


@pytest.mark.parametrize(
    ("size", "detail", "expected"),
    [((1024, 1024), "high", 765), ((4096, 2048), "high", 1105), ((8192, 4096), "low", 85)],
)
def test_the_examples_of_tiles(size: Size, detail: str, expected: int) -> None:
    assert tokens("gpt-4o", size, detail=detail) == expected


@pytest.mark.parametrize(("size", "billed"), [((513, 2049), 85 + 8 * 170), ((513, 2050), 85 + 4 * 170)])
def test_shrunk_sides_round_to_whole_pixels_as_users_were_billed(size: Size, billed: int) -> None:
    assert tokens("gpt-4.1", size) == billed


def test_a_small_picture_is_not_enlarged() -> None:
    assert tokens("gpt-4o", (64, 128)) == 85 + 170


@pytest.mark.parametrize(("size", "patches"), [((1024, 1024), 1024), ((2400, 1800), 1452)])
def test_the_examples_of_patches(size: Size, patches: int) -> None:
    assert tokens("gpt-5-mini", size, multiplier=1.0) == patches


def test_a_long_picture_is_fitted_before_its_patches_are_counted_as_users_were_billed() -> None:
    assert tokens("gpt-4.1-mini", (1474, 4000), multiplier=1.0) == 24 * 64


def test_parts_of_a_token_count_as_one() -> None:
    assert tokens("gpt-4.1-mini", (1024, 1024)) == 1659  # 1,658.88
    assert tokens("gpt-4.1-mini", (320, 320)) == 162  # 100 · 1.62, which is a bit above 162 as a float


def test_the_default_detail_is_what_the_page_calls_automatic() -> None:
    assert tokens("gpt-5.4", (4000, 4000), multiplier=1.0) == tokens(
        "gpt-5.4", (4000, 4000), multiplier=1.0, detail="high"
    )
    assert tokens("gpt-5.5", (4000, 4000), multiplier=1.0) == 100 * 100
    assert tokens("gpt-5.6", (8000, 8000), multiplier=1.0) == 250 * 250


def test_an_unpublished_multiplier_is_asked_for_and_never_guessed() -> None:
    with pytest.raises(BadArguments, match="publishes no multiplier") as refused:
        tokens("gpt-5.4", (100, 100))
    assert "multiplier=" in refused.value.hint


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_patches_never_exceed_the_budget(height: int, width: int) -> None:
    assert tokens("o4-mini", (height, width), multiplier=1.0) <= 1536
    assert tokens("gpt-5.4", (height, width), multiplier=1.0, detail="original") <= 10_000


@pytest.mark.parametrize(("size", "expected"), STANDARD.items())
def test_the_examples_of_claude_at_standard_resolution(size: Size, expected: int) -> None:
    assert tokens("claude-sonnet-4.6", size) == expected


@pytest.mark.parametrize(("size", "expected"), HIGH.items())
def test_the_examples_of_claude_at_high_resolution(size: Size, expected: int) -> None:
    assert tokens("claude-opus-4.8", size) == expected


def test_claude_takes_the_largest_size_that_fits() -> None:
    """Halving finds what trying every size finds."""
    for height, width in sizes(120):
        long, short = max(height, width), min(height, width)
        if long > 3000:
            continue
        fitting = [
            (n, max(round(n / (long / short)), 1))
            for n in range(1, long + 1)
            if -(-n // 28) * 28 <= 1568 and -(-n // 28) * -(-max(round(n / (long / short)), 1) // 28) <= 1568
        ]
        n, m = fitting[-1]
        assert tokens("claude-sonnet-4.6", (height, width)) == -(-n // 28) * -(-m // 28)


def test_claude_refuses_a_side_above_its_limit() -> None:
    with pytest.raises(BadArguments, match="8,000"):
        tokens("claude-opus-5", (8001, 100))


@pytest.mark.parametrize(("size", "expected"), [((384, 384), 258), ((540, 960), 6 * 258), ((385, 10), 2 * 258)])
def test_the_example_of_gemini_tiles(size: Size, expected: int) -> None:
    assert tokens("gemini-2.0", size) == expected


def test_gemini_settings() -> None:
    levels = ("low", "medium", "high", "ultra_high")
    assert [tokens("gemini-3", (10, 10), media_resolution=level) for level in levels] == [280, 560, 1120, 2240]
    assert tokens("gemini-3", (4000, 4000)) == 1120
    assert [tokens("gemini-2.5", (4000, 4000), media_resolution=level) for level in ("low", "medium")] == [64, 256]


def test_gemini_frames() -> None:
    assert int(image_tokens("gemini-3", height=720, width=1280, frames=10)) == 700
    assert int(image_tokens("gemini-3", height=720, width=1280, frames=10, media_resolution="high")) == 2800
    with pytest.raises(BadArguments, match="media_resolution of a video"):
        image_tokens("gemini-3", height=720, width=1280, frames=10, media_resolution="ultra_high")


def test_every_group_of_the_data_file_is_dated_and_sourced() -> None:
    table = tomllib.loads(files("lexel.costs").joinpath("closed.toml").read_text(encoding="utf-8"))
    assert sum(len(group["models"]) for group in table["group"]) == len({model.name for model in closed()})
    for model in closed():
        assert len(model.dated.split("-")) == 3
        assert model.source.startswith("https://")
