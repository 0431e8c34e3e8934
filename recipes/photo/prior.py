"""Train the prior of photo-vq, MaskGIT's way, and put it into the package; goes on where it was stopped.

    python recipes/photo/prior.py runs        21 minutes on one busy core; photo-vq is shipped first

It learns squares of 16 × 16 codes out of 32 × 32 that are encoded once, of the same photographs and leaves that the
vocabulary learned from. How many bits a code it needs is measured on photographs that nobody learned from.
"""

import argparse
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from pictures import CropLoader
from safetensors.torch import load_file, save_file
from ship import SHIPPED
from train import Log

import lexel
from lexel.autoencoders._discrete import Discrete
from lexel.generators.maskgit import MaskGIT
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.training import state
from lexel.training.data import pictures_only
from lexel.training.generative import CodesBatch, GenerativeTask, fresh
from lexel.training.task import drawn
from lexel.training.trainer import Settings, train

VOCABULARY, NAME = "lexel/photo-vq", "photo-prior"
SQUARES, SIDE = 480, 256  # pictures that are encoded, and pixels of a side
WIDTH, HEADS = 128, 4  # with 4,096 codes no more fits into three megabytes of float16
CELLS, BATCH, STEPS, SEED = 16, 16, 1500, 0


def main() -> None:
    """One run, then the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what train.py wrote")
    said = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    vocabulary = lexel.load(VOCABULARY)
    assert isinstance(vocabulary, Discrete)
    model = fresh(vocabulary, objective="maskgit", width=WIDTH, heads=HEADS, side=CELLS, seed=SEED)

    def prepare(picture: Picture, seed: int) -> Float[Array, "3 H W"]:
        """The middle of a photograph that is only watched."""
        top, left = ((length - SIDE) // 2 for length in picture.pixels.shape[:2])
        square = picture.pixels[top : top + SIDE, left : left + SIDE]
        return np.ascontiguousarray(square.transpose(2, 0, 1), np.float32) / np.float32(127.5) - 1

    task = GenerativeTask(model, vocabulary, pictures_only(str(said.folder / "watched")), prepare=prepare)
    settings = Settings(
        STEPS, learning_rate=1.5e-3, warmup=100, weight_decay=0.05, betas=(0.9, 0.95), average=0.99, save_every=100,
        keep=1, measure_every=400, seed=SEED,
    )  # fmt: skip
    run = said.folder / NAME
    train(task, Rasters(vocabulary), settings, run, Log(run / "log.jsonl"))
    found = state.newest(run)
    if found is None or found.step < STEPS:
        return  # it was asked to stop
    model.load_state_dict(found.weights())
    (SHIPPED / NAME).mkdir(exist_ok=True)
    lexel.save(model.eval(), SHIPPED / NAME)
    weights = SHIPPED / NAME / "model.safetensors"
    save_file({key: value.half() for key, value in load_file(weights).items()}, weights, {"format": "pt"})
    weights.chmod(0o644)
    said = Path(__file__).with_name("prior-card.md").read_text(encoding="utf-8")
    bits = f"{-task.measure()['likelihood']:.1f}"
    (SHIPPED / NAME / "README.md").write_text(said.replace("BITS", bits), encoding="utf-8")


class Rasters:
    """`loader[step]`: squares of codes, and which of them are to be guessed."""

    def __init__(self, vocabulary: Discrete) -> None:
        self._vocabulary = vocabulary

    @cached_property
    def _rasters(self) -> Int[Array, "N h w"]:
        """All that is cut from: codes of larger squares."""
        crops = CropLoader(2, SIDE, seed=2)
        found: list[Int[Array, "2 h w"]] = []
        with torch.inference_mode():
            for step in range(SQUARES // 2):
                packed = self._vocabulary.encode_pixels(crops[step].pixels)
                found.append(packed.x.numpy().reshape(2, *packed.grid[0].tolist()))
        return np.concatenate(found)

    def __getitem__(self, step: int) -> CodesBatch:
        """The same whenever it is asked for."""
        rng = np.random.default_rng(drawn(SEED, "squares", step))
        count, height, width = self._rasters.shape
        squares = []
        for which in rng.integers(count, size=BATCH):
            top, left = rng.integers(height - CELLS + 1), rng.integers(width - CELLS + 1)
            squares.append(self._rasters[which, top : top + CELLS, left : left + CELLS])
        lots = MaskGIT().lots((BATCH, CELLS, CELLS), seed=drawn(SEED, "lots", step))
        return CodesBatch(torch.from_numpy(np.stack(squares)), lots)


if __name__ == "__main__":
    main()
