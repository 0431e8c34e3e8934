"""Small data sets for the tests of data and loader."""

from pathlib import Path

import numpy as np
from pictures.samples import encode, pixels
from PIL import Image

from lexel.pictures.picture import Picture, Refusal


def png(seed=0, height=6, width=9):
    return encode(Image.fromarray(pixels(height, width, seed)), "PNG")


def folder(root, files):
    """Files by name: bytes, or text that is written as UTF-8; a number is a picture of that seed."""
    for name, content in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = png(content) if isinstance(content, int) else content
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Path(root)


def rows(data):
    """(name, captions) of every pair."""
    return [(data.key(index), data.captions(index)) for index in range(len(data))]


def refusals(data):
    """(name, error) of what is no pair, by names."""
    return sorted((one.name, one.error) for one in data.refused)


class Numbers:
    """N pairs without files: picture i is one pixel that says i, and has `said(i)` captions."""

    name, digest, refused = "numbers", "0" * 32, ()

    def __init__(self, count, *, broken=(), said=lambda index: 1):
        self.count, self.broken, self.said = count, set(broken), said
        self.asked = []

    def __len__(self):
        return self.count

    def key(self, index):
        return f"{index}.png"

    def captions(self, index):
        return tuple(f"{index} {caption}" for caption in range(self.said(index)))

    def picture(self, index):
        self.asked.append(index)
        if index in self.broken:
            raise Refusal(self.key(index), "failed", "Corrupt", "the decoder gave up").exception()
        one = np.array([index >> 16, index >> 8 & 255, index & 255], np.uint8).reshape(1, 1, 3)
        return Picture(one, self.key(index), (1, 1), "")
