"""A job that is killed at any step and run again writes the bytes of one that was not."""

import signal
import subprocess
import sys

import pytest

from tests.runs.test_manifest import everything

# Counts what reaches the disk (each fsync, each rename) and kills its own process at the given one.
JOB = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
out, moment, form = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
steps = 0
def counted(step):
    def run(*arguments, **settings):
        global steps
        steps += 1
        if steps == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **settings)
    return run
os.fsync, Path.replace = counted(os.fsync), counted(Path.replace)
from tests.runs.test_manifest import JOB, MEAN, PATCH, read
from lexel.runs.manifest import tokenize
from lexel.runs.vectors import Vectors
from lexel.tokens.stream import Shards
work, form = {"tokens": (PATCH, Shards), "vectors": (MEAN, Vectors)}[form]
tokenize(read([True, False, True, True, True, False, True]), work, out, JOB, form=form, shard_pictures=2)
print(steps)
"""


def job(out, moment, form):
    command = [sys.executable, "-c", JOB, out, str(moment), form]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folders of jobs that nobody killed; each took more than twenty steps."""
    folders = {form: tmp_path_factory.mktemp(form) for form in ("tokens", "vectors")}
    for form, folder in folders.items():
        done = job(folder / "out", 0, form)
        assert int(done.stdout) >= 20, done.stderr
    return folders


@pytest.mark.parametrize("form", ["tokens", "vectors"])
@pytest.mark.parametrize("moment", range(1, 21))
def test_a_killed_job_goes_on_to_the_same_bytes(tmp_path, whole, moment, form):
    assert job(tmp_path / "out", moment, form).returncode == -signal.SIGKILL
    assert job(tmp_path / "out", 0, form).returncode == 0
    assert everything(tmp_path) == everything(whole[form])
