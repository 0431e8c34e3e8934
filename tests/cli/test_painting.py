"""`lexel show --paint` on tiny checkpoints: what is written, said and exited with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from loading.references import WHOLE, noisy, saved
from PIL import Image
from typer.testing import CliRunner

from lexel import box
from lexel.cli.app import app
from lexel.cli.painting import painted
from lexel.contracts.making import make_picture
from lexel.drawing.marks import Fill
from lexel.errors import BadArguments
from lexel.nn.patches import packed
from lexel.pictures.published import siglip
from lexel.pipelines.compose import pipeline
from lexel.towers._hierarchy import Hierarchy
from lexel.towers._tokens import whole

PHOTO = str(box.path("chelsea"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model with a class token and one without."""
    return {kind: str(saved(noisy(WHOLE[kind]()), tmp_path_factory.mktemp(kind))) for kind in ("clip", "siglip")}


@pytest.fixture
def show(tmp_path, monkeypatch, unchecked_shapes):
    """`lexel show` of a photograph in an empty folder. Answers status, out, err."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(app, ("show", PHOTO, "--with", *arguments))
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.mark.parametrize(
    ("text", "paint", "titles"),
    [
        ("clip", "pca", ["Picture", "Components", "Foreground"]),
        ("clip[tome(r=1)]", "pca", ["Picture", "Components", "Foreground"]),
        ("clip(space='shared') | tome(r=2)", "pca", ["Picture", "Components", "Foreground"]),
        ("clip", "attention", ["Picture", "Class token", "Head 0", "Head 1", "Head 2", "Head 3", "Received"]),
        ("siglip", "attention", ["Picture", "Received"]),
        ("clip", "rollout", ["Picture", "Rollout"]),
        ("siglip[tome(r=1)]", "rollout", ["Picture", "Rollout"]),
    ],
)
def test_a_page_shows_what_was_asked_for(show, folders, text, paint, titles):
    name = text.partition("[")[0].partition("(")[0].partition(" ")[0]
    status, out, err = show(text.replace(name, folders[name], 1), "--paint", paint, "-o", "out.html")
    assert status == 0, err
    assert out.endswith(" in out.html\n")
    page = Path("out.html").read_text()
    assert [part.partition(".</b>")[0] for part in page.split("<figcaption><b>")[1:]] == titles


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_sheet_is_written_in_every_form(show, suffix):
    status, out, _ = show("patch(32)", "--paint", "pca", "-o", f"out{suffix}")
    assert (status, out) == (
        0,
        f"<150 tokens of 1 picture: vectors of 32×32 pixels, 3072 wide, uint8> in out{suffix}\n",
    )
    if suffix == ".png":
        with Image.open("out.png") as drawn:
            assert drawn.width > 2 * drawn.height / 3 > 451
    else:
        assert "Foreground" in Path("out.svg").read_text()


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("patch(16)", ("--paint", "attention"), "patch(16) keeps no attention to paint\n       it keeps nothing"),
        ("{clip} | tome(r=1)", ("--paint", "rollout"), "--paint rollout is of a model alone"),
        ("{clip}", ("--paint", "stages"), "has no stages to paint"),
        ("{clip}", ("--paint", "pca", "--words", "dog"), "--words and --paint are two drawings"),
        ("kmeans(8, 64)", ("--paint", "pca"), "64 have no components: colours are for vectors"),
        ("{clip}", ("--paint", "heads"), "'heads' is not one of"),
    ],
)
def test_what_cannot_be_painted_is_said(show, folders, text, more, said):
    status, out, err = show(text.format(**folders), *more, "-o", "out.png")
    assert (status, out) == (2, "")
    assert said in err
    assert not Path("out.png").exists()


class Pooled(torch.nn.Module):
    """A tower of two stages that looks at means of cells; the last cells of a side may reach over the picture."""

    offers, cells, widths = frozenset(), (8, 16), (3, 6)
    cell, width = 16, 6

    def stages(self, batch, last):
        made = []
        for stage, cell in enumerate(self.cells[: last + 1]):
            maps = [torch.nn.functional.avg_pool2d(x[None], cell, ceil_mode=True)[0] for x in batch]
            rows = [x.flatten(1).T.repeat(1, stage + 1) for x in maps]
            made.append(whole(packed(torch.cat(rows), [tuple(x.shape[1:]) for x in maps])))
        return made

    def trace(self, batch, keep=()):
        return self.stages(batch, 1)[-1]

    def pooled(self, packed):
        return packed.x.new_zeros(len(packed), 6)

    def with_inside(self, selector, layers=()):
        raise BadArguments("there is no attention")


def test_stages_of_a_hierarchy_are_side_by_side():
    model = Hierarchy(Pooled(), preparation=siglip(40), name="./pooled")
    picture = make_picture(64, 48)
    said, (_, fine, coarse) = painted("stages", pipeline(model), picture)
    assert said.startswith("2 stages, the last <9 tokens of 1 picture: vectors of ./pooled, 6 wide")
    assert (fine.title, coarse.title) == ("Stage 0", "Stage 1")
    assert fine.caption.startswith("5 × 5 cells, 3 wide,")
    assert coarse.caption.startswith("3 × 3 cells, 6 wide,")
    for view in (fine, coarse):
        [fill] = [mark for mark in view.drawing.marks if isinstance(mark, Fill)]
        area = (fill.boxes[:, 2:] - fill.boxes[:, :2]).prod(axis=1).sum()
        assert area == view.drawing.height * view.drawing.width
        assert len(np.unique(fill.colours, axis=0)) > 1
