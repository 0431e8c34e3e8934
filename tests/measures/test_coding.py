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
@settings(max_examples=40)
@given(raster=RASTERS)
def test_every_raster_is_read_as_it_was_written(tables, raster):
    stream = tables.encode(raster)
    back = tables.decode(stream)
    assert back.shape == raster.shape
    assert (back == raster).all()
    assert 4 <= len(stream) - tables.bits(raster) / 8 <= 8


@both
def test_large_rasters_and_long_sides_are_read_as_they_were_written(tables):
    for raster in (smooth(2, (130, 300)), smooth(3, (1, 299)), smooth(4, (299, 1))):
        stream = tables.encode(raster)
        assert (tables.decode(stream) == raster).all()
        assert len(stream) <= tables.bits(raster) / 8 + 10


@both
def test_what_was_seen_in_training_takes_fewer_bits_than_fixed_codes(tables):
    assert tables.bits(smooth(5)) < 0.7 * 5 * smooth(5).size


def test_frequencies_equal_the_literal_count():
    raster = smooth(6, (6, 7)) % 6
    tables = Tables.fit([raster], (3, 2))
    digits = (raster % 3, raster // 3)
    for symbol, size, table in zip(digits, (3, 2), tables.frequencies, strict=True):
        seen = []
        for row, column in np.ndindex(raster.shape):
            left = symbol[row, column - 1] if column else size
            up = symbol[row - 1, column] if row else size
            inside = row and column + 1 < raster.shape[1]
            third = symbol[row - 1, column + 1] * 3 // size if inside else 3
            seen.append(((left, up, third), symbol[row, column]))
        for context in np.ndindex(table.shape[:-1]):
            share = np.full(size, 1 / size)
            for depth in range(4):
                count = np.bincount([s for c, s in seen if c[:depth] == context[:depth]], minlength=size)
                share = (count + LEAN * share) / (count.sum() + LEAN)
            scaled = np.maximum(np.rint(share / share.max() * ONE), RARE // size)
            assert (table[context] == scaled).all()


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
        share = np.full(2, 1 / 2)
        for depth in range(3):
            count = np.bincount([s for c, s in seen if c[:depth] == context[:depth]], minlength=2)
            share = (count + LEAN * share) / (count.sum() + LEAN)
        assert (table[context] == np.maximum(np.rint(share / share.max() * ONE), RARE // 2)).all()


@both
@settings(max_examples=30)
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
    from safetensors.numpy import save_file

    said = {"lexel": '{"lexel.coding": 1}'}
    table = np.ones((4, 4, 4, 3), np.uint16)
    wrong = {
        "absent": None,
        "empty": b"",
        "unnamed": {"frequencies.0": table},
        "newer": ({"frequencies.0": table}, {"lexel": '{"lexel.coding": 2}'}),
        "narrow": ({"frequencies.0": table[:3]}, said),
        "zero": ({"frequencies.0": table * np.uint16(0)}, said),
        "none": ({"groups": np.array([0, 1], np.uint16)}, said),
        "floats": ({"frequencies.0": table.astype(np.float32)}, said),
        "scalar": ({"frequencies.0": np.array(1, np.uint16)}, said),
    }
    for name, content in wrong.items():
        path = tmp_path / f"{name}.safetensors"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, dict):
            save_file(content, path)
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
