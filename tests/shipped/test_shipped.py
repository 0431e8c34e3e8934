"""What comes with lexel: small enough, licensed, loaded without a network, and honest about what it is."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lexel
from lexel import shipped
from lexel.cli import toy
from lexel.evals.retrieval import retrieval

MODEL = "lexel/emoji-demo"
FOLDER = shipped.FOLDER / "emoji-demo"


@pytest.fixture(scope="module")
def model():
    return lexel.load(MODEL)


@pytest.fixture(scope="module")
def drawings():
    return toy.drawings()


def test_the_model_is_small_and_stored_in_half(model):
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 8_000_000
    stored = load_file(FOLDER / "open_clip_model.safetensors")
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {torch.float16}
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_the_model_is_loaded_by_name_with_its_own_words(model):
    assert model.name == MODEL
    assert model.text.config.vocab_size == model.speller.end + 1
    assert (model.speller(["ロケット"]).counts < 10).all()  # its own byte pairs: the published ones take 12


def test_all_figures_of_the_card_are_filled_in():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "This is a toy" in card
    assert "knows nothing of photographs" in card
    assert not {"ROWS", "PHOTOGRAPHS", "MINUTES"} & set(card.replace("|", " ").split())
    assert card.count("| en |") == card.count("| mean |") == 1


def test_every_toy_is_a_model_that_comes_with_lexel():
    assert set(shipped.TOYS) <= set(shipped.models())


def test_the_sheet_of_drawings_is_small_and_full(drawings):
    assert (shipped.FOLDER / "drawings.webp").stat().st_size <= 400_000
    assert len(drawings) == 200
    assert len({drawn.picture.name for drawn in drawings}) == 200
    for drawn in drawings:
        assert drawn.picture.pixels.shape == (64, 64, 3)
        assert drawn.picture.pixels.std() > 0
        assert set(drawn.said) == {"en", "de", "ja"}
        assert all(label for label, _ in drawn.said.values())


def test_the_licences_name_every_file():
    said = (shipped.FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    for path in shipped.FOLDER.iterdir():
        if path.suffix not in (".py", ".md") and path.name != "__pycache__":
            assert f"| {path.name}{'/' * path.is_dir()} |" in said


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_the_model_finds_nearly_every_shipped_drawing_by_its_label(model, drawings, language):
    images = model.embed([drawn.picture for drawn in drawings])
    texts = model.embed([drawn.said[language][0] for drawn in drawings])
    found = retrieval(images, texts, np.arange(200))
    assert found["image_retrieval_recall@1"] > 0.8
    assert found["text_retrieval_recall@1"] > 0.8


def test_captions_are_whole_json():
    said = json.loads((shipped.FOLDER / "drawings.json").read_text(encoding="utf-8"))
    assert said["1f436"]["de"][0] == "Hundegesicht"
