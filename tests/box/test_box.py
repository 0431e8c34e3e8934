"""The pictures in the box: small, whole, and each with its licence."""

import re
from pathlib import Path

import pytest
from PIL import Image

from lexel import box

LICENCES = box.FOLDER / "LICENCES.md"
FREE = {"CC0 1.0", "public domain"}


def licence_table() -> dict[str, list[str]]:
    rows = [line.strip("|").split("|") for line in LICENCES.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows[2:]}


def test_the_box_weighs_less_than_a_megabyte_and_a_half() -> None:
    assert sum(path.stat().st_size for path in box.pictures()) < 1_500_000


def test_the_licence_table_names_exactly_the_pictures_in_the_box() -> None:
    assert sorted(licence_table()) == [path.name for path in box.pictures()]


@pytest.mark.parametrize("picture", box.pictures(), ids=lambda picture: picture.stem)
def test_a_picture_in_the_box_is_whole_and_free(picture: Path) -> None:
    with Image.open(picture) as image:
        image.load()
    _, author, licence, origin, changed = licence_table()[picture.name]
    assert author
    assert changed
    assert licence in FREE
    assert re.match(r"https?://", origin)


def test_the_docstring_names_every_picture() -> None:
    assert sorted(re.findall(r"\w+\.(?:jpg|png)", box.__doc__ or "")) == [path.name for path in box.pictures()]


def test_a_picture_is_found_by_its_name() -> None:
    assert box.path("astronaut").name == "astronaut.jpg"
    with pytest.raises(KeyError, match="lena"):
        box.path("lena")


def test_one_picture_lies_on_its_side_and_says_so() -> None:
    with Image.open(box.path("coffee")) as image:
        assert image.getexif()[0x0112] == 6
        assert image.height > image.width  # the cup stands on a table that is wider than high
