"""Tokens on disk: exact round trips, equal bytes, broken files refused by name."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from lexel.errors import OutputError, TokensError
from lexel.tokens.files import KEY, assemble, header, tensors
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from tests.tokens.test_value import on_grids, with_class

grids = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=3)


@given(grids, st.booleans(), st.booleans(), st.sampled_from([np.float32, np.uint8, np.float16]))
def test_what_is_saved_is_loaded(grids, class_token, columns, dtype):
    tokens = on_grids(*grids, dtype=dtype)
    tokens = with_class(tokens) if class_token else tokens
    if columns:
        tokens = tokens.with_(columns={"score": np.arange(tokens.total, dtype=np.float32)}, recipe="patch(16)")
    again = assemble(tensors(tokens), header(tokens))
    assert again.equals(tokens)
    assert again.recipe == tokens.recipe


def test_a_file_round_trips(tmp_path):
    tokens = with_class(on_grids((2, 3), (1, 1))).with_(recipe="made · by hand")
    tokens.save(tmp_path / "a.safetensors")
    assert Tokens.load(tmp_path / "a.safetensors").equals(tokens)


def test_defaults_and_implied_boxes_are_left_out():
    assert set(tensors(on_grids((2, 3)))) == {"data", "splits"}
    assert set(tensors(with_class(on_grids((2, 3))))) == {"data", "splits", "kind"}
    moved = on_grids((2, 2)).with_(boxes=np.array([[0, 0, 1, 1]] * 4, np.float32))
    assert set(tensors(moved)) == {"data", "splits", "boxes"}


def test_equal_tokens_have_equal_bytes_in_every_process(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from tests.tokens.test_value import on_grids, with_class;"
        "with_class(on_grids((2, 3), (1, 1))).save(sys.argv[1])"
    )
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, tmp_path / f"{name}.safetensors", "."], check=True)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_names_that_are_not_utf8_survive(tmp_path):
    tokens = on_grids((1, 1))
    table = tokens.pictures
    odd = type(table)(("bad\udcff\n",), table.sizes, table.digests, table.crops, table.views, table.grids)
    tokens.with_(pictures=odd).save(tmp_path / "a.safetensors")
    assert Tokens.load(tmp_path / "a.safetensors").pictures.names == ("bad\udcff\n",)


def rewritten(path, change):
    """The file at `path` with its metadata changed."""
    tensors = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        meta = json.loads(file.metadata()[KEY])
    change(meta, tensors)
    save_file(tensors, path, metadata={KEY: json.dumps(meta)})


@pytest.mark.parametrize(
    "change",
    [
        lambda meta, _: meta.update({"lexel.tokens": 2}),
        lambda meta, _: meta.pop("pictures"),
        lambda meta, _: meta.update(space=3),
        lambda meta, _: meta["space"].update(kind="pickles"),
        lambda meta, _: meta["space"].update(width=4),
        lambda meta, _: meta["pictures"].update(names=["one too", "many"]),
        lambda meta, _: meta["pictures"].update(views=[[0, 0, "x", 1]]),
        lambda meta, _: meta["pictures"].update(grids=[[2**40, 2**40]]),
        lambda meta, _: meta["pictures"].update(crops=[0, 9]),
        lambda meta, _: meta["pictures"].update(crops=[0]),
        lambda _, tensors: tensors.update(splits=np.array([0, 7])),
        lambda _, tensors: tensors.update(extra=np.zeros(3)),
        lambda _, tensors: tensors.pop("splits"),
        lambda _, tensors: tensors.update(kind=np.full(4, 9, np.int8)),
        lambda _, tensors: tensors.update(data=np.full((4, 3), np.nan, np.float32)),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_and_named(tmp_path, change):
    path = tmp_path / "a.safetensors"
    on_grids((2, 2)).save(path)
    rewritten(path, change)
    with pytest.raises(TokensError) as error:
        Tokens.load(path)
    assert error.value.subject == str(path)


def test_other_files_are_refused_and_named(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(TokensError, match="not one of tokens"):
        Tokens.load(path)
    path.write_bytes(b"\x80\x04}.")
    with pytest.raises(TokensError, match="not a whole tokens file"):
        Tokens.load(path)
    with pytest.raises(TokensError, match="no such file"):
        Tokens.load(tmp_path / "none.safetensors")


def test_a_cut_file_is_refused_at_every_length(tmp_path):
    path = tmp_path / "a.safetensors"
    on_grids((2, 2)).save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(TokensError):
            Tokens.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OutputError):
        on_grids((2, 2)).save(path)
    assert list(tmp_path.iterdir()) == [path]


def test_codes_round_trip(tmp_path):
    codes = on_grids((1, 3)).with_(data=np.array([[0, 1], [2, 3], [1, 1]], np.int32), space=Space("codes", 8, (4, 4)))
    codes.save(tmp_path / "a.safetensors")
    assert Tokens.load(tmp_path / "a.safetensors").equals(codes)
