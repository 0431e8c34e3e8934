"""A file is read in one sitting: 300 lines at most. Longer is usually two ideas."""

import pytest
from house.plan import LONG, ROOT

LIMIT = 300
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tests", "bench", "recipes")
    for path in (ROOT / folder).rglob("*.py")
)


def length(file: str) -> int:
    return len((ROOT / file).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("file", [file for file in FILES if file not in LONG])
def test_a_file_is_read_in_one_sitting(file: str) -> None:
    assert length(file) <= LIMIT, (
        f"{file} has {length(file)} lines: split its two ideas, or give a reason in house.toml"
    )


def test_every_long_file_is_one_idea_and_still_long() -> None:
    for file, reason in LONG.items():
        assert file in FILES, f"{file} is gone: remove it from `long` in house.toml"
        assert length(file) > LIMIT, f"{file} has only {length(file)} lines now: remove it from `long` in house.toml"
        assert len(reason.split()) > 3, f"{file} is in `long` of house.toml without a reason"
