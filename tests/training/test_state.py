"""Checkpoints: whole or absent, and the newest whole one counts."""

import json
import os
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
import os, signal, sys
from pathlib import Path
moment, steps = int(sys.argv[2]), 0
def counted(step):
    def run(*arguments, **settings):
        global steps
        steps += 1
        if steps == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **settings)
    return run
os.fsync, Path.replace, Path.write_text = counted(os.fsync), counted(Path.replace), counted(Path.write_text)
import torch
from lexel.training import state
for step in (1, 2, 3):
    state.save(Path(sys.argv[1]), step, {"model": {"w": torch.full((4,), float(step))}}, {}, keep=2)
print(steps)
"""


def test_a_save_that_is_killed_at_any_moment_leaves_a_whole_newest_step(tmp_path):
    """Every other moment; each child costs a second of importing torch."""
    moments = int(saver(tmp_path / "whole", 0).stdout)
    assert moments >= 15
    for moment in range(6, moments, 3):
        run = tmp_path / str(moment)
        assert saver(run, moment).returncode == -signal.SIGKILL
        found = state.newest(run)
        assert found.tensors("model")["w"].tolist() == [found.step] * 4
        assert saver(run, 0).returncode == 0
        assert state.newest(run).step == 3
        assert not list(run.glob(".partial-*"))


def saver(run, moment):
    environment = {**os.environ, "LEXEL_PLUGINS": "0"}
    command = [sys.executable, "-c", SAVER, run, str(moment)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_facts_are_for_people_too(tmp_path):
    state.save(tmp_path, 1, parts(1), {"seed": 7}, keep=0)
    said = json.loads((tmp_path / "step-00000001" / "state.json").read_text())
    assert said["facts"] == {"seed": 7}
    assert set(said["files"]) == {"model.safetensors", "optimizer.safetensors"}
