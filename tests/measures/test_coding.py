"""Streams of codes: what is written is read, at the promised length, and nothing else is read at all."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lexel.errors import BadArguments, LoadError, TokensError
from lexel.measures.coding import LEAN, ONE, RARE, Tables
from lexel.measures.contexts import Spelling, groups_of

LEVELS = (5, 3, 2)
GROUPS = np.arange(30) * 7 % 4
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)
RASTERS = arrays.arrays(np.int64, SHAPES, elements=st.integers(0, 29))


def smooth(seed, shape=(24, 31)):
    """Codes that say something about their neighbours."""
    walk = np.random.default_rng(seed).integers(-1, 2, shape).cumsum(axis=0).cumsum(axis=1)
    return np.abs(walk // 3) % 30


def fitted(groups):
    return Tables.fit([smooth(0), smooth(1)], LEVELS if groups is None else (30,), groups=groups)


TABLES = {"levels": fitted(None), "groups": fitted(GROUPS)}
both = pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)


@both
@settings(max_examples=25)
@given(raster=RASTERS)
def test_every_raster_is_read_as_it_was_written(tables, raster):
    stream = tables.encode(raster)
    back = tables.decode(stream)
    assert back.shape == raster.shape
    assert (back == raster).all()
    assert 4 <= len(stream) - tables.bits(raster) / 8 <= 8


@both
@pytest.mark.parametrize("shape", [(1, 130), (130, 1)], ids=str)
def test_long_sides_take_a_byte_more(tables, shape):
    stream = tables.encode(smooth(3, shape))
    assert (tables.decode(stream) == smooth(3, shape)).all()
    assert len(stream) <= tables.bits(smooth(3, shape)) / 8 + 9


@both
def test_large_rasters_are_written_in_parts(tables, monkeypatch):
    stream = tables.encode(smooth(2))
    monkeypatch.setattr("lexel.measures.coding.AT_ONCE", 100)
    assert tables.encode(smooth(2)) == stream


@both
def test_what_was_seen_in_training_takes_fewer_bits_than_fixed_codes(tables):
    assert tables.bits(smooth(5)) < 0.7 * 5 * smooth(5).size


def test_groups_are_counted_by_the_left_the_upper_and_the_upper_right_one():
    raster = smooth(6, (6, 7)) % 6
    tables = Tables.fit([raster], (6,), groups=np.arange(6) % 3)
    symbol, size, table = raster % 3, 3, tables.frequencies[0]
    seen = []
    for row, column in np.ndindex(raster.shape):
        left = symbol[row, column - 1] if column else size
        up = symbol[row - 1, column] if row else size
        inside = row and column + 1 < raster.shape[1]
        third = symbol[row - 1, column + 1] * 3 // size if inside else 3
        seen.append(((left, up, third), symbol[row, column]))
    for context in np.ndindex(table.shape[:-1]):
        assert (table[context] == counted(seen, context, size)).all()


def counted(seen, context, size):
    """Frequencies of (context, symbol) pairs in one context, as they are defined."""
    share = np.full(size, 1 / size)
    for depth in range(len(context) + 1):
        count = np.bincount([s for c, s in seen if c[:depth] == context[:depth]], minlength=size)
        share = (count + LEAN * share) / (count.sum() + LEAN)
    return np.maximum(np.rint(share / share.max() * ONE), max(1, RARE // size))


def test_members_of_a_group_are_counted_by_the_first_neighbour_of_their_group():
    raster = np.array([[0, 2, 3], [1, 3, 0], [2, 1, 3]])
    tables = Tables.fit([raster], (4,), groups=np.array([0, 0, 1, 1]))
    groups, members = raster // 2, raster % 2
    seen = []
    for row, column in np.ndindex(raster.shape):
        near = 2
        for r, c in ((row, column - 1), (row - 1, column), (row - 1, column + 1)):
            if r >= 0 and 0 <= c < 3 and groups[r, c] == groups[row, column]:
                near = members[r, c]
                break
        seen.append(((groups[row, column], near), members[row, column]))
    table = tables.frequencies[1]
    for context in np.ndindex(table.shape[:-1]):
        assert (table[context] == counted(seen, context, 2)).all()


@both
@settings(max_examples=15)
@given(data=st.data())
def test_a_stream_that_was_cut_or_changed_is_refused(tables, data):
    stream = tables.encode(smooth(7, (5, 6)))
    at = data.draw(st.integers(0, len(stream) - 1))
    change = data.draw(st.integers(1, 255))
    changed = stream[:at] + bytes([stream[at] ^ change]) + stream[at + 1 :]
    for broken in (changed, stream[:at]):
        with pytest.raises(TokensError, match=r"not a whole stream|cannot hold"):
            tables.decode(broken)


def test_a_short_stream_that_claims_a_large_raster_is_refused_at_once():
    stream = b"\xff\xff\xff\xff" + bytes(range(1, 100))
    for tables in TABLES.values():
        with pytest.raises(TokensError, match="a stream of 99 bytes cannot hold 32767 × 32767 codes"):
            tables.decode(stream)


def test_a_stream_of_other_tables_is_refused():
    other = Tables.fit([29 - smooth(0)], LEVELS)
    with pytest.raises(TokensError, match="of these tables"):
        other.decode(TABLES["levels"].encode(smooth(8)))


@both
def test_codes_out_of_range_are_refused(tables):
    for use in (tables.encode, tables.bits):
        for code in (30, -1):
            with pytest.raises(TokensError, match="rasters of codes are"):
                use(np.array([[0, code]]))


def test_a_stream_is_the_same_bytes_everywhere():
    assert Tables.fit([], (3, 3)).encode(np.arange(9).reshape(3, 3)).hex() == "03032e914405b83a17"


def test_codes_that_are_no_raster_are_refused():
    with pytest.raises(TokensError, match="rasters of codes are"):
        Spelling(LEVELS).spelled(np.array([1, 2]))


def test_a_side_that_the_head_cannot_hold_is_refused():
    with pytest.raises(TokensError, match="sides up to 32,767 codes, not 32,768"):
        TABLES["levels"].encode(np.zeros((32_768, 0), int))


@pytest.mark.parametrize("levels", [(), (1, 4), (65,), (64,) * 11], ids=str)
def test_levels_that_have_no_table_are_refused(levels):
    with pytest.raises(BadArguments, match="each level is 2 to 64"):
        Tables.fit([], levels)


@pytest.mark.parametrize("groups", [[0, 0, 0], [0, 2, 2], [-1, 0, 1], [0, 1]], ids=str)
def test_groups_that_are_not_of_the_codes_are_refused(groups):
    with pytest.raises(BadArguments, match="no 2 to 64 groups"):
        Tables.fit([], (3,), groups=np.array(groups))


@both
def test_tables_are_saved_and_loaded_with_the_same_bytes(tables, tmp_path):
    tables.save(tmp_path / "one.safetensors")
    loaded = Tables.load(tmp_path / "one.safetensors")
    loaded.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert (loaded.decode(tables.encode(smooth(9))) == smooth(9)).all()


def test_files_that_are_no_tables_are_refused_by_name(tmp_path):
    from safetensors.numpy import load_file, save_file

    said = {"lexel": '{"lexel.coding": 1}'}
    TABLES["levels"].save(tmp_path / "whole.safetensors")
    whole = load_file(tmp_path / "whole.safetensors")
    wrong = {
        "absent": None,
        "empty": b"",
        "unnamed": (whole, None),
        "newer": (whole, {"lexel": '{"lexel.coding": 2}'}),
        "narrow": (whole | {"frequencies.0": whole["frequencies.0"][:3]}, said),
        "zero": (whole | {"frequencies.0": whole["frequencies.0"] * np.uint16(0)}, said),
        "floats": (whole | {"frequencies.0": whole["frequencies.0"].astype(np.float32)}, said),
        "scalar": (whole | {"frequencies.0": np.array(1, np.uint16)}, said),
        "weightless": ({name: x for name, x in whole.items() if name != "spread"}, said),
        "short": (whole | {"centre": whole["centre"][:, 1:]}, said),
        "both": (whole | {"groups": GROUPS.astype(np.uint16)}, said),
        "none": ({"groups": np.array([0, 1], np.uint16)}, said),
    }
    for name, content in wrong.items():
        path = tmp_path / f"{name}.safetensors"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            save_file(content[0], path, metadata=content[1])
        with pytest.raises(LoadError, match=f"{name}.safetensors: .*tables of codes"):
            Tables.load(path)


def test_groups_halve_the_codebook_where_it_differs_most():
    codebook = np.array([[9.0, 0], [0, 0], [3, 1], [6, 1], [1, 1], [8, 0], [4, 0], [5, 0]])
    assert groups_of(codebook, 4).tolist() == [3, 0, 1, 2, 0, 3, 1, 2]
    assert np.bincount(groups_of(np.random.default_rng(0).normal(size=(100, 3)), 8)).tolist() == [13, 12] * 4


def test_tables_need_no_torch():
    code = "import sys; import lexel.measures.coding as c, numpy as np; t = c.Tables.fit([], (3, 3)); "
    code += "assert (t.decode(t.encode(np.eye(3, dtype=int))) == np.eye(3)).all() and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
