"""Processes that torchrun started train together and leave the model that one process leaves."""

import io
import os
import subprocess
import sys

import numpy as np
from training.shapes import begin, draw, told

from lexel.drawing.terminal import console
from lexel.loading.load import load
from lexel.settings import Settings
from lexel.training.run import run

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
TEXTS = ["a red circle on blue", "bar, green, yellow"]


def test_two_processes_leave_the_model_of_one(tmp_path):
    shapes = draw(tmp_path / "shapes")
    alone, together = (begin("clip", tmp_path / name, shapes, epochs=1.0) for name in ("alone", "together"))
    run(alone, console(Settings(tmp_path, tmp_path), io.StringIO()))
    done = subprocess.run(
        [*TORCHRUN, "-m", "lexel", "train", str(together)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{together}/model\n", done.stderr
    assert done.stderr.count("result  ") == 1  # one of them talks
    assert [line["step"] for line in told(together)] == [line["step"] for line in told(alone)]
    one, two = (load(folder / "model").embed(TEXTS) for folder in (alone, together))
    assert np.allclose(one, two, atol=0.01)  # that every step is the same to 1e-6 has a test of the trainer's
