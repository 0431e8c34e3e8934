"""Folders of shards: tokens of more pictures than fit in memory.

    out/
      shard-00000.safetensors     at most 10,000 pictures and about 256 MB
      shard-00001.safetensors     closed by the picture that fills it, whatever the batches were

Each shard is a tokens file of its own, written atomically and in order, so that a killed job leaves whole shards.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lexel.errors import OutputError, TokensError
from lexel.tokens.value import ROWS, Tokens

PICTURES = 10_000
SIZE = 256 << 20  # bytes in memory; more would only mean more to lose when a job is killed
SUFFIX = ".safetensors"


def shard_name(number: int) -> str:
    """`shard-00007`, without suffix."""
    return f"shard-{number:05d}"


class Shards:
    """Collects batches and writes a shard when one is full.

    `room(tokens)` says how many of the next pictures the open shard takes; `add` takes no more than that. Whoever
    accounts for inputs asks first, so that it knows which inputs a shard holds. Another form of shards has its own
    `files`, `write`, `clear` and `nothing`.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, first: int = 0, pictures: int = PICTURES, size: int = SIZE
    ) -> None:
        self.folder, self.number = Path(folder), first
        self.limits = (pictures, size)
        self.batches: list[Tokens] = []
        self.pictures = self.size = 0

    def room(self, tokens: Tokens) -> int:
        """How many of these pictures, from the first, go into the open shard: at least one."""
        pictures, size = self.limits
        sizes = self.size + np.cumsum(tokens.counts * _row_size(tokens))
        return min(len(tokens), pictures - self.pictures, int(np.searchsorted(sizes, size)) + 1)

    def add(self, tokens: Tokens) -> bool:
        """Take these pictures; whether the shard is full now and wants `commit`."""
        self.batches.append(tokens)
        self.pictures += len(tokens)
        self.size += tokens.total * _row_size(tokens)
        return self.pictures >= self.limits[0] or self.size >= self.limits[1]

    def commit(self) -> None:
        """Write the open shard and begin the next. Raises `OutputError`."""
        self.write(Tokens.concat(self.batches), self.number)
        self.batches, self.pictures, self.size = [], 0, 0
        self.number += 1

    def files(self, number: int) -> tuple[Path, ...]:
        """The files of a shard in the order in which they are written: with the last, it is whole."""
        return (self.folder / (shard_name(number) + SUFFIX),)

    def write(self, tokens: Tokens, number: int) -> None:
        """Write one shard, each of its files whole or not at all."""
        [path] = self.files(number)
        tokens.save(path)

    def clear(self) -> None:
        """Remove every shard in the folder, and what lies beside them under their names."""
        for old in self.folder.glob("shard-*"):
            old.unlink()

    def nothing(self) -> Tokens | None:
        """No pictures, in the space of the shard before the open one; None where that cannot be told."""
        return Tokens.load(self.files(self.number - 1)[-1])[:0] if self.number else None


def save(tokens: Tokens, folder: str | os.PathLike[str]) -> None:
    """Write tokens as a folder of shards. Raises `OutputError` where one is there already."""
    shards = Shards(folder)
    if shards.folder.exists():
        raise OutputError("is there already", subject=str(folder))
    while len(tokens):
        room = shards.room(tokens)
        if shards.add(tokens[:room]):
            shards.commit()
        tokens = tokens[room:]
    if shards.batches or not shards.number:
        shards.batches = shards.batches or [tokens]
        shards.commit()


def load(folder: str | os.PathLike[str]) -> Tokens:
    """All shards of a folder as one value, which must fit into memory (`read_shards` gives one after the other)."""
    return Tokens.concat(list(read_shards(folder)))


def read_shards(folder: str | os.PathLike[str]) -> Iterator[Tokens]:
    """The shards of a folder, one after the other. Raises `TokensError` for none, or for one that is missing."""
    paths = sorted(Path(folder).glob(f"shard-*{SUFFIX}"))
    if not paths:
        raise TokensError("no shards in it", subject=str(folder))
    for number, path in enumerate(paths):
        if path.name != shard_name(number) + SUFFIX:
            raise TokensError(f"{shard_name(number)} is missing", subject=str(folder))
        yield Tokens.load(path)


def _row_size(tokens: Tokens) -> int:
    """Bytes of a token: all its rows."""
    arrays = [*(getattr(tokens, name) for name in ROWS), *tokens.columns.values()]
    return sum(x.dtype.itemsize * int(np.prod(x.shape[1:], dtype=np.int64)) for x in arrays)
