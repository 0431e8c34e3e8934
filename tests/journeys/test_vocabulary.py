"""A vocabulary of one's own, from a shell: pictures become codes that were learned from them, and pictures again."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from training.shapes import change

from lexel import box
from lexel.tokens.value import Tokens

FEW = {
    "held_out": 2.0,
    "each": 16,
    "edge": 96,
    "width": 16,
    "blocks": 0,
    "side": 32,
    "batch": 16,
    "epochs": 1.0,
    "measures": 1,
    "average": 0.0,
}
ONE = {"OMP_NUM_THREADS": "1"}


def test_photographs_become_a_vocabulary_and_are_told_in_it(lexel, desk):
    shutil.copytree(box.pictures()[0].parent, desk / "box", ignore=shutil.ignore_patterns("*.py", "*.md", "__*"))
    status, out, err = lexel("new", "tokenizer", "mytok", "--quantizer", "fsq(8, 5, 5)", "--down", "8", "--data", "box")
    assert (status, out) == (0, "mytok/mytok.toml\n"), err
    change(Path("mytok/mytok.toml"), **FEW)
    status, out, err = lexel("train", "mytok", **ONE)
    assert (status, out) == (0, "mytok/model\n"), err
    heads = [line.split()[0] for line in err.splitlines() if not line.startswith(" ")]
    assert heads == ["model", "data", "sanity", "plan", "6", "result"]
    assert re.search(r"sanity +it learns one small batch by heart: loss [\d.]+ → [\d.]+ in \d+ updates\n", err)
    assert "| JPEG | " in Path("mytok/README.md").read_text(encoding="utf-8")

    status, out, err = lexel("tokenize", "box/chelsea.png", "--with", "./mytok/model", "-o", "codes.safetensors")
    assert status == 0, err
    tokens = Tokens.load("codes.safetensors")
    assert (tokens.space.codebook, tokens.pictures.grids.tolist()) == ((200,), [[8, 12]])
    assert lexel("detokenize", "codes.safetensors", "-o", "back")[0] == 0
    with Image.open("back/chelsea.png") as back:
        assert np.asarray(back).shape == (64, 96, 3)

    status, out, err = lexel("push", "mytok", "me/mytok", "--dry-run", "--json")
    assert status == 0, err
    assert set(json.loads(out)["files"]) == {"config.json", "model.safetensors", "README.md"}


def test_only_a_tokenizer_has_a_quantizer(lexel, desk):
    status, _, err = lexel("new", "mae", "mine", "--down", "16")
    assert status == 2
    assert "mae has no codes" in err
