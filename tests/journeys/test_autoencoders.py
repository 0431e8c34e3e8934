"""A model that gives pictures back, from a shell: tokens of it, pictures of them, what it costs and keeps."""

import json
from pathlib import Path

import numpy as np
import pytest
from autoencoders.peers import kl, saved, vq
from PIL import Image

from lexel.tokens.value import Tokens


@pytest.fixture
def models(desk):
    """Two tiny models in the folder where the command runs."""
    saved(vq(), desk / "vq")
    saved(kl(), desk / "vae")


def shape(path):
    with Image.open(path) as image:
        return np.asarray(image).shape


def test_pictures_become_codes_and_pictures_again(models, lexel):
    status, out, err = lexel("tokenize", "photos/a.png", "photos/c.jpg", "--with", "./vq", "-o", "codes.safetensors")
    assert (status, out) == (0, "2 done; 960 tokens in codes.safetensors\n"), err
    tokens = Tokens.load("codes.safetensors")
    assert tokens.space.kind == "codes"
    assert tokens.pictures.grids.tolist() == [[16, 24], [24, 24]]  # at most 48 pixels a side, as its config says
    status, _, err = lexel("detokenize", "codes.safetensors", "-o", "back")
    assert status == 0, err
    assert [shape("back/a.png"), shape("back/c.png")] == [(32, 48, 3), (48, 48, 3)]


def test_a_model_is_asked_in_its_pipeline(models, lexel):
    how = "./vae(size=16, scaled=True, seed=3)"
    assert lexel("tokenize", "photos/a.png", "--with", how, "-o", "drawn.safetensors")[0] == 0
    assert Tokens.load("drawn.safetensors").data.shape == (6 * 8, 4)
    assert lexel("detokenize", "drawn.safetensors", "-o", "back")[0] == 0
    assert shape("back/a.png") == (11, 16, 3)


def test_it_is_compared_with_what_needs_no_model_and_drawn(models, lexel):
    status, _, err = lexel("compare", "photos/a.png", "--with", "./vq", "--with", "patch(16)", "-o", "rows.json")
    assert status == 0, err
    rows = json.loads(Path("rows.json").read_text())
    assert "./vq" in json.dumps(rows)
    status, out, err = lexel("show", "photos/a.png", "--with", "./vq", "-o", "seen.png")
    assert (status, out.split(":")[0]) == (0, "<384 tokens of 1 picture"), err
    assert shape("seen.png")[1] > 48


def test_an_embedding_of_a_model_that_has_none_is_a_sentence(models, lexel):
    status, _, err = lexel("embed", "photos/a.png", "--model", "./vq", "-o", "v.parquet")
    assert status == 2
    assert "./vq: gives no vector a picture" in err
