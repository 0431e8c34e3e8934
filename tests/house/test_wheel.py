"""What is built from the project holds everything that the package reads at run time, and nothing else."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from house.plan import ROOT, SOURCE

from lexel import box, shipped


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    [path] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(Path(path)) as archive:
        return set(archive.namelist())


def test_the_wheel_is_typed_and_holds_the_stub_of_public_names(wheel: set[str]) -> None:
    assert {"lexel/py.typed", "lexel/__init__.pyi"} <= wheel


def test_the_wheel_holds_the_pictures_in_the_box_and_their_licences(wheel: set[str]) -> None:
    assert {f"lexel/box/{picture.name}" for picture in box.pictures()} | {"lexel/box/LICENCES.md"} <= wheel


def test_the_wheel_holds_the_toy_and_its_drawings(wheel: set[str]) -> None:
    folder = shipped.FOLDER / "emoji-demo"
    assert {f"lexel/shipped/emoji-demo/{path.name}" for path in folder.iterdir()} <= wheel
    assert {f"lexel/shipped/{name}" for name in ("drawings.webp", "drawings.json", "LICENCES.md")} <= wheel


def test_the_wheel_holds_every_file_of_the_package(wheel: set[str]) -> None:
    files = {path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {f"lexel/{path.relative_to(SOURCE).as_posix()}" for path in files} <= wheel


def test_the_wheel_holds_nothing_beside_the_package_and_its_metadata(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"lexel"}
    assert {name.split("/")[-1] for name in wheel if "/licenses/" in name} == {"LICENSE", "LICENCES.md"}
