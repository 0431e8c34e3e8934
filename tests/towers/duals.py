"""Dual encoders around the tiny towers, with a speller of their own: what users call, without files."""

from dataclasses import dataclass

import numpy as np
import torch
from towers.peers import LENGTH

from lexel.contracts.making import make_picture
from lexel.towers._dual import Dual
from lexel.words.value import Words

PICTURES = [make_picture(30, 44), make_picture(64, 20, seed=1), make_picture(28, 28, seed=2)]
TEXTS = ["a cat", "two dogs in the snow"]


@dataclass
class Letters:
    """A speller for tests: an id a letter, 2 … 59."""

    length: int = LENGTH
    start: int | None = 60
    end: int = 63
    pad: int = 63

    def __call__(self, texts, *, length=None):
        most = (length or self.length) - 2
        ids = [[self.start, *(2 + ord(letter) % 58 for letter in text[:most]), self.end] for text in texts]
        splits = np.concatenate(([0], np.cumsum([len(row) for row in ids]))).astype(np.int64)
        flat = np.array([i for row in ids for i in row], np.int32)
        return Words(flat, splits, np.zeros((len(flat), 2), np.int32), tuple(texts))


def dual(peer, towers, preparation, *, name="./tiny", biased=False, speller=True):
    model = Dual(
        *towers,
        preparation=preparation,
        speller=Letters() if speller else None,
        biased=biased,
        name=name,
        digest="weights",
    )
    with torch.no_grad():
        model.logit_scale.copy_(peer.logit_scale.squeeze())
        if biased:
            model.logit_bias.copy_(peer.logit_bias.squeeze())
    return model.eval().requires_grad_(False)
