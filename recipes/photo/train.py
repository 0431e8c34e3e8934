"""Train one of the photo vocabularies; goes on where it was stopped.

    python recipes/photo/train.py photo-fsq runs        81 minutes on one busy core
    python recipes/photo/train.py photo-vq runs         25 minutes, from what photo-fsq learned
    python recipes/photo/train.py photo-vae runs        17 minutes, likewise

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

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.training import state
from lexel.training.data import pictures_only
from lexel.training.reconstruct import ReconstructionTask
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
    begin(model, said.folder, made.start)
    model.image.to(memory_format=torch.channels_last)
    for stage in made.stages:
        run = said.folder / said.name / stage.name
        task = ReconstructionTask(model, pictures_only(str(watched)), weights=stage.weights)
        train(task, CropLoader(BATCH, SIDE, seed=SEED), stage.settings(), run, Log(run / "log.jsonl"))


def begin(model: Autoencoder, folder: Path, start: str) -> None:
    """The layers of another vocabulary where they fit: all but those beside the codes."""
    if start:
        found = state.newest(folder / start)
        assert found is not None, f"train {start} first"
        own = model.state_dict()
        fitting = {key: value for key, value in found.weights().items() if own.get(key, value[:0]).shape == value.shape}
        model.load_state_dict(own | fitting)


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
