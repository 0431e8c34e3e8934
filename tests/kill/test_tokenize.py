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
out, moment = Path(sys.argv[1]), int(sys.argv[2])
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
from tests.runs.test_manifest import JOB, PATCH, read
from lexel.runs.manifest import tokenize
tokenize(read([True, False, True, True, True, False, True]), PATCH, out, JOB, shard_pictures=2)
print(steps)
"""


def job(out, moment):
    return subprocess.run([sys.executable, "-c", JOB, out, str(moment)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a job that nobody killed; it took more than twenty steps."""
    folder = tmp_path_factory.mktemp("whole")
    done = job(folder / "out", 0)
    assert int(done.stdout) >= 20, done.stderr
    return folder


@pytest.mark.parametrize("moment", range(1, 21))
def test_a_killed_job_goes_on_to_the_same_bytes(tmp_path, whole, moment):
    assert job(tmp_path / "out", moment).returncode == -signal.SIGKILL
    assert job(tmp_path / "out", 0).returncode == 0
    assert everything(tmp_path) == everything(whole)
