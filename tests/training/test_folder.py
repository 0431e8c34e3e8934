"""The folder of a run: which file is meant, and whether checkpoints belong to it."""

import pytest
import torch

from lexel.errors import BadArguments
from lexel.training import state
from lexel.training.config import read
from lexel.training.folder import Folder
from lexel.training.recipes import new


@pytest.fixture
def folder(tmp_path):
    return Folder(new("clip", tmp_path / "mine"))


def change(folder, before, after):
    text = folder.file.read_text(encoding="utf-8")
    assert before in text
    folder.file.write_text(text.replace(before, after, 1), encoding="utf-8")


def begin(folder, data="a", **how):
    return folder.begin(read(folder.file), data, "b", **how)


def checkpoint(folder):
    state.save(folder.checkpoints, 3, {"model": {"w": torch.zeros(1)}}, {}, keep=1)


def test_a_folder_or_its_file_mean_the_same_run(folder, tmp_path, monkeypatch):
    assert Folder.of(folder.home) == Folder.of(folder.file) == folder
    other = folder.file.rename(folder.home / "other.toml")
    assert Folder.of(folder.home).name == "other"
    (folder.home / "third.toml").write_text("")
    with pytest.raises(BadArguments, match=r"has 2 \.toml files"):
        Folder.of(folder.home)
    other.rename(folder.file)
    assert Folder.of(folder.home) == folder
    monkeypatch.chdir(folder.home)
    assert Folder.of(tmp_path / "mine").name == "mine"
    with pytest.raises(BadArguments, match=r"has no \.toml files"):
        Folder.of(tmp_path)


def test_a_run_goes_on_where_a_checkpoint_is(folder):
    assert begin(folder) is False
    assert begin(folder) is False
    checkpoint(folder)
    assert begin(folder) is True


def test_what_does_not_touch_the_weights_may_change_in_the_middle(folder):
    begin(folder)
    checkpoint(folder)
    for before, after in {
        "chunk = 64": "chunk = 8",
        "keep = 2": "keep = 0",
        'licence = "unknown"': 'licence = "x"',
    }.items():
        change(folder, before, after)
    change(folder, 'source = "pictures"', 'source = "moved"')
    assert begin(folder) is True


def test_chunks_of_a_run_with_a_judge_may_not_change(tmp_path):
    folder = Folder(new("tokenizer", tmp_path / "mine"))
    begin(folder)
    checkpoint(folder)
    change(folder, "chunk = 0", "chunk = 8")
    assert begin(folder) is True
    change(folder, "weight = 0.0", "weight = 0.1")
    begin(folder, overwrite=True)
    checkpoint(folder)
    change(folder, "chunk = 8", "chunk = 4")
    with pytest.raises(BadArguments, match=r"run\.chunk: was 8, is 4"):
        begin(folder)


def test_a_run_of_other_settings_or_data_is_refused_with_the_difference(folder):
    begin(folder)
    checkpoint(folder)
    change(folder, "learning_rate = 5e-4", "learning_rate = 1e-3")
    with pytest.raises(
        BadArguments, match=r"other settings\noptimizer.learning_rate: was 0.0005, is 0.001\n--overwrite"
    ):
        begin(folder)
    assert state.newest(folder.checkpoints)
    change(folder, "learning_rate = 1e-3", "learning_rate = 5e-4")
    with pytest.raises(BadArguments, match="data: was a, is other"):
        begin(folder, data="other")


def test_beginning_again_leaves_no_trace_of_what_was(folder):
    begin(folder)
    checkpoint(folder)
    folder.log.write_text("{}\n")
    (folder.home / "words").mkdir()
    change(folder, "seed = 0", "seed = 1")
    assert begin(folder, overwrite=True) is False
    assert sorted(path.name for path in folder.home.iterdir()) == ["begun.json", "mine.toml"]
    checkpoint(folder)
    assert begin(folder) is True


def test_what_is_published_is_the_model_and_its_card_and_nothing_else(folder):
    assert folder.published("org/name") == {}
    folder.model.mkdir()
    (folder.model / "config.json").write_text("{}")
    folder.log.write_text("{}\n")
    folder.card.write_text('lexel.load("./model")')
    files = folder.published("org/name")
    assert files == {"README.md": b'lexel.load("org/name")', "config.json": folder.model / "config.json"}
