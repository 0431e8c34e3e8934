"""Old weights become the same model, whatever they are wrapped in."""

import pytest
import torch
from loading.references import features, same
from safetensors.torch import load_file

from lexel.errors import LoadError, UnsafeFile
from lexel.loading.convert import convert
from lexel.loading.load import load


@pytest.fixture
def clip(references):
    return references["clip"][1]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"step": 1}},
        lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
    ],
    ids=["bare", "state_dict", "model, module."],
)
def test_old_weights_are_the_same_model(wrapped, clip, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "config.json").write_bytes((clip / "config.json").read_bytes())
    torch.save(wrapped(load_file(clip / "model.safetensors")), old / "pytorch_model.bin")
    written = convert(old, tmp_path / "new")
    assert [path.name for path in written] == ["model.safetensors", "config.json"]
    assert same(features(load(tmp_path / "new")), features(load(clip)))


def test_shards_of_old_weights_are_joined_and_none_comes_twice(clip, tmp_path):
    state = load_file(clip / "model.safetensors")
    names = sorted(state)
    for number, some in enumerate((names[:40], names[40:])):
        torch.save({name: state[name] for name in some}, tmp_path / f"pytorch_model-0000{number}.bin")
    convert(tmp_path, tmp_path / "new")
    assert load_file(tmp_path / "new" / "model.safetensors").keys() == state.keys()
    torch.save({names[0]: state[names[0]]}, tmp_path / "again.pt")
    with pytest.raises(LoadError, match="is in another file too"):
        convert(tmp_path, tmp_path / "other")


def test_tensors_that_share_memory_are_written_each(tmp_path):
    tied = torch.randn(3, 2)
    torch.save({"a": tied, "b": tied}, tmp_path / "tied.pt")
    convert(tmp_path / "tied.pt", tmp_path / "new")
    assert all(torch.equal(value, tied) for value in load_file(tmp_path / "new" / "model.safetensors").values())


@pytest.mark.parametrize("content", [{"w": 3}, [torch.ones(2)], {1: torch.ones(2)}, torch.ones(2)])
def test_what_is_no_dictionary_of_tensors_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(UnsafeFile, match=r"odd\.pt: holds more than tensors by name"):
        convert(tmp_path / "odd.pt", tmp_path / "new")


def test_a_folder_without_old_weights_is_said(tmp_path):
    with pytest.raises(LoadError, match="holds no tensor"):
        convert(tmp_path, tmp_path / "new")
