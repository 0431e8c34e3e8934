"""Checkpoints made to harm: every one is refused by name, nothing in them runs, nothing crashes."""

import builtins
import io
import json
import os
import pathlib
import pickle
import runpy
import struct
import subprocess
import zipfile

import pytest

from lexel.errors import LexelError, LoadError, UnsafeFile
from lexel.loading.convert import convert
from lexel.loading.load import load

CONFIG = {"model_type": "clip", "vision_config": {}, "text_config": {}}
CALLS = {
    "os_system": (os.system, lambda canary: (f"touch {canary}",)),
    "os_popen": (os.popen, lambda canary: (f"touch {canary}",)),
    "exec": (builtins.exec, lambda canary: (f"open({canary!r}, 'w')",)),
    "eval": (builtins.eval, lambda canary: (f"open({canary!r}, 'w')",)),
    "open": (builtins.open, lambda canary: (canary, "w")),
    "subprocess": (subprocess.call, lambda canary: (["touch", canary],)),
    "runpy": (runpy.run_path, lambda canary: (f"{canary}.none",)),
    "pathlib": (pathlib.Path, lambda canary: (canary,)),
}


class Call:
    """An object that is a call when it is unpickled."""

    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def zipped(data, name="archive/data.pkl", more=()):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in [(name, data), ("archive/version", b"3\n"), ("archive/byteorder", b"little"), *more]:
            archive.writestr(member, content)
    return file.getvalue()


def npy(data):
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def pickles(canary):
    """Pickles that make `canary` if they run, in every wrapping that checkpoints come in."""
    for name, (function, arguments) in CALLS.items():
        call = Call(function, arguments(canary))
        for protocol in (0, 2, 4):
            yield f"{name}_{protocol}.pkl", pickle.dumps({"state_dict": call}, protocol)
        yield f"{name}.pt", zipped(pickle.dumps({"w": call}, 2))
        yield f"{name}.metadata", pickle.dumps(call, 4)
        yield f"{name}.npy", npy(pickle.dumps(call, 4))
    yield "case.pt", zipped(pickle.dumps({"w": Call(*_first(canary))}, 0), "archive/DATA.PKL")
    yield "bomb.pt", zipped(pickle.dumps({}, 2), more=[("archive/data/0", b"\0" * (1 << 22))])
    yield "memo.pkl", b"\x80\x02" + b"(lq\x00" + b"(h\x00h\x00lq\x00" * 2000 + b"."
    yield "long.pkl", b"\x80\x02\x8b\xff\xff\xff\x7f."
    yield "cut.pkl", pickle.dumps({"a": 1})[:-3]
    yield "empty.pt", b""


def _first(canary):
    function, arguments = CALLS["os_system"]
    return function, arguments(canary)


def framed(header, body=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def tensor(dtype="F32", shape=(2, 2), span=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(span)}


ZEROS = b"\0" * 16
W = {"w": tensor()}
BROKEN = {
    "huge_header": framed(W, length=2**63),
    "large_header": framed(b" " * (101 << 20)),
    "no_header": framed(b""),
    "seven_bytes": b"\0" * 7,
    "not_json": framed(b"{not json"),
    "deep_json": framed(b"[" * 100_000),
    "twice": framed(b'{"w":%s,"w":%s}' % ((json.dumps(tensor()).encode(),) * 2), ZEROS * 2),
    "overlap": framed({"a": tensor(), "b": tensor(span=(8, 24))}, b"\0" * 24),
    "hole": framed({"a": tensor(), "b": tensor(span=(32, 48))}, b"\0" * 48),
    "trailing": framed(W, b"\0" * 99),
    "negative": framed({"w": tensor(shape=(-2, 2))}, ZEROS),
    "overflow": framed({"w": tensor(shape=(2**62, 8))}, ZEROS),
    "dtype": framed({"w": tensor("X9")}, ZEROS),
    "size": framed({"w": tensor(shape=(3, 3))}, ZEROS),
    "past_end": framed({"w": tensor(span=(0, 1 << 40))}),
    "reversed": framed({"w": tensor(span=(16, 0))}, ZEROS),
    "metadata": framed({"__metadata__": {"a": 1}, **W}, ZEROS),
    "pickle_behind": framed(W, ZEROS) + pickle.dumps(1),
    "zip_behind": framed(W, ZEROS) + zipped(b"x"),
}
STRANGE = {
    "one_tensor": framed(W, ZEROS),
    "nan": framed(W, struct.pack("<4f", *[float("nan")] * 4)),
    "traversal": framed({"../../w": tensor()}, ZEROS),
    "nul": framed({"w\0x": tensor()}, ZEROS),
    "no_tensor": framed({}),
}


@pytest.fixture
def canary(tmp_path):
    """A path that exists only if something ran."""
    path = tmp_path / "canary"
    yield str(path)
    assert not path.exists()


def test_every_pickle_is_refused_by_name_and_runs_nothing(tmp_path, canary):
    for name, data in pickles(canary):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnsafeFile, match=name):
            load(tmp_path / name)
        with pytest.raises(LoadError, match=name):
            convert(tmp_path / name, tmp_path / "converted")
        assert not (tmp_path / "converted").exists(), name


def test_a_folder_of_pickles_alone_is_refused_by_the_name_of_the_first(tmp_path, canary):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Call(*_first(canary))))
    with pytest.raises(UnsafeFile, match=r"pytorch_model\.bin: may hold a pickle"):
        load(tmp_path)


@pytest.mark.parametrize("name", BROKEN | STRANGE)
def test_a_hostile_safetensors_file_is_refused_by_name(name, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors").write_bytes((BROKEN | STRANGE)[name])
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(LoadError, match=r"model\.safetensors|config\.json"):
            load(path)


@pytest.mark.parametrize("shard", ["../../../../etc/passwd", "/etc/passwd", "..", "", "a/b.safetensors"])
def test_an_index_that_points_out_of_its_folder_is_refused(shard, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": shard}}))
    with pytest.raises(LoadError, match=r"model\.safetensors\.index\.json: names a shard outside its folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1]",
        json.dumps({"vision": {"width": 10**9, "layers": 10**6}}).encode(),
        json.dumps({"model_type": "clip", "vision_config": {"num_hidden_layers": 10**6}}).encode(),
        json.dumps({"model_type": "clip", "vision_config": {"hidden_size": 10**9}}).encode(),
        json.dumps({"model_type": "clip", "vision_config": {"hidden_size": -1}}).encode(),
        json.dumps({"model_type": "clip", "vision_config": {"patch_size": 0}}).encode(),
        json.dumps({"model_type": "clip", "vision_config": []}).encode(),
        json.dumps({"model_type": ["clip"]}).encode(),
        b'{"model_type": "clip", "vision_config": {"layer_norm_eps": 1e999}}',
    ],
)
def test_a_config_without_sense_is_refused_by_name(config, tmp_path):
    marks = {"vision_model.embeddings.class_embedding": tensor()}
    (tmp_path / "model.safetensors").write_bytes(framed(marks, ZEROS))
    (tmp_path / "config.json").write_bytes(config)
    with pytest.raises(LoadError, match=r"config\.json"):
        load(tmp_path)


def test_a_pipe_under_the_name_of_a_model_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(LexelError):
            load(path)
