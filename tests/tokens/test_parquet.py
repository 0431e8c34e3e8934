"""Arrow exchange: exact round trips with files, shards and datasets."""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import TokensError
from lexel.tokens.labels import LabelMap
from lexel.tokens.meaning import Space
from lexel.tokens.parquet import from_arrow, from_dataset, to_arrow, to_dataset
from lexel.tokens.value import Tokens
from tests.tokens.test_value import on_grids, with_class

grids = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=3)


def rich(*grids, dtype=np.float32):
    """Tokens with everything that a table must carry."""
    tokens = with_class(on_grids(*grids, dtype=dtype))
    n = tokens.total
    return tokens.with_(
        mass=np.arange(1, n + 1, dtype=np.float32),
        level=np.arange(n, dtype=np.int16) % 3,
        columns={
            "score": np.linspace(-1, 1, n, dtype=np.float64),
            "seen": np.arange(n) % 2 == 0,
            "keys": np.arange(n * 6, dtype=np.float16).reshape(n, 2, 3),
        },
        recipe="made · by hand",
    )


@given(grids, st.sampled_from([np.float32, np.float64, np.uint8, np.float16]))
def test_a_table_gives_back_equal_tokens(grids, dtype):
    tokens = rich(*grids, dtype=dtype)
    again = from_arrow(to_arrow(tokens))
    assert again.equals(tokens)
    assert again.recipe == tokens.recipe


@given(grids)
def test_codes_give_back_equal_tokens(grids):
    tokens = on_grids(*grids)
    one = tokens.with_(data=np.arange(tokens.total, dtype=np.int32) % 8, space=Space("codes", 4, (8,), "d", "eight"))
    two = tokens.with_(data=np.ones((tokens.total, 2), np.uint16), space=Space("codes", 4, (8, 4)))
    for codes in (one, two):
        assert from_arrow(to_arrow(codes)).equals(codes)


def test_label_maps_and_odd_names_come_back():
    tokens = on_grids((1, 2), (1, 2))
    table = tokens.pictures
    maps = (LabelMap.of(np.array([[0, 0, 1], [-1, 1, 1]], np.int32)), None)
    odd = type(table)(("bad\udcff", "b"), table.sizes, table.digests, table.crops, table.views, table.grids, maps)
    tokens = tokens.with_(pictures=odd)
    assert from_arrow(to_arrow(tokens)).equals(tokens)


def test_the_suffix_decides_everywhere(tmp_path):
    tokens = rich((2, 3), (1, 1))
    for name in ("a.safetensors", "a.parquet", "shards"):
        tokens.save(tmp_path / name)
        assert Tokens.load(tmp_path / name).equals(tokens)
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet")["name"].to_pylist() == ["0.png", "1.png"]
    assert (tmp_path / "shards" / "shard-00000.safetensors").is_file()
    with pytest.raises(TokensError, match=r"\.npz"):
        tokens.save(tmp_path / "a.npz")


def test_a_dataset_comes_back_also_after_it_was_shuffled(tmp_path):
    tokens = rich((2, 3), (1, 1), (1, 2))
    dataset = to_dataset(tokens)
    assert len(dataset) == 3
    assert dataset[0]["name"] == "0.png"
    assert from_dataset(dataset).equals(tokens)
    assert from_dataset(dataset.select([2, 0])).equals(tokens[[2, 0]])


def test_other_tables_are_refused_and_named(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path)
    with pytest.raises(TokensError, match="not one of tokens") as error:
        Tokens.load(path)
    assert error.value.subject == str(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(TokensError, match="not a whole parquet file"):
        Tokens.load(path)
    whole = to_arrow(rich((2, 3)))
    with pytest.raises(TokensError):
        from_arrow(whole.drop_columns(["kind"]))
    broken = whole.set_column(whole.column_names.index("width"), "width", pyarrow.array([0]))
    with pytest.raises(TokensError, match="1 pixel"):
        from_arrow(broken)
