"""Train the toy in two runs of `lexel.training.trainer`, on one core, as emoji.toml says.

    python train.py drawings run            again after it was killed: it goes on

    run/vocabulary   learned from the captions
    run/drawings     the image tower learns to tell 1,911 drawings apart, restyled ever harder
    run/words        the image tower is locked; the text tower learns what 28 languages call each drawing (LiT)
    run/model        what comes out

log.jsonl beside the checkpoints of a run says how it went.
"""

import argparse
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import torch
from drawings import Captioned, Captions, Drawings, Views
from model import Named, NamedTask, WordsTask, new, remembered

import lexel
from lexel.training import fresh
from lexel.training.trainer import Ended, Settings, train

EVERY = {"drawings": 500, "words": 250}  # steps between checkpoints, which are measurements too


def main() -> None:
    """Both runs, each from where it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="what prepare.py wrote")
    parser.add_argument("run", type=Path)
    said = parser.parse_args()
    config = tomllib.loads(Path(__file__).with_name("emoji.toml").read_text(encoding="utf-8"))
    first, second, seed = config["drawings"], config["words"], config["seed"]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of weights that rest become so small that a step takes 0.43 s, not 0.28
    noto, vocabulary = Drawings.of(said.drawings, "noto"), said.run / "vocabulary"
    if not vocabulary.is_dir():
        fresh.speller(noto.captions(), vocab_size=config["text"]["vocab_size"], folder=vocabulary)
    model = new(vocabulary, config)

    task = NamedTask(Named(model.image, noto), noto)
    views = Views(noto, first["batch"], seed, first["strength"], first["ramp"])
    stop_where(train(task, views, settings(config, "drawings"), said.run / "drawings", Log(said.run / "drawings")))

    seen = remembered(model.image, noto, views=second["views"], strength=second["strength"], seed=seed)
    fresh.trained(model, "text")
    model.image.eval()  # its batch normalisation is locked too
    captions = Captions(second["english"], second["label"], second["tag"])
    captioned = Captioned(noto, seen, model.speller, captions, second["batch"], seed + 1)
    task = WordsTask(model, noto)
    stop_where(train(task, captioned, settings(config, "words"), said.run / "words", Log(said.run / "words")))
    lexel.save(model.eval(), said.run / "model")


def settings(config: dict[str, Any], run: str) -> Settings:
    """Of one of the two runs."""
    said, every = config[run], EVERY[run]
    return Settings(
        said["steps"],
        said["learning_rate"],
        warmup=said["warmup"],
        weight_decay=said["weight_decay"],
        save_every=every,
        measure_every=every,
        seed=config["seed"],
    )


def stop_where(ended: Ended) -> None:
    """As a shell ends a process that was told to stop."""
    if ended.signal:
        raise SystemExit(128 + ended.signal)


class Log:
    """A line of JSON each hundred steps and each measurement."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self.since, self.losses = time.perf_counter(), list[float]()

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """Collected."""
        self.losses.append(losses["loss"])
        if step % 100 == 0:
            count = len(self.losses)
            seconds, mean = (time.perf_counter() - self.since) / count, sum(self.losses) / count
            self._say(step=step, seconds=seconds, **losses | facts | {"loss": mean})
            self.since, self.losses = time.perf_counter(), []

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """Written."""
        self._say(step=step, **measures)

    def saved(self, step: int) -> None:
        """Nothing is said of it."""

    def _say(self, **numbers: float) -> None:
        print(json.dumps({name: round(number, 5) for name, number in numbers.items()}), file=self.file, flush=True)


if __name__ == "__main__":
    main()
