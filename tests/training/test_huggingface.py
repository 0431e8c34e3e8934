"""Hugging Face datasets: pictures stay encoded until they are asked for, and rows are named by their number."""

import datasets
import huggingface_hub
import numpy as np
import pytest
from training.sets import folder, png, refusals, rows

from lexel.errors import DataError, Offline, PictureError
from lexel.pictures.picture import Source
from lexel.pictures.read import read
from lexel.training.data import pairs, pictures_only

CAPTIONS = ["a cat", "", "a dog"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # it read the environment before the test
    datasets.disable_progress_bars()


def dataset(captions=CAPTIONS, name="caption"):
    pictures = [{"bytes": png(seed), "path": None} for seed in range(len(captions))]
    columns = {"photo": pictures, name: captions}
    return datasets.Dataset.from_dict(columns).cast_column("photo", datasets.Image())


def test_a_folder_that_was_saved_is_a_data_set():
    dataset().save_to_disk("set")
    data = pairs("set/")
    assert rows(data) == [("0", ("a cat",)), ("2", ("a dog",))]
    assert refusals(data) == [("set/1", "NoCaption")]
    assert data.picture(1).name == "set/2"
    assert np.array_equal(data.picture(1).pixels, next(iter(read(Source("", png(2))))).pixels)


def test_captions_may_be_lists_and_pictures_files():
    folder(".", {"files/a.png": 7})
    columns = {"photo": ["files/a.png", None], "captions": [["one", "two"], ["three"]]}
    datasets.Dataset.from_dict(columns).cast_column("photo", datasets.Image()).save_to_disk("set")
    data = pairs("set")
    assert rows(data) == [("0", ("one", "two")), ("1", ("three",))]
    assert np.array_equal(data.picture(0).pixels, next(iter(read("files/a.png"))).pixels)
    with pytest.raises(PictureError, match=r"^set/1: no picture in this row"):
        data.picture(1)


def test_of_several_splits_train_is_taken_or_the_only_one():
    parts = {"train": dataset(["x"]), "test": dataset(["y"])}
    datasets.DatasetDict(parts).save_to_disk("both")
    datasets.DatasetDict({"test": parts["test"]}).save_to_disk("one")
    datasets.DatasetDict({"a": parts["train"], "b": parts["test"]}).save_to_disk("none")
    assert [rows(pairs(name)) for name in ("both", "both/test", "one")] == [[("0", (x,))] for x in "xyy"]
    with pytest.raises(DataError, match=r"^none: it has the splits a, b: name the folder of one of them"):
        pairs("none")


def test_a_folder_of_parquet_with_pictures_is_a_dataset():
    folder(".", {"tables/x": ""})
    dataset(["a cat", "a dog"]).to_parquet("tables/train.parquet")
    data = pairs("hf:./tables")
    assert rows(data) == [("0", ("a cat",)), ("1", ("a dog",))]
    assert data.picture(0).name == "hf:./tables/0"


def test_pictures_alone_need_no_column_of_captions():
    dataset(name="label").save_to_disk("set")
    assert rows(pictures_only("set")) == [("0", ()), ("1", ()), ("2", ())]
    with pytest.raises(DataError, match=r"^set: no column of captions \(caption, .*\): it has photo, label"):
        pairs("set")
    dataset().remove_columns("photo").save_to_disk("texts")
    with pytest.raises(DataError, match=r"^texts: no column of pictures \(of the type Image\): it has caption"):
        pairs("texts")


def test_what_cannot_be_opened_is_refused_by_name(tmp_path):
    with pytest.raises(Offline, match=r"^hf:nobody/nothing: nobody/nothing is not on this machine, and HF_HUB_OFFLINE"):
        pairs("hf:nobody/nothing")
    with pytest.raises(DataError, match=r"^hf:./nowhere: no dataset there"):
        pairs("hf:./nowhere")
    dataset().save_to_disk("cut")
    next((tmp_path / "cut").glob("*.arrow")).unlink()
    with pytest.raises(DataError, match=r"^cut: no whole dataset there"):
        pairs("cut")
