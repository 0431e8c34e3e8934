"""`lexel embed`, `classify` and `models` on a tiny checkpoint: what they write, say and exit with."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from loading.references import CLIP, OPENCLIP, noisy, openclip, saved
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel
from typer.testing import CliRunner

import lexel as library
from lexel import shipped
from lexel.cli.app import app

LABELS = ("--labels", "dog, cat")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder of OpenCLIP's layout, whose vocabulary is the published one."""
    text = CLIP["text_config"] | {"vocab_size": 49408}
    model = noisy(CLIPModel(CLIPConfig(**CLIP | {"text_config": text}, projection_dim=24)))
    config = OPENCLIP["model_cfg"]
    config = config | {"text_cfg": config["text_cfg"] | {"vocab_size": 49408}}
    folder = tmp_path_factory.mktemp("tiny")
    return openclip(saved(model, folder / "hf"), folder / "clip", config={"model_cfg": config})


@pytest.fixture
def lexel(tmp_path, monkeypatch, unchecked_shapes):
    """The command in a folder with `photos/`: three pictures, one that is cut, one text. Answers status, out, err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEXEL_HOME", str(tmp_path / "home"))
    photos = Path("photos")
    photos.mkdir()
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (32, 48), "b.png": (20, 20), "c.jpg": (64, 64)}.items():
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(photos / name)
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:-30])
    (photos / "notes.txt").write_text("not a picture")

    def run(*arguments):
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, result.stdout, result.stderr

    return run


def test_embed_writes_arrays_and_tables_row_by_row(lexel, tiny):
    status, out, _ = lexel("embed", "photos", "--model", str(tiny), "-o", "vectors")
    assert status == 3
    assert out == "3 done, 1 failed, 1 skipped; 3 tokens in vectors\n"
    rows = np.load("vectors/img_emb/img_emb_0.npy")
    table = pyarrow.parquet.read_table("vectors/metadata/metadata_0.parquet").to_pydict()
    assert table["image_path"] == ["photos/a.png", "photos/b.png", "photos/c.jpg"]
    assert table["width"] == [48, 20, 64]
    expected = library.load(tiny).embed(library.read("photos", on_error="skip"))
    assert rows.dtype == np.float32
    assert np.allclose(rows, expected, atol=1e-6)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_embed_again_has_nothing_to_do_and_other_settings_are_another_job(lexel, tiny):
    said = ("embed", "photos/a.png", "-o", "vectors")
    assert lexel(*said, "--model", str(tiny))[0] == 0
    before = Path("vectors/img_emb/img_emb_0.npy").stat().st_mtime_ns
    assert lexel(*said, "--model", str(tiny))[0] == 0
    assert Path("vectors/img_emb/img_emb_0.npy").stat().st_mtime_ns == before
    status, _, err = lexel(*said, "--model", str(tiny), "--shrink", "64")
    assert status == 2
    assert "holds another job" in err


def test_classify_says_the_best_label_and_accounts_for_every_input(lexel, tiny):
    status, out, err = lexel("classify", "photos", "--model", str(tiny), *LABELS)
    assert status == 3
    assert [line.split("  ")[0] for line in out.splitlines()] == ["photos/a.png", "photos/b.png", "photos/c.jpg"]
    assert "failed  photos/cut.png: Truncated" in err


def test_classify_prints_lines_and_documents_of_json(lexel, tiny):
    _, out, _ = lexel("classify", "photos", "--model", str(tiny), *LABELS, "--jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["status"] for line in lines] == ["done", "done", "done", "failed", "skipped"]
    for line in lines[:3]:
        assert sum(line["scores"].values()) == pytest.approx(1, abs=1e-6)
        assert line["scores"][line["label"]] == max(line["scores"].values())
    _, out, _ = lexel("classify", "photos", "--model", str(tiny), *LABELS, "--json")
    assert json.loads(out) == {"labels": ["dog", "cat"], "inputs": lines}


def test_scores_are_plain_cosines_of_templates_of_ones_own(lexel, tiny):
    own = ("--template", "a {}.", "--scores", "--jsonl")
    _, out, _ = lexel("classify", "photos/a.png", "--model", str(tiny), *LABELS, *own)
    clip = library.load(tiny)
    cosines = clip.similarity(library.read("photos/a.png"), ["a dog.", "a cat."])[0]
    assert list(json.loads(out)["scores"].values()) == pytest.approx(cosines.tolist(), abs=1e-6)


def test_labels_come_from_a_file_too(lexel, tiny):
    Path("labels.txt").write_text("dog\n\ncat\ndog\n")
    own = ("--template", "{}", "--json")
    _, out, _ = lexel("classify", "photos/a.png", "--model", str(tiny), "--labels", "labels.txt", *own)
    assert json.loads(out)["labels"] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--model", "./nothing", *LABELS), 1, "./nothing: is not there"),
        (("--model", "openai/clip-vit-base-patch32", *LABELS), 5, "HF_HUB_OFFLINE forbids"),
        (("--model", "nonsense", *LABELS), 2, "names no model"),
        (("--model", "photos", "--labels", ", ,"), 2, "holds no label"),
        (("--model", "photos", "--labels", "none.txt"), 2, "cannot be read as a list of labels"),
        (("--model", "./photos", *LABELS), 1, "has neither model.safetensors nor open_clip_model.safetensors"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_status(arguments, status, said, lexel):
    found = lexel("classify", "photos/a.png", *arguments)
    assert found[0] == status
    assert said in found[2]


def test_many_labels_a_picture_need_a_model_that_was_trained_so(lexel, tiny):
    status, _, err = lexel("classify", "photos/a.png", "--model", str(tiny), *LABELS, "--multi")
    assert status == 2
    assert "its cosines are no probabilities" in err


def test_old_weights_are_added_listed_and_loaded_by_name(lexel, tiny):
    old = Path("old")
    old.mkdir()
    state = load_file(tiny / "open_clip_model.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, old / "epoch_3.pt")
    (old / "open_clip_config.json").write_bytes((tiny / "open_clip_config.json").read_bytes())
    assert lexel("classify", "photos/a.png", "--model", "./old", *LABELS)[0] == 1
    status, out, _ = lexel("models", "add", "old", "mine/old")
    assert (status, out.split()[0]) == (0, "mine/old")
    _, out, _ = lexel("models", "list", "--json")
    toys = {model["name"]: model["toy"] for model in json.loads(out)}
    assert toys == {name: name in shipped.TOYS for name in [*shipped.models(), "mine/old"]}
    own = ("classify", "photos/a.png", *LABELS, "--scores", "--jsonl", "--model")
    assert lexel(*own, "mine/old")[:2] == lexel(*own, str(tiny))[:2]


def test_a_pickle_that_is_a_program_is_not_added(lexel):
    Path("bad.pt").write_bytes(pickle.dumps({"w": print}))
    status, _, err = lexel("models", "add", "bad.pt", "mine/bad")
    assert status == 1
    assert "bad.pt: holds more than tensors, or is broken; nothing of it was run" in err
    assert "mine/bad" not in lexel("models", "list")[1]


def test_a_model_of_the_hub_is_not_fetched_offline(lexel):
    status, _, err = lexel("models", "get", "open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert status == 5
    assert "laion/CLIP-ViT-B-32-laion2B-s34B-b79K is not on this machine" in err


def test_show_paints_where_each_word_is_seen(lexel, tiny):
    status, _, err = lexel("show", "photos/a.png", "--with", str(tiny), "--words", "dog, snow", "-o", "words.html")
    assert status == 0, err
    page = Path("words.html").read_text()
    assert "The column “dog”." in page
    assert "The column “snow”." in page
    [picture] = library.read("photos/a.png")
    score = library.load(tiny).token_similarity([picture], ["dog", "snow"])["score"]
    assert f"{score[1:, 0].max():.3g}" in page  # the class token is no region


def test_words_need_a_model_that_knows_them(lexel, tiny):
    for how, words, says in (("patch(16)", "dog", "knows no words"), (str(tiny), " , ", "no word")):
        status, out, err = lexel("show", "photos/a.png", "--with", how, "--words", words, "-o", "words.html")
        assert (status, out) == (2, "")
        assert says in err


def test_models_list_says_which_one_is_a_toy(lexel):
    _, out, _ = lexel("models", "list")
    toy, *others = out.splitlines()
    assert toy == "lexel/emoji-demo  7.1 MB  a toy: it learned 1,911 small drawings, and knows nothing of photographs"
    assert [line.split()[0] for line in others] == sorted(shipped.models().keys() - shipped.TOYS.keys())


@pytest.mark.parametrize("name", ["lexel/emoji-demo", "lexel/emoji-demo@main"])
@pytest.mark.parametrize("how", [("classify", *LABELS), ("embed", "-o", "vectors")])
def test_a_toy_is_refused_for_pictures_of_users_unless_they_want_it(lexel, how, name):
    command, *rest = how
    status, out, err = lexel(command, "photos/a.png", "--model", name, *rest)
    assert (status, out) == (2, "")
    assert f"{name}: is a toy: it learned 1,911 small drawings" in err
    assert "--toy uses it all the same" in err
    assert lexel(command, "photos/a.png", "--model", name, *rest, "--toy")[0] == 0
