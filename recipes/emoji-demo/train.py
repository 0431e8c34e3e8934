"""Train the toy in two runs of `lexel.training.trainer`, on one core.

    python train.py drawings run            the shipped weights; again after it was killed: it goes on

        drawings   the image tower learns to tell 1,911 drawings apart, restyled ever harder
        words      the image tower is locked; the text tower learns what 28 languages call each drawing (LiT)

run/model is what comes out, run/*/log.jsonl how it went.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from drawings import Captioned, Drawings, Views
from model import VOCABULARY, Named, NamedTask, WordsTask, new, remembered

import lexel
from lexel.training import fresh
from lexel.training.trainer import Ended, Settings, train

SEED = 0
STRENGTH = 1.0  # of restyling, from the middle of the first run on
VIEWS, VIEWS_STRENGTH = 24, 0.5  # that words are learned beside


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
            seconds = (time.perf_counter() - self.since) / len(self.losses)
            mean = sum(self.losses) / len(self.losses)
            self._say(step=step, seconds=seconds, **losses | facts | {"loss": mean})
            self.since, self.losses = time.perf_counter(), []

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """Written."""
        self._say(step=step, **measures)

    def saved(self, step: int) -> None:
        """Nothing is said of it."""

    def _say(self, **numbers: float) -> None:
        print(json.dumps({name: round(number, 5) for name, number in numbers.items()}), file=self.file, flush=True)


def main() -> None:
    """Both runs, each from where it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="what prepare.py wrote")
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, nargs=2, default=(11_500, 3_000), help="of the two runs")
    said = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of weights that rest become so small that a step takes 0.43 s, not 0.28
    noto, vocabulary = Drawings.of(said.drawings, "noto"), said.run / "vocabulary"
    if not vocabulary.is_dir():
        fresh.speller(noto.captions(), vocab_size=VOCABULARY, folder=vocabulary)
    model = new(vocabulary, seed=SEED)
    drawings_steps, words_steps = said.steps

    named = Named(model.image, noto)
    settings = Settings(
        drawings_steps, 3e-3, warmup=50, weight_decay=0.02, save_every=500, measure_every=500, seed=SEED
    )
    views = Views(noto, batch=64, seed=SEED, strength=STRENGTH, ramp=drawings_steps // 2)
    done = train(NamedTask(named, noto), views, settings, said.run / "drawings", Log(said.run / "drawings"))
    stop_where(done)

    seen = remembered(model.image, noto, VIEWS, VIEWS_STRENGTH, SEED)
    fresh.trained(model, "text")
    model.image.eval()  # its batch normalisation is locked too
    settings = Settings(words_steps, 2e-3, warmup=100, weight_decay=0.05, save_every=250, measure_every=250, seed=SEED)
    captioned = Captioned(noto, seen, model.speller, batch=256, seed=SEED + 1)
    done = train(WordsTask(model, noto), captioned, settings, said.run / "words", Log(said.run / "words"))
    stop_where(done)
    lexel.save(model.eval(), said.run / "model")


def stop_where(ended: Ended) -> None:
    """As a shell ends a process that was told to stop."""
    if ended.signal:
        raise SystemExit(128 + ended.signal)


if __name__ == "__main__":
    main()
