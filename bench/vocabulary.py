"""How good a vocabulary is after so many seconds: FSQ and VQ, learned from six pictures of the box, on the CPU.

    OMP_NUM_THREADS=1 python bench/vocabulary.py [--seconds 60] [--json FILE]

Squares, sizes and optimizer are those of `lexel new tokenizer`; a cell is 8 × 8 pixels. The pictures that are held out
are those that `split` takes. Steps are as many as a measured one goes into the seconds, so that the rate ends at 0.
Codes used are those that occurred in the last 50 steps or so of training.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from harness import machine

from lexel import box
from lexel.training import plan, state
from lexel.training.crops import Several, Squares
from lexel.training.data import pictures_only, split
from lexel.training.light import LightSizes, vqvae
from lexel.training.loader import PairLoader, unspelled
from lexel.training.rates import rates
from lexel.training.trainer import Settings, train
from lexel.training.vocabulary import VocabularyTask

QUANTIZERS = ("fsq(8, 5, 5, 5)", "vq(8, codebook_size=1024, decay=0.98)")
SIZES = LightSizes(down=8, width=104, blocks=3, edge=1024)
SQUARES = Squares(side=64, shrink=3.0, flip=0.5, turn=0.5, exchange=0.2, light=0.3)
EACH, BATCH, HELD_OUT = 64, 16, 2


class Told:
    """Keeps what the last step and the last measurement said."""

    def __init__(self) -> None:
        self.losses: dict[str, float] = {}
        self.measures: dict[str, float] = {}

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """After each step."""
        self.losses = losses

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """After some of them."""
        self.measures = measures
        said = ", ".join(f"{name} {value:.3f}" for name, value in (self.losses | measures).items())
        print(f"{step:>8,}  {said}", flush=True)

    def saved(self, step: int) -> None:
        """Nothing to keep."""


def main() -> None:
    """Train both, print a line for each, and write both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60, help="of training, for each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine and rows as JSON")
    said = parser.parse_args()
    rows = [learned(quantizer, said.seconds) for quantizer in QUANTIZERS]
    for row in rows:
        print(" · ".join(f"{name} {value}" for name, value in row.items()))
    if said.json:
        said.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": machine(), "rows": rows}, indent=1, ensure_ascii=False)
        said.json.write_text(text + "\n", encoding="utf-8")


def learned(quantizer: str, seconds: float) -> dict[str, object]:
    """What a vocabulary of this quantizer reaches in so many seconds."""
    pictures, held_out = split(pictures_only(box.pictures()[0].parent), HELD_OUT)
    loader = PairLoader(Several(pictures, EACH, SIZES.edge), SQUARES, unspelled, BATCH, seed=0)
    model = vqvae(SIZES, quantizer, seed=0)
    task, told = VocabularyTask(model, held_out), Told()
    settings = Settings(
        1, 1.5e-3, warmup=50, weight_decay=0.02, betas=(0.9, 0.95), average=0.99, save_every=1 << 30, seed=0
    )
    steps = max(60, int(seconds / plan.line(task, loader, settings).seconds))
    settings = Settings(**{**vars(settings), "steps": steps, "measure_every": -(-steps // 5)})
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        train(task, loader, settings, Path(folder), told)
        taken = time.monotonic() - begun
        found = state.newest(Path(folder))
        assert found is not None
        task.module.load_state_dict(found.weights())
    beside = {one.way: round(one.psnr, 2) for one in rates(model.eval(), held_out, pictures)}
    return {
        "quantizer": quantizer,
        "held out": ", ".join(held_out.key(index) for index in range(len(held_out))),
        "steps": steps,
        "seconds": round(taken, 1),
        "psnr": round(told.measures["psnr"], 2),
        "used": round(told.losses.get("used", 0.0), 3),
        "perplexity": round(told.losses.get("perplexity", 0.0), 1),
        "beside": beside,
    }


if __name__ == "__main__":
    main()
