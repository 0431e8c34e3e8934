"""Data goes left to right: a room imports lower floors and, on its own floor, rooms named before it."""

import pytest
from house.plan import DOORS, FILES, FLOORS, ROOMS, SOURCE, imports, room_behind, room_of


def test_every_room_on_disk_is_on_the_plan() -> None:
    unplanned = sorted({room_of(file) for file in FILES} - set(ROOMS))
    assert not unplanned, f"give {unplanned} a line in tests/house/house.toml: floor, torch, what it holds"


def test_every_room_on_the_plan_is_on_disk() -> None:
    missing = sorted(set(ROOMS) - {room_of(file) for file in FILES})
    assert not missing, f"tests/house/house.toml has lines for {missing}, which src/lexel does not have: remove them"


def test_the_plan_names_rooms_from_the_ground_up() -> None:
    assert [*FLOORS.values()] == sorted(FLOORS.values()), "sort the rooms of tests/house/house.toml by floor"


@pytest.mark.parametrize("file", FILES)
def test_a_room_imports_only_what_stands_before_it(file: str) -> None:
    room = room_of(file)
    below = ROOMS[: ROOMS.index(room) + 1]
    for found in imports(file):
        if found.module.split(".")[0] != "lexel" or found.module == "lexel.__version__":
            continue  # the version is written in the front door, and every room may read it
        if file in DOORS and not (found.at_once and found.runs):
            continue
        other = room_behind(found.module)
        assert other in below, (
            f"src/lexel/{file}:{found.line} imports {found.module}, but {room} is on floor {FLOORS[room]} and {other} "
            f"on floor {FLOORS[other]}. Move what is shared into a room before {room}, or pass the value in."
        )


@pytest.mark.parametrize("file", FILES)
def test_imports_are_absolute(file: str) -> None:
    relative = [found for found in imports(file) if found.module.startswith(".")]
    assert not relative, f"src/lexel/{file}:{relative[0].line}: write `from lexel.… import …`, so that grep finds it"


@pytest.mark.parametrize("room", [room for room in ROOMS if not room.endswith(".py")])
def test_a_room_opens_with_a_sentence_and_no_code(room: str) -> None:
    """Unless the `__init__` is the only file that the room has."""
    if any(room_of(file) == room and not file.endswith("__init__.py") for file in FILES):
        text = (SOURCE / room / "__init__.py").read_text(encoding="utf-8").strip()
        alone = text.startswith('"""') and text.find('"""', 3) == len(text) - 3
        assert alone, f"src/lexel/{room}/__init__.py holds a docstring and nothing else: code has a file of its own"
