"""What journeys share: a folder with a few small pictures, and the command as a user runs it.

`LEXEL_COMMAND` names another lexel to travel with, such as the one of an installed wheel.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMAND = shlex.split(os.environ.get("LEXEL_COMMAND", "")) or [
    sys.executable,
    "-c",
    "from lexel.cli.app import main; main()",
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder to stand in, with `photos/`: three pictures, one that is cut, one text."""
    monkeypatch.chdir(tmp_path)
    photos = Path("photos")
    photos.mkdir()
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (32, 48), "b.png": (20, 20), "c.jpg": (64, 64)}.items():
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(photos / name)
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:-30])
    (photos / "notes.txt").write_text("not a picture")
    return tmp_path


@pytest.fixture
def inject(tmp_path):
    """Run code in the command's process before it starts; answers the environment that does it."""

    def environment(code):
        (tmp_path / "sitecustomize.py").write_text(code)
        return {"PYTHONPATH": str(tmp_path)}

    return environment


@pytest.fixture
def lexel(desk):
    """Run the command; answers (exit status, stdout, stderr); stdout as bytes where `binary`."""

    def run(*arguments, stdin=b"", before=None, binary=False, **environment):
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            preexec_fn=before,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout if binary else done.stdout.decode(), done.stderr.decode()

    return run
