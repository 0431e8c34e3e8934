"""What the tests of tasks share: drawings with captions, a vocabulary of them, small models, batches."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from lexel.errors import Truncated
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture
from lexel.training import fresh
from lexel.training.dual import DualTask
from lexel.training.fresh import ImageSizes, TextSizes
from lexel.training.loader import Batch, PairLoader, unspelled
from lexel.training.trainer import Settings

COLOURS = {"red": (220, 40, 30), "green": (40, 190, 60), "blue": (40, 70, 220), "white": (250, 250, 250)}
SHAPES = {"square": (4, 4, 12, 12), "bar": (6, 1, 9, 15), "dot": (7, 7, 10, 10), "floor": (11, 0, 16, 16)}
CAPTIONS = [f"a {colour} {shape}{' here' * (len(shape) % 3)}" for colour in COLOURS for shape in SHAPES]

IMAGE, TEXT = ImageSizes(16, 4, 24, 2, 3), TextSizes(24, 20, 2, 2)


class Drawings:
    """Sixteen drawings of 16 × 16 pixels, each with its caption and the same in capitals."""

    name, digest, refused = "drawings", "0" * 32, ()

    def __init__(self, *, broken=()):
        self.broken = broken

    def __len__(self):
        return len(CAPTIONS)

    def key(self, index):
        return f"{index}.png"

    def captions(self, index):
        return CAPTIONS[index], CAPTIONS[index].upper()

    def picture(self, index):
        if index in self.broken:
            raise Truncated("ends early", subject=self.key(index))
        colour, (top, left, bottom, right) = index // len(SHAPES), list(SHAPES.values())[index % len(SHAPES)]
        pixels = np.full((16, 16, 3), 90, np.uint8)
        pixels[top:bottom, left:right] = list(COLOURS.values())[colour]
        return Picture(pixels, self.key(index), (16, 16), f"{index:032x}")


FOLDER = TemporaryDirectory()  # of the vocabularies; gone when Python ends


@cache
def words(kind="bytes"):
    """A folder with the vocabulary of the captions."""
    folder = Path(FOLDER.name) / kind
    fresh.speller(CAPTIONS, vocab_size=540 if kind == "bytes" else 40, folder=folder, kind=kind)
    return folder


def dual(loss="clip", *, dropout=0.0, seed=0):
    """A small dual encoder, with dropout in every MLP where that is asked for."""
    model = fresh.dual(IMAGE, TEXT, words("bytes" if loss == "clip" else "pieces"), loss=loss, seed=seed)
    for tower in (model.image, model.text):
        for block in tower.transformer.blocks:
            block.mlp.activation = torch.nn.Sequential(block.mlp.activation, torch.nn.Dropout(dropout))
    return model


def batch(model, pairs=16, *, dtype=torch.float32):
    """The first drawings as `model` prepares them, and their captions."""
    drawings = Drawings()
    pixels = np.stack([model.preparation.prepare(drawings.picture(i))[0] for i in range(pairs)])
    return Batch(torch.from_numpy(pixels).to(dtype), model.speller(CAPTIONS[:pairs]), torch.arange(pairs))


def contrastive(rank, world, dropout):
    """What a process of `forked` trains: cached in uneven chunks, measured, and tired when it no longer helps."""
    model = dual(dropout=dropout).double()
    augment = Augmentation(crop=(0.6, 1.0))
    loader = PairLoader(
        Drawings(broken=[5]),
        lambda picture, seed: model.preparation.prepare(augment(picture, seed))[0],
        model.speller,
        batch=8,
        seed=1,
        rank=rank,
        world=world,
    )
    settings = Settings(
        steps=20, learning_rate=3e-3, warmup=3, average=0.5, chunk=3, save_every=3, keep=2, measure_every=4, patience=3
    )
    return DualTask(model, Drawings()), loader, settings


def gradients(module):
    """The gradients by name, of those that have one."""
    return {name: parameter.grad.clone() for name, parameter in module.named_parameters() if parameter.grad is not None}


class Always:
    """A loader with one batch."""

    def __init__(self, batch):
        self.batch = batch

    def __getitem__(self, step):
        return self.batch


def batch_of(count, *, side=16):
    """The first drawings as pixels from −1 to 1, float32 `[count, 3, side, side]`, without words."""
    pixels = [torch.tensor(Drawings().picture(i).pixels).permute(2, 0, 1) / 127.5 - 1 for i in range(count)]
    return Batch(torch.stack(pixels), unspelled([""] * count), torch.arange(count))
