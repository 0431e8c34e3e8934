"""`lexel eval` on a tiny checkpoint: what it says is what the library says, and the file tells of what."""

import json
from pathlib import Path

import numpy as np
import pytest
from cli.test_words import tiny  # noqa: F401  a fixture
from loading.references import TOWERS, noisy, saved
from PIL import Image
from typer.testing import CliRunner

import lexel as library
from lexel.cli.app import app
from lexel.evals.clipscore import clipscore, refclipscore
from lexel.evals.retrieval import retrieval
from lexel.evals.zero_shot import zero_shot_accuracy

CAPTIONS = {"a": ["a dog", "a brown dog", "an animal"], "b": ["a cat"], "c": ["snow", "winter"]}
CLASSES = ("black_dog", "cat", "snow")


def picture(path, seed, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 100, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise + np.uint8(level)).save(path)


def captioned(path, seed, lines):
    picture(path, seed)
    path.with_suffix(".txt").write_text("\n".join(lines))


@pytest.fixture
def lexel(tmp_path, monkeypatch, unchecked_shapes):
    """The command in a folder with `photos/` (captions beside them) and `things/` (a folder a class)."""
    monkeypatch.chdir(tmp_path)
    for seed, (name, lines) in enumerate(CAPTIONS.items()):
        captioned(Path("photos") / f"{name}.png", seed, lines)
    for label, name in enumerate(CLASSES):
        for seed in range(10):
            picture(Path("things") / name / f"{seed}.png", 10 * label + seed, 70 * label)

    def run(*arguments):
        result = CliRunner().invoke(app, ["eval", *arguments])
        return result.exit_code, result.stdout, result.stderr

    return run


def photos():
    return library.read([f"photos/{name}.png" for name in CAPTIONS])


def test_retrieval_is_that_of_the_library_and_the_file_says_of_what(lexel, tiny):  # noqa: F811
    status, out, err = lexel("retrieval", "photos", "--model", str(tiny), "-o", "result.json", "--json")
    assert status == 0, err
    clip, texts = library.load(tiny), [text for some in CAPTIONS.values() for text in some]
    result = json.loads(out)
    assert result["metrics"] == retrieval(clip.embed(photos()), clip.embed(texts), np.array([0, 0, 0, 1, 2, 2]))
    assert Path("result.json").read_text() == out
    assert result["model"]["weights"] == clip.digest
    assert (result["data"]["test"]["pictures"], result["data"]["test"]["texts"]) == (3, 6)
    assert "3 of 3 pictures" in err


def test_retrieval_takes_the_first_captions_where_it_is_told_so(lexel, tiny):  # noqa: F811
    _, out, _ = lexel("retrieval", "photos", "--model", str(tiny), "--captions", "1", "--json")
    result = json.loads(out)
    assert (result["data"]["test"]["texts"], result["settings"]["captions"]) == (3, 1)


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_is_measured(lexel, tiny):  # noqa: F811
    path = Path("photos/b.png")
    path.write_bytes(path.read_bytes()[:-30])
    status, out, err = lexel("retrieval", "photos", "--model", str(tiny), "--json")
    assert status == 3
    assert "failed  photos/b.png: Truncated" in err
    test = json.loads(out)["data"]["test"]
    assert (test["pictures"], test["texts"], test["failed"][0]["error"]) == (2, 5, "Truncated")
    for name in "ac":
        Path(f"photos/{name}.png").write_bytes(b"")
    status, out, err = lexel("retrieval", "photos", "--model", str(tiny), "--json")
    assert (status, out) == (3, "")
    assert "photos/a.png" in err


def test_zero_shot_is_that_of_the_library(lexel, tiny):  # noqa: F811
    said = ("zero-shot", "things", "--model", str(tiny), "--template", "a {}.")
    status, out, _ = lexel(*said, "--json")
    assert status == 0
    result = json.loads(out)
    pictures, labels = library.read("things"), np.repeat(np.arange(3), 10)
    expected = zero_shot_accuracy(library.load(tiny), pictures, labels, ["black dog", "cat", "snow"], "a {}.")
    assert result["metrics"] == expected
    assert result["settings"] == {"classes": ["black dog", "cat", "snow"], "templates": "a {}."}
    _, out, _ = lexel(*said)
    assert f"acc1                   {expected['acc1']:.4f}" in out


def test_classes_are_called_as_a_file_says(lexel, tiny):  # noqa: F811
    Path("names.txt").write_text("hound\nkitten\nwinter\n")
    said = ("zero-shot", "things", "--model", str(tiny), "--template", "{}", "--names", "names.txt")
    _, out, _ = lexel(*said, "--json")
    assert json.loads(out)["settings"]["classes"] == ["hound", "kitten", "winter"]
    Path("names.txt").write_text("hound\n")
    assert lexel(*said)[0] == 2
    assert "has 1 lines for 3 folders" in lexel(*said)[2]


def test_clipscore_is_that_of_the_library_caption_by_caption(lexel, tiny):  # noqa: F811
    written, people = {"a": ["a dog"], "b": ["a cat"]}, {"a": ["a hound", "a beagle"], "b": ["a kitten"]}
    for folder, captions in {"written": written, "people": people}.items():
        for seed, (name, lines) in enumerate(captions.items()):
            captioned(Path(folder) / f"{name}.png", seed, lines)
    said = ("clipscore", "written", "--references", "people", "--model", str(tiny))
    status, out, err = lexel(*said, "--jsonl")
    assert status == 0, err
    clip, pictures = library.load(tiny), library.read("written/*.png")
    texts = ["a dog", "a cat"]
    plain, with_references = clipscore(clip, pictures, texts), refclipscore(clip, pictures, texts, [*people.values()])
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["input"] for line in lines] == ["a.png", "b.png"]
    assert [line["caption"] for line in lines] == texts
    assert [line["CLIPScore"] for line in lines] == pytest.approx(plain.tolist(), abs=1e-6)
    assert [line["RefCLIPScore"] for line in lines] == pytest.approx(with_references.tolist(), abs=1e-6)
    _, out, _ = lexel(*said, "--json")
    result = json.loads(out)
    assert result["metrics"]["CLIPScore"] == pytest.approx(plain.mean(), abs=1e-6)
    assert result["data"]["references"]["captions"] != result["data"]["captions"]["captions"]
    Path("people/b.png").unlink()
    status, _, err = lexel(*said)
    assert status == 2
    assert "people: has nothing about b.png" in err


@pytest.mark.parametrize("how", [(), ("--knn",)])
def test_probes_read_brightness_off_any_tower(lexel, tmp_path, how):
    dino = saved(noisy(TOWERS["dinov2"]()), tmp_path / "dino")
    status, out, err = lexel("probe", "things", "--model", str(dino), "--json", *how)
    assert status == 0, err
    result = json.loads(out)
    assert result["metrics"]["acc1"] > 0.6
    assert (result["data"]["train"]["pictures"], result["data"]["test"]["pictures"]) == (24, 6)
    other = lexel("probe", "things", "--test", "things", "--model", str(dino), "--json", *how)
    assert json.loads(other[1])["data"]["test"]["pictures"] == 30


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("retrieval", "nowhere"), 3, "nowhere"),
        (("retrieval", "things"), 3, "things"),
        (("zero-shot", "photos"), 2, "lies in no folder of a class"),
        (("probe", "things", "--test", "photos"), 2, "lies in no folder of a class"),
    ],
)
def test_what_cannot_be_measured_is_said(lexel, tiny, arguments, status, said):  # noqa: F811
    found = lexel(*arguments, "--model", str(tiny))
    assert found[0] == status
    assert said in found[2]


@pytest.mark.parametrize("task", ["retrieval", "zero-shot", "clipscore"])
def test_a_model_without_words_is_refused(lexel, tmp_path, task):
    dino = saved(noisy(TOWERS["dinov2"]()), tmp_path / "dino")
    status, _, err = lexel(task, "photos", "--model", str(dino))
    assert status == 2
    assert "knows no words" in err
