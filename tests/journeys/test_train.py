"""`lexel new`, `train` and `push` from a shell: a folder of drawn pictures becomes a model that loads."""

import json
import os
import signal
import subprocess
from pathlib import Path

from journeys.conftest import COMMAND
from training.shapes import TINY, change, draw, told

import lexel as library

ONE = {"OMP_NUM_THREADS": "1"}  # threads of tiny products wait for each other


def test_a_folder_of_pictures_becomes_a_model_however_it_was_stopped(lexel, desk):
    draw(desk / "shapes")
    for name in ("whole", "killed"):
        status, out, err = lexel("new", "clip", name, "--data", "shapes")
        assert (status, out) == (0, f"{name}/{name}.toml\n")
        assert err.endswith(f"Then: lexel train {name}\n")
        change(Path(name) / f"{name}.toml", **TINY)

    status, out, err = lexel("train", "whole", **ONE)
    assert (status, out) == (3, "whole/model\n"), err  # one picture is cut
    heads = [line.split()[0] for line in err.splitlines() if not line.startswith(" ")]
    assert heads == ["model", "data", "sanity", "plan", "15", "result", "1"]
    assert "1 passed over" in err
    assert "1 of 50 inputs failed, see whole/inputs.jsonl: cut.png: Truncated" in err

    with subprocess.Popen(
        [*COMMAND, "train", "killed"], stderr=subprocess.PIPE, text=True, env=os.environ | ONE
    ) as run:
        assert any(line.split()[:1] == ["10"] for line in run.stderr), "it ended before step 10"
        run.kill()
    assert run.returncode == -signal.SIGKILL
    status, _, err = lexel("train", "killed", **ONE)
    assert status == 3
    assert "goes on after 8 of 15 steps" in err
    assert told(Path("killed")) == told(Path("whole"))
    for path in sorted(Path("whole/model").iterdir()):
        assert (Path("killed/model") / path.name).read_bytes() == path.read_bytes()

    model = library.load("./whole/model")
    assert model.similarity(library.read("shapes/red-bar-blue.png"), ["a red bar", "a cat"]).shape == (1, 2)
    lines = [json.loads(line) for line in Path("whole/inputs.jsonl").read_text().splitlines()]
    assert len(lines) == 50
    assert {line["input"]: line["error"] for line in lines if line["status"] != "done"} == {
        "alone.png": "NoCaption",
        "cut.png": "Truncated",
    }

    status, out, err = lexel("push", "whole", "me/shapes", "--dry-run")
    assert status == 0
    files = ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"]
    assert [line.split()[0] for line in out.splitlines()[1:7]] == [*files, "README.md"]
    assert 'lexel.load("me/shapes")' in out
    assert "Nothing was sent." in err


def test_what_is_wrong_is_said_in_a_sentence(lexel, desk):
    assert lexel("new", "clap", "other") == (
        2,
        "",
        "lexel: 'clap' is nothing that can be learned\n       did you mean clip?\n",
    )
    lexel("new", "clip", "mine")
    status, out, err = lexel("train", "mine")
    assert (status, out) == (3, "")
    assert err.startswith("lexel: mine/pictures: no pair in it")
    change(Path("mine/mine.toml"), batch=0)
    status, _, err = lexel("train", "mine")
    assert status == 2
    assert err.startswith("lexel: mine/mine.toml:")
    assert err.endswith(": run.batch: must be greater than or equal to 2, is 0\n")
    status, _, err = lexel("push", "mine", "me/mine", "--dry-run")
    assert (status, err) == (1, "lexel: mine: has no model yet\n       lexel train mine\n")
