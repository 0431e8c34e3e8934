"""What a model learns from: pictures with captions, opened by name and read one by one in any order.

    pairs("photos/")                a folder of name.jpg and name.txt             beside.py
    pairs("shards-{000..010}.tar")  tars of WebDataset                            beside.py
    pairs("captions.csv")           tables of path and caption: .csv .tsv .parquet   tables.py
    pairs("hf:org/name")            Hugging Face datasets                         huggingface.py
              │
              ▼
    len(data), data.captions(i), data.picture(i)

Opening reads names and captions, which stay in memory (about 1.3 kB a pair), and no picture. Nothing is lost: what
is there and is no pair stands in `refused`, with its reason. A picture that cannot be decoded is known when it is asked
for. All pictures come from the one decode path.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from lexel.errors import BadArguments, DataError, LexelError
from lexel.pictures.decode import decode
from lexel.pictures.picture import Picture, Refusal, Source
from lexel.pictures.sources import printable, suffix
from lexel.shapes import Array, Int
from lexel.training import beside, huggingface, tables
from lexel.training.rows import Found
from lexel.training.task import drawn


@runtime_checkable
class Pairs(Protocol):
    """Pictures with captions by their number, from 0. Nothing is decoded before it is asked for; any thread may ask."""

    @property
    def name(self) -> str:
        """Where they come from, as it was typed."""

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """What is there and is no pair, each with its reason."""

    @property
    def digest(self) -> str:
        """32 hex digits of all names and captions, in their order; pixels do not count."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The name of a pair, said from where the data set lies; no two have the same."""

    def captions(self, index: int) -> tuple[str, ...]:
        """As written; one or more, or none where there are only pictures."""

    def picture(self, index: int) -> Picture:
        """Decoded now. Raises `PictureError` that names it."""


def pairs(where: str | Path, *, shrink: int | None = None) -> Pairs:
    """Pictures with captions: a folder, table, tar or dataset, as the head of this file says.

    shrink   the longest side wanted: JPEGs are decoded at 1/2, 1/4 or 1/8 while that is still twice as large

    Raises `DataError` where it cannot be opened or holds no pair at all, `MissingExtra` for parquet and datasets
    without the extra [data].

        data = pairs("photos/")
        data.captions(0), data.picture(0).size            # (("a cat on a chair",), (480, 640))
    """
    return _opened(where, shrink, captioned=True)


def pictures_only(where: str | Path, *, shrink: int | None = None) -> Pairs:
    """The same without captions, for what learns from pictures alone: every picture counts, `captions` are ()."""
    return _opened(where, shrink, captioned=False)


def split(data: Pairs, held_out: float | int, *, seed: int = 0) -> tuple["Subset", "Subset"]:
    """(what to train on, what is held out), each in the order of `data`.

    held_out   a share below 1: whether a pair is held out follows from its name alone, so that more pictures move none
               to the other side. A whole number: exactly so many, those with the smallest digests; a picture that is
               added may take the place of one.

    The same picture under two names may fall on both sides. Raises `BadArguments`.
    """
    digests = np.array([drawn(seed, "held out", data.key(index)) for index in range(len(data))], np.uint64)
    if isinstance(held_out, float) and 0 <= held_out < 1:
        held = digests < np.uint64(held_out * 2**63)
    elif isinstance(held_out, int) and 0 <= held_out <= len(data):
        held = np.zeros(len(data), bool)
        held[np.argsort(digests, kind="stable")[:held_out]] = True
    else:
        raise BadArguments(f"held_out is a share below 1 or a number up to {len(data):,}, not {held_out}")
    return Subset(data, np.flatnonzero(~held)), Subset(data, np.flatnonzero(held))


class Opened:
    """What `pairs` gives: the rows of one place."""

    def __init__(self, name: str, found: Found, *, shrink: int | None = None) -> None:
        self.name, self.refused = name, found.refused
        self.digest = _digest((row.name, row.captions) for row in found.rows)
        self._rows, self._prefix, self._shrink = found.rows, found.prefix, shrink

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        """The name of a pair, said from where the data set lies."""
        return self._rows[index].name

    def captions(self, index: int) -> tuple[str, ...]:
        """As written."""
        return self._rows[index].captions

    def picture(self, index: int) -> Picture:
        """Decoded now. Raises `PictureError` that names it."""
        row = self._rows[index]
        name = os.path.join(self._prefix, row.name)  # noqa: PTH118  a name, not a path
        try:
            content = row.picture if isinstance(row.picture, Path) else row.picture.content()
        except LexelError as error:
            raise error.about(name) from error.__cause__
        return decode(Source(name, content), shrink=self._shrink)


class Subset:
    """Some pairs of others, by their numbers there. `refused` is empty: the whole says what was no pair."""

    refused: tuple[Refusal, ...] = ()

    def __init__(self, data: Pairs, indices: Int[Array, "N"] | Sequence[int]) -> None:
        self.data, self.indices, self.name = data, np.asarray(indices, np.int64), data.name
        self.digest = _digest((data.key(index), data.captions(index)) for index in self.indices.tolist())

    def __len__(self) -> int:
        return len(self.indices)

    def key(self, index: int) -> str:
        """The name of a pair."""
        return self.data.key(int(self.indices[index]))

    def captions(self, index: int) -> tuple[str, ...]:
        """As written."""
        return self.data.captions(int(self.indices[index]))

    def picture(self, index: int) -> Picture:
        """Decoded now. Raises `PictureError` that names it."""
        return self.data.picture(int(self.indices[index]))


def _opened(where: str | Path, shrink: int | None, *, captioned: bool) -> Opened:
    name = printable(os.fspath(where))
    if shrink is not None and shrink < 1:
        raise BadArguments(f"shrink is a side in pixels, not {shrink}")
    try:
        found = _found(os.fspath(where), captioned=captioned)
    except LexelError as error:
        raise error.about(name) from error.__cause__
    if not found.rows:
        raise DataError(_why_empty(found.refused), subject=name, hint="docs/data.md says how a data set is laid out")
    return Opened(name, found, shrink=shrink)


def _found(where: str, *, captioned: bool) -> Found:
    """What the reader of this kind of place finds there."""
    if where.startswith(huggingface.HUB) or huggingface.saved(where):
        return huggingface.read(where, captioned=captioned)
    if suffix(where) in tables.SUFFIXES and not Path(where).is_dir():
        return tables.read(where, captioned=captioned)
    return beside.read(where, captioned=captioned)


def _why_empty(refused: tuple[Refusal, ...]) -> str:
    if not refused:
        return "there is nothing in it"
    more = f", and {len(refused) - 1:,} more" if len(refused) > 1 else ""
    return f"no pair in it ({refused[0].name}: {refused[0].reason}{more})"


def _digest(rows: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()
