"""A vocabulary and a prior of it, from a shell: new pictures, and a box of a photograph drawn anew."""

from pathlib import Path

import numpy as np
import pytest
from autoencoders.light import vqvae
from PIL import Image

from lexel.loading.load import load, save
from lexel.training.generative import fresh


@pytest.fixture
def models(desk):
    """Both in the folder where the command runs."""
    save(vqvae("vq(4, codebook_size=32)"), desk / "vq")
    save(fresh(load("./vq"), width=16, depth=1, heads=2), desk / "prior")


def test_pictures_are_drawn_and_one_is_changed_in_a_box(models, lexel):
    status, out, err = lexel("sample", "./prior", "-n", "2", "--size", "3x4", "-o", "new")
    assert (status, out) == (0, "2 pictures in new\n"), err
    assert sorted(path.name for path in Path("new").iterdir()) == ["0.png", "1.png"]
    with Image.open("new/0.png") as image:
        assert image.size == (32, 24)
    status, out, err = lexel("sample", "./prior", "--inpaint", "photos/a.png", "--box", "0,0,0.5,1", "-o", "anew.png")
    assert (status, out) == (0, "1 picture in anew.png\n"), err
    before, after = (np.asarray(Image.open(path)) for path in ("photos/a.png", "anew.png"))
    assert (before[:, 24:] == after[:, 24:]).all()
    assert (before[:, :24] != after[:, :24]).any()


def test_a_vocabulary_that_is_gone_is_a_sentence(models, lexel):
    Path("vq").rename("elsewhere")
    status, _, err = lexel("sample", "./prior", "-o", "new")
    assert (status, "./vq" in err) == (1, True)
    assert lexel("sample", "./prior", "--vocabulary", "./elsewhere", "--size", "2x2", "-o", "new")[0] == 0
