"""Train one of the photo vocabularies; goes on where it was stopped.

    python recipes/photo/train.py photo-fsq /tmp/photo        half an hour on one core; the others likewise

The run lies in the folder, a checkpoint every 250 steps. It is watched with two photographs that it does not learn
from, and not chosen by them: what counts is the last step.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from model import BATCH, SEED, SIDE, VOCABULARIES
from pictures import SOURCE, CropLoader

from lexel.training.data import pictures_only
from lexel.training.trainer import train

WATCHED = ("motorcycle_left.png", "rocket.jpg")  # to look at while it runs: no part of them is learned or shipped


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=VOCABULARIES)
    parser.add_argument("folder", type=Path)
    said = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    watched, made = said.folder / "watched", VOCABULARIES[said.name]
    watched.mkdir(parents=True, exist_ok=True)
    for name in WATCHED:
        shutil.copy(SOURCE / name, watched / name)
    model = made.model().train()
    model.image.to(memory_format=torch.channels_last)
    task = made.task(model, pictures_only(str(watched)))
    run = said.folder / said.name
    train(task, CropLoader(BATCH, SIDE, seed=SEED), made.settings(), run, Log(run / "log.jsonl"))


class Log:
    """A line of JSON now and then."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._start = path, time.monotonic()

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """Every hundredth."""
        if step % 100 == 0:
            self._add(step, losses | facts)

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """Each."""
        self._add(step, measures)

    def saved(self, step: int) -> None:
        """Nothing is said of it."""

    def _add(self, step: int, facts: dict[str, float]) -> None:
        seconds = round(time.monotonic() - self._start)
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": seconds, **facts}) + "\n")


if __name__ == "__main__":
    main()
