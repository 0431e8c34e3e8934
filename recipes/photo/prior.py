"""Train the prior of `lexel/photo-vq` and write it as it is shipped; goes on where it was stopped.

    python recipes/photo/prior.py /tmp/photo        half an hour on one core

It learns the codes of the same crops that the vocabulary learned from, 16 × 16 of them at a time. The vocabulary is the
one that comes with lexel: the prior keeps its digest, so that it has to be trained again when the vocabulary is. The
model, in float16, is left in photo-prior/model.
"""

import argparse
from pathlib import Path

import torch
from model import SEED
from pictures import CropLoader
from train import Log

from lexel.autoencoders._discrete import Discrete
from lexel.loading.load import load, save
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float
from lexel.training import state
from lexel.training.data import pictures_only
from lexel.training.generative import CodesLoader, GenerativeTask, fresh
from lexel.training.trainer import Settings, train

SIDE, BATCH = 128, 8  # pixels: 16 × 16 codes
SETTINGS = Settings(
    steps=4000, learning_rate=2e-3, warmup=200, weight_decay=0.05, betas=(0.9, 0.95), average=0.995, save_every=250,
    keep=1, measure_every=500, seed=SEED,
)  # fmt: skip


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    vocabulary = load("lexel/photo-vq")
    assert isinstance(vocabulary, Discrete)
    model = fresh(vocabulary, objective="maskgit", seed=SEED)
    run = folder / "photo-prior" / "all"
    watched = pictures_only(str(folder / "watched"))  # which train.py left there
    task = GenerativeTask(model, vocabulary, watched, prepare=middle)
    crops = CropLoader(BATCH, SIDE, seed=SEED)
    train(task, CodesLoader(crops, vocabulary, model.objective, seed=SEED), SETTINGS, run, Log(run / "log.jsonl"))
    found = state.newest(run)
    assert found is not None
    model.load_state_dict(found.weights())
    save(model.half(), folder / "photo-prior" / "model")


def middle(picture: Picture, seed: int) -> Float[Array, "3 S S"]:
    """The middle of a picture that is watched: from −1 to 1, not made smaller."""
    top, left = ((length - SIDE) // 2 for length in picture.pixels.shape[:2])
    square = picture.pixels[top : top + SIDE, left : left + SIDE].astype("float32") / 127.5 - 1
    return square.transpose(2, 0, 1).copy()


if __name__ == "__main__":
    main()
