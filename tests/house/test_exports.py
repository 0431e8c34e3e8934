"""The stub beside `__init__.py` is the only list of public names."""

import importlib
import re

import pytest
from house.plan import ROOMS, SOURCE

import lexel

STUB = (SOURCE / "__init__.pyi").read_text(encoding="utf-8")
EXPORTS = re.findall(r"^from (\S+) import (\w+) as \2$", STUB, re.MULTILINE)


def test_the_stub_holds_sorted_exports_and_the_version() -> None:
    lines = [f"from {module} import {name} as {name}" for module, name in EXPORTS]
    assert lines == sorted(lines), "sort the lines of src/lexel/__init__.pyi"
    rest = [line for line in STUB.splitlines() if line and line not in lines]
    assert rest == ["__version__: str"], "src/lexel/__init__.pyi holds `from … import X as X` and the version only"


def test_the_front_door_offers_exactly_what_the_stub_lists() -> None:
    assert dir(lexel) == sorted([*(name for _, name in EXPORTS), "__version__"])


@pytest.mark.parametrize(("module", "name"), EXPORTS)
def test_a_public_name_is_the_one_of_its_module(module: str, name: str) -> None:
    assert getattr(lexel, name) is getattr(importlib.import_module(module), name)


def test_a_name_that_is_not_listed_is_not_there() -> None:
    with pytest.raises(AttributeError, match="tokenise"):
        _ = lexel.tokenise  # type: ignore[attr-defined]


def test_no_public_name_is_a_room() -> None:
    rooms = {room.removesuffix(".py") for room in ROOMS}
    shared = rooms & {name for _, name in EXPORTS}
    assert not shared, (
        f"{shared} would hide the room of that name: lexel.pipeline is a function, lexel.pipelines a room"
    )
