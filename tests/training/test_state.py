"""Checkpoints: whole or absent, and the newest whole one counts."""

import json
import signal
import subprocess
import sys

import pytest
import torch

from lexel.errors import OutputError
from lexel.training import state


def parts(step):
    draw = torch.Generator().manual_seed(step)
    return {"model": {"w": torch.randn(3, 4, generator=draw)}, "optimizer": {"m": torch.full((2,), float(step))}}


def test_what_is_saved_is_what_is_found(tmp_path):
    assert state.newest(tmp_path) is None
    for step in (1, 2, 30):
        state.save(tmp_path, step, parts(step), {"samples": 64 * step}, keep=0)
    found = state.newest(tmp_path)
    assert (found.step, found.facts) == (30, {"samples": 1920})
    assert torch.equal(found.tensors("model")["w"], parts(30)["model"]["w"])
    assert found.tensors("optimizer")["m"].tolist() == [30, 30]
    assert (tmp_path / "newest").read_text() == "step-00000030\n"


def test_only_the_newest_are_kept_and_the_order_is_that_of_numbers(tmp_path):
    for step in (5, 99_999_999, 100_000_000):
        state.save(tmp_path, step, parts(step), {}, keep=2)
    assert sorted(p.name for p in tmp_path.glob("step-*")) == ["step-100000000", "step-99999999"]
    assert state.newest(tmp_path).step == 100_000_000


@pytest.mark.parametrize(
    ("file", "spoil", "why"),
    [
        ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not what was written"),
        ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "is not what was written"),
        ("optimizer.safetensors", lambda path: path.unlink(), "cannot be read"),
        ("state.json", lambda path: path.unlink(), "cannot be read"),
        ("state.json", lambda path: path.write_text("{"), "is not sound"),
        ("state.json", lambda path: path.write_text('{"step": 2}'), "is not sound"),
        ("state.json", lambda path: path.write_text("[]"), "is not sound"),
    ],
)
def test_a_step_that_is_not_whole_is_passed_over_with_a_warning(tmp_path, file, spoil, why):
    for step in (1, 2):
        state.save(tmp_path, step, parts(step), {}, keep=0)
    spoil(tmp_path / "step-00000002" / file)
    with pytest.warns(UserWarning, match=rf"step-00000002 \(the newest\) is passed over: .*{why}"):
        assert state.newest(tmp_path).step == 1
    state.save(tmp_path, 2, parts(2), {}, keep=0)
    assert state.newest(tmp_path).step == 2


def test_a_step_that_is_there_and_whole_stays(tmp_path):
    state.save(tmp_path, 1, parts(1), {"first": True}, keep=0)
    before = (tmp_path / "step-00000001" / "state.json").stat().st_mtime_ns
    state.save(tmp_path, 1, parts(7), {"first": False}, keep=0)
    assert (tmp_path / "step-00000001" / "state.json").stat().st_mtime_ns == before


def test_a_disk_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(OutputError):
        state.save(tmp_path / "run", 1, parts(1), {}, keep=0)


SAVER = """
import json, os, signal, sys
from pathlib import Path
import torch
from lexel.training import state

steps = 0

def counted(step, moment):
    def run(*arguments, **settings):
        global steps
        steps += 1
        if steps == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **settings)
    return run

def save(folder, moment):
    os.fsync, Path.replace, Path.write_text = (counted(f, moment) for f in (os.fsync, Path.replace, Path.write_text))
    for step in (1, 2, 3):
        state.save(Path(folder), step, {"model": {"w": torch.full((4,), float(step))}}, {}, keep=2)
    Path(folder).with_suffix(".steps").touch()
    os.truncate(Path(folder).with_suffix(".steps"), steps)  # its size is the answer

for folder, moment in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        save(folder, moment)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def saves(*runs):
    """Save three steps in a process a run, each killed at its moment; the exit statuses."""
    said = json.dumps([(str(folder), moment) for folder, moment in runs])
    ran = subprocess.run([sys.executable, "-c", SAVER, said], stdout=subprocess.PIPE, text=True, check=True)
    return [int(status) for status in ran.stdout.split()]


def test_a_save_that_is_killed_at_any_moment_leaves_a_whole_newest_step(tmp_path):
    assert saves((tmp_path / "whole", 0)) == [0]
    moments = (tmp_path / "whole.steps").stat().st_size
    assert moments >= 15
    runs = [tmp_path / str(moment) for moment in range(6, moments)]  # from when the first step is there
    assert set(saves(*((run, int(run.name)) for run in runs))) == {-signal.SIGKILL}
    for run in runs:
        found = state.newest(run)
        assert found.tensors("model")["w"].tolist() == [found.step] * 4
    assert set(saves(*((run, 0) for run in runs))) == {0}
    for run in runs:
        assert state.newest(run).step == 3
        assert not list(run.glob(".partial-*"))


def test_facts_are_for_people_too(tmp_path):
    state.save(tmp_path, 1, parts(1), {"seed": 7}, keep=0)
    said = json.loads((tmp_path / "step-00000001" / "state.json").read_text())
    assert said["facts"] == {"seed": 7}
    assert set(said["files"]) == {"model.safetensors", "optimizer.safetensors"}
