"""`lexel sample` with tiny models: new pictures, a box anew, the way between two, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from autoencoders.peers import kl, saved, vq
from generators.networks import prior
from PIL import Image
from typer.testing import CliRunner

from lexel.cli.app import app
from lexel.generators._generator import Generator
from lexel.generators._prior import Prior, PriorConfig, Vocabulary
from lexel.loading.load import load, save


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A vocabulary, two priors of it, a VAE and two photographs."""
    folder = tmp_path_factory.mktemp("models")
    saved(vq(), folder / "vq")
    saved(kl(), folder / "vae")
    vocabulary = replace(Vocabulary.of(load(folder / "vq")), name="./vq")
    for objective in ("maskgit", "autoregressive"):
        drawn = prior(objective)
        network = Prior(PriorConfig(vocabulary, objective, drawn.config.blocks))
        network.load_state_dict(drawn.state_dict())
        save(Generator(network), folder / objective)
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (40, 30), "b.png": (24, 50)}.items():
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def lexel(models, tmp_path, monkeypatch, unchecked_shapes):
    """The command in a folder of their copies. Answers status, out, err."""
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, ["sample", *arguments])
        return done.exit_code, done.stdout, done.stderr

    return run


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("model", ["./maskgit", "./autoregressive"])
def test_new_pictures_are_written(lexel, model):
    assert lexel(model, "-n", "3", "--size", "4x6", "-o", "out") == (0, "3 pictures in out\n", "")
    assert sorted(path.name for path in Path("out").iterdir()) == ["0.png", "1.png", "2.png"]
    assert pixels("out/0.png").shape == (8, 12, 3)
    assert not np.array_equal(pixels("out/0.png"), pixels("out/1.png"))


def test_the_same_seed_writes_the_same_bytes(lexel):
    for folder, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        assert lexel("./maskgit", "-n", "1", "--size", "4x4", "--seed", seed, "-o", folder)[0] == 0
    one, two, three = (Path(folder, "0.png").read_bytes() for folder in ("one", "two", "three"))
    assert one == two != three


def test_how_codes_are_drawn_can_be_said(lexel):
    ways = [(), ("--steps", "2"), ("--temperature", "0.1"), ("--by", "absorbing", "--steps", "5")]
    for number, way in enumerate(ways):
        assert lexel("./maskgit", "-n", "1", "--size", "4x4", *way, "-o", str(number))[0] == 0
    drawn = [Path(str(number), "0.png").read_bytes() for number in range(len(ways))]
    assert len(set(drawn)) == len(ways)


def test_a_box_is_drawn_anew_and_no_pixel_outside_it_changes(lexel):
    status, out, err = lexel("./maskgit", "--inpaint", "a.png", "--box", "0.2,0.25,0.6,0.75", "-o", "anew.png")
    assert (status, out) == (0, "1 picture in anew.png\n"), err
    changed = (pixels("anew.png") != pixels("a.png")).any(2)
    assert changed[10:30, 6:18].any()
    changed[10:30, 6:18] = False
    assert not changed.any()


def test_latents_are_drawn_and_lie_between_two_pictures(lexel):
    assert lexel("./vae", "-n", "2", "--size", "4x4", "-o", "new")[0] == 0
    assert pixels("new/1.png").shape == (8, 8, 3)
    status, out, err = lexel("./vae", "--between", "a.png", "b.png", "-n", "3", "--size", "6x4", "-o", "way", "--json")
    assert status == 0, err
    assert json.loads(out) == {"model": "./vae", "seed": 0, "pictures": ["way/0.png", "way/1.png", "way/2.png"]}
    assert pixels("way/2.png").shape == (12, 8, 3)


def test_nothing_is_replaced_unless_it_is_said(lexel):
    asked = ("./maskgit", "-n", "1", "--size", "2x2", "-o", "out")
    assert lexel(*asked)[0] == 0
    status, _, err = lexel(*asked)
    assert status == 2
    assert "out/0.png: is there already" in err
    assert lexel(*asked, "--overwrite")[0] == 0


def test_another_vocabulary_is_refused_by_name_and_one_that_moved_is_named(lexel):
    saved(vq(num_vq_embeddings=11, vq_embed_dim=5, layers_per_block=2), Path("other"))
    status, _, err = lexel("./maskgit", "--size", "2x2", "--vocabulary", "./other", "-o", "out")
    assert status == 2
    assert "draws codes of ./vq, 11 of the digest" in err
    assert "./other is another model" in err
    Path("vq").rename("moved")
    assert lexel("./maskgit", "--size", "2x2", "-o", "out")[0] == 1
    assert lexel("./maskgit", "--size", "2x2", "--vocabulary", "./moved", "-o", "out")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("./maskgit", "--size", "4"), "4 is no size"),
        (("./maskgit", "--size", "0x4"), "0x4 is no size"),
        (("./maskgit", "--inpaint", "a.png", "--box", "1,2,3", "-o", "x.png"), "1,2,3 is no box"),
        (("./maskgit", "--inpaint", "a.png", "--box", "0.5,0,0.2,1", "-o", "x.png"), "a box is x0, y0, x1, y1"),
        (("./maskgit", "--inpaint", "a.png", "-o", "x.jpg"), "pictures are written as PNG"),
        (("./maskgit", "--inpaint", "a.png", "-n", "2", "-o", "x.png"), "--inpaint draws one picture"),
        (("./maskgit", "--between", "a.png", "b.png"), "has nothing between two pictures"),
        (("./autoregressive", "--steps", "3"), "every cell is a step"),
        (("./autoregressive", "--by", "maskgit"), "trained for autoregressive"),
        (("./vae", "--inpaint", "a.png", "-o", "x.png"), "paints no box anew"),
        (("./vae", "--steps", "3"), "latents are drawn at once"),
        (("./vq",), "draws nothing"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(lexel, arguments, said):
    status, _, err = lexel(*arguments)
    assert (status, said in err) == (2, True), err


def test_a_photograph_that_is_not_there_is_a_sentence(lexel):
    status, _, err = lexel("./maskgit", "--inpaint", "none.png", "-o", "x.png")
    assert status == 3, err
    assert "none.png" in err
