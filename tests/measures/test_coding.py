"""Streams of codes: what is written is read, at the promised length, and nothing else is read at all."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lexel.errors import BadArguments, LoadError, TokensError
from lexel.measures.coding import Tables

LEVELS = (5, 3, 2)
CODEBOOK = np.stack([np.arange(30) // 3, np.arange(30) % 3 * 2, np.cos(np.arange(30))], axis=1)
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)
RASTERS = arrays.arrays(np.int64, SHAPES, elements=st.integers(0, 29))


def smooth(seed, shape=(24, 31)):
    """Codes that say something about their neighbours."""
    walk = np.random.default_rng(seed).integers(-1, 2, shape).cumsum(axis=0).cumsum(axis=1)
    return np.abs(walk // 3) % 30


TABLES = {
    "levels": Tables.fit([smooth(0), smooth(1)], LEVELS),
    "codebook": Tables.fit([smooth(0), smooth(1)], codebook=CODEBOOK),
    "levels, of nothing": Tables.fit([], LEVELS),
    "codebook, of nothing": Tables.fit([], codebook=CODEBOOK),
}
each = pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES)
both = pytest.mark.parametrize("tables", list(TABLES.values())[:2], ids=list(TABLES)[:2])


@each
@settings(max_examples=12)
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
def test_what_was_seen_in_training_takes_fewer_bits_than_fixed_codes(tables):
    assert tables.bits(smooth(5)) < 0.7 * 5 * smooth(5).size


@both
@settings(max_examples=10)
@given(data=st.data())
def test_a_stream_that_was_cut_or_changed_is_refused(tables, data):
    stream = tables.encode(smooth(7, (5, 6)))
    at = data.draw(st.integers(0, len(stream) - 1))
    change = data.draw(st.integers(1, 255))
    changed = stream[:at] + bytes([stream[at] ^ change]) + stream[at + 1 :]
    for broken in (changed, stream[:at]):
        with pytest.raises(TokensError, match=r"not a whole stream|cannot hold"):
            tables.decode(broken)


@each
@settings(max_examples=12)
@given(stream=st.binary(max_size=40))
def test_bytes_that_are_no_stream_are_refused(tables, stream):
    with pytest.raises(TokensError, match=r"not a whole stream|cannot hold"):
        tables.decode(stream)


@both
def test_what_ends_early_is_refused_where_it_ends(tables, monkeypatch):
    """A raster of a million codes that a stream of some bytes can just claim is not read to its end."""
    monkeypatch.setattr(type(tables.likely), "least", 1e-9)
    stream = b"\x83\xe8\x83\xe8" + tables.encode(smooth(7, (5, 6)))[2:]
    read = []
    rows = type(tables.likely).rows
    monkeypatch.setattr(type(tables.likely), "rows", lambda *a: read.append(a[3].shape[1]) or rows(*a))
    with pytest.raises(TokensError, match="not a whole stream"):
        tables.decode(stream)
    assert sum(read) < 1000


@each
def test_a_short_stream_that_claims_a_large_raster_is_refused_at_once(tables):
    stream = b"\xff\xff\xff\xff" + bytes(range(1, 100))
    with pytest.raises(TokensError, match="a stream of 99 bytes cannot hold 32767 × 32767 codes"):
        tables.decode(stream)


def test_a_stream_of_other_tables_is_refused():
    for name, other in {
        "levels": Tables.fit([29 - smooth(0)], LEVELS),
        "codebook": Tables.fit([29 - smooth(0)], codebook=CODEBOOK),
    }.items():
        with pytest.raises(TokensError, match="of these tables"):
            other.decode(TABLES[name].encode(smooth(8)))


@both
def test_codes_out_of_range_are_refused(tables):
    for use in (tables.encode, tables.bits):
        for code in (30, -1):
            with pytest.raises(TokensError, match="rasters of codes are"):
                use(np.array([[0, code]]))


@both
def test_codes_that_are_no_raster_are_refused(tables):
    with pytest.raises(TokensError, match="rasters of codes are"):
        tables.likely.spelling.spelled(np.array([1, 2]))


def test_a_stream_is_the_same_bytes_everywhere():
    raster = np.arange(9).reshape(3, 3)
    assert Tables.fit([], (3, 3)).encode(raster).hex() == "03032e914405b83a17"
    assert Tables.fit([], codebook=np.eye(9)).encode(raster).hex() == "03034bee0373ae0449"


def test_a_side_that_the_head_cannot_hold_is_refused():
    with pytest.raises(TokensError, match="sides up to 32,767 codes, not 32,768"):
        TABLES["levels"].encode(np.zeros((32_768, 0), int))


@pytest.mark.parametrize("levels", [(), (1, 4), (65,), (64,) * 11], ids=str)
def test_levels_that_have_no_table_are_refused(levels):
    with pytest.raises(BadArguments, match="each level is 2 to 64"):
        Tables.fit([], levels)


def test_a_codebook_that_is_none_is_refused():
    for codebook in (np.ones((1, 3)), np.ones((3, 0)), np.full((3, 2), np.nan), np.ones((65_537, 1))):
        with pytest.raises(BadArguments, match="2 to 65,536 finite vectors"):
            Tables.fit([], codebook=codebook)
    with pytest.raises(BadArguments, match="without levels"):
        Tables.fit([], (3, 3), codebook=np.eye(9))


@each
def test_tables_are_saved_and_loaded_with_the_same_bytes(tables, tmp_path):
    tables.save(tmp_path / "one.safetensors")
    loaded = Tables.load(tmp_path / "one.safetensors")
    loaded.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert (loaded.decode(tables.encode(smooth(9))) == smooth(9)).all()


def test_files_that_are_no_tables_are_refused_by_name(tmp_path):
    from safetensors.numpy import load_file, save_file

    said = {"lexel": '{"lexel.coding": 1}'}
    levels, learned = (
        load_file(_saved(TABLES[name], tmp_path / f"whole-{name}.safetensors")) for name in ("levels", "codebook")
    )
    wrong = {
        "absent": None,
        "empty": b"",
        "unnamed": (levels, None),
        "newer": (levels, {"lexel": '{"lexel.coding": 2}'}),
        "narrow": (levels | {"frequencies.0": levels["frequencies.0"][:3]}, said),
        "zero": (levels | {"frequencies.0": levels["frequencies.0"] * np.uint16(0)}, said),
        "floats": (levels | {"frequencies.0": levels["frequencies.0"].astype(np.float32)}, said),
        "scalar": (levels | {"frequencies.0": np.array(1, np.uint16)}, said),
        "weightless": ({name: x for name, x in levels.items() if name != "spread"}, said),
        "short": (levels | {"centre": levels["centre"][:, 1:]}, said),
        "both": (levels | {"codebook": learned["codebook"]}, said),
        "none": ({"codebook": learned["codebook"]}, said),
        "few": (learned | {"codes": learned["codes"][1:]}, said),
        "one": ({name: x[:1] if name in ("codebook", "codes") else x for name, x in learned.items()}, said),
        "wide": (learned | {"near": learned["near"].astype(np.int32)}, said),
        "unlike": (learned | {"centre": learned["centre"][1:]}, said),
    }
    for name, content in wrong.items():
        path = tmp_path / f"{name}.safetensors"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            save_file({key: np.ascontiguousarray(x) for key, x in content[0].items()}, path, metadata=content[1])
        with pytest.raises(LoadError, match=f"{name}.safetensors: .*tables of codes"):
            Tables.load(path)


def _saved(tables, path):
    tables.save(path)
    return path


def test_tables_need_no_torch():
    code = "import sys; import lexel.measures.coding as c, numpy as np; t = c.Tables.fit([], (3, 3)); "
    code += "assert (t.decode(t.encode(np.eye(3, dtype=int))) == np.eye(3)).all() and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
