"""methods, doctor, demo, called as the command calls them."""

import json
import re
import sys

import pytest
from PIL import Image

from lexel.cli import about, checks, tour
from lexel.cli.tour import example
from lexel.errors import BadArguments, NoMatch, UnknownName
from lexel.needs import present
from lexel.pipelines import registry
from lexel.pipelines.compose import pipeline

METHODS = [method.name for method in registry.methods()]
FAMILIES = [family.name for family in registry.families()]


def document(capsys):
    out = capsys.readouterr().out
    return json.loads(out)


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    """The folder of a whole tour: it takes seconds, and several tests look at it."""
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEXEL_PLUGINS", "0")
        assert about.demo(None, None, folder) == 0
    return folder


def test_methods_lists_every_method_once(capsys):
    assert about.methods() == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert names == ["name", *METHODS, *FAMILIES]


def test_methods_as_json_is_one_document(capsys):
    about.methods(as_json=True)
    rows = {row["name"]: row for row in document(capsys)}
    assert list(rows) == [*METHODS, *FAMILIES]
    assert rows["tome"]["kind"] == "selector"
    assert rows["tome"]["paper"] == "Bolya et al. 2023, arXiv 2210.09461"


def test_a_method_is_explained_by_its_own_head(capsys):
    about.methods("tome")
    said = capsys.readouterr().out
    for part in ("Token Merging:", "□ □ □ □ □ □   →", "tome(*, r: int)", "Paper      Bolya", "Checked by test_tome_"):
        assert part in said


def test_a_family_is_explained_by_its_head_alone(capsys):
    about.methods("clip")
    said = capsys.readouterr().out
    for part in ("CLIP: a picture", "pixels ─► patches", "Paper      Radford", "Checked by test_image_tower"):
        assert part in said
    about.methods("clip", as_json=True)
    assert document(capsys)["kind"] == "image and text tower; learned"


def test_a_method_as_json_has_its_arguments(capsys):
    about.methods("random_drop", as_json=True)
    assert document(capsys)["arguments"] == [
        {"name": "keep", "named": False, "required": True},
        {"name": "seed", "named": True, "required": False, "default": "0"},
    ]


def test_an_unknown_method_is_an_error_with_the_nearest_name():
    with pytest.raises(UnknownName, match="did you mean tome"):
        about.methods("tone")


def test_doctor_finds_nothing_wrong_here(capsys):
    assert about.doctor() == 0
    said = capsys.readouterr()
    assert "self-check" in said.out
    assert said.err == "\nEverything works.\n"


def test_doctor_as_json_says_the_same(capsys):
    assert about.doctor(as_json=True) == 0
    said = document(capsys)
    states = {check["name"]: check["state"] for check in said["checks"]}
    assert said["ok"]
    assert states["self-check"] == states["PNG"] == states["numpy"] == "ok"
    for extra, module in {"data": "pyarrow", "heic": "pillow_heif", "torch": "torch", "train": "pydantic"}.items():
        assert states[f"[{extra}]"] == ("ok" if present(module) else "absent")


def test_doctor_fails_where_tokens_are_not_what_they_were(capsys, monkeypatch):
    monkeypatch.setattr(checks, "KNOWN", "0" * 32)
    assert about.doctor() == 1
    said = capsys.readouterr()
    assert "tokens of a known picture changed" in said.out
    assert said.err == "\n1 check failed.\n"


def test_doctor_fails_where_lexel_cannot_keep_anything(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEXEL_HOME", str(tmp_path / "file" / "home"))
    assert about.doctor(as_json=True) == 1
    assert [check["name"] for check in document(capsys)["checks"] if check["state"] == "failed"] == ["LEXEL_HOME"]


def distribution(folder, name, version, *requires):
    """An installed package that must not be imported."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / f"{name}-{version}.dist-info").mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("torch", "said"),
    [
        (None, "cannot be used: torch is not installed"),
        ("2.12.0", "cannot be used: it was built for torch 2.13.0, and torch 2.12.0 is installed"),
        ("2.13.0+cpu", "cannot be used: it was built for cu126, and torch 2.13.0+cpu is installed"),
        ("2.13.0+cu126", "is there. lexel does without it"),
    ],
)
def test_doctor_tells_whether_torchvision_fits_without_importing_it(torch, said, tmp_path, monkeypatch):
    distribution(tmp_path, "torchvision", "0.28.0+cu126", "numpy", "torch==2.13.0")
    if torch:
        distribution(tmp_path, "torch", torch)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    [line] = checks._torchvision()
    assert line.state == "note"
    assert said in line.said


def test_doctor_is_silent_about_torchvision_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert checks._torchvision() == []


@pytest.mark.parametrize("name", [m.name for m in registry.methods() if m.room != "quantizers"])
def test_every_method_has_a_worked_example_that_runs(name, capsys, tmp_path):
    assert name in example(name)
    assert about.demo(name, None, tmp_path, as_json=True) == 0
    said = document(capsys)
    assert said["rows"][-1]["pipeline"] == str(pipeline(example(name)))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert f"<h1>{name}</h1>" in page


def test_the_worked_example_is_the_first_call_that_can_be_made():
    assert example("tome") == "patch(16) | tome(r=98)"
    assert example("pool") == "patch(16) | pool(2)"
    assert example("grid") == "grid(24, 24, size=(336, 336))"


def test_a_method_without_a_worked_example_says_what_to_do_instead():
    class Silent:
        """Shows nothing."""

    with registry.temporary("silent", Silent), pytest.raises(BadArguments, match="shows no worked example"):
        example("silent")


def test_of_a_quantizer_alone_nothing_is_shown():
    with pytest.raises(BadArguments, match="fsq is a quantizer: it works inside an autoencoder"):
        example("fsq")


def test_demo_takes_a_picture_of_yours_and_escapes_its_name(tmp_path, capsys):
    picture = tmp_path / "<b>mine.png"
    Image.new("RGB", (70, 50), (9, 90, 200)).save(picture)
    assert about.demo("quadtree", str(picture), tmp_path / "out") == 0
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;mine.png" in page
    assert "<b>mine" not in page
    said = capsys.readouterr()
    assert "Tokens  " in said.out
    assert "index.html: open it in a browser" in said.err


def test_demo_of_nothing_is_no_match(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoMatch):
        about.demo("patch", str(tmp_path / "empty"), tmp_path)


@pytest.mark.parametrize("name", ["index.html", "report.html"])
def test_the_tour_is_two_pages_under_three_megabytes_that_name_nothing_outside(toured, name):
    assert {path.name for path in toured.iterdir()} == {"index.html", "report.html"}
    page = (toured / name).read_text(encoding="utf-8")
    assert len(page.encode()) < 3_000_000
    assert not re.search(r"https?:|<script|src=|url\(", page)


def test_the_tour_gives_the_same_page_again(tmp_path, monkeypatch):
    few = dict(list(tour.TOUR.items())[:2])
    monkeypatch.setattr(tour, "TOUR", few)
    monkeypatch.setattr(tour, "COMPARED", ("patch(16)",))
    pages = []
    for name in "ab":
        about.demo(None, None, tmp_path / name, as_json=True)
        pages.append((tmp_path / name / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_rows_say_exact_where_every_pixel_comes_back(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tour, "TOUR", {"patch(16)": "camera", "patch(16) | random_drop(1)": "camera"})
    monkeypatch.setattr(tour, "COMPARED", ("patch(16)",))
    about.demo(None, None, tmp_path, as_json=True)
    exact, little = document(capsys)["rows"]
    assert exact["exact"]
    assert exact["psnr_db"] is None
    assert (little["tokens"], little["bytes"]) == (1, 768)
    assert little["psnr_db"] < 15
