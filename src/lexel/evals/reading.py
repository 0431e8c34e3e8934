"""Many pictures → one vector each, with an account of those that could not be read.

    data.picture(i) ─► decode threads ─► embed ─► vectors [n, D]   kept [n]: whose vector each row is
                            └─ refusals                            digest: of what was read

What is there in numbers is asked for by number: a data set of `training/data.py`, or anything with the same methods.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lexel.errors import LexelError
from lexel.pictures.picture import Picture, Refusal
from lexel.runs.threads import ahead
from lexel.shapes import Array, Float, Int


@runtime_checkable
class Numbered(Protocol):
    """Pictures by their number, from 0; any thread may ask."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The name of one; no two have the same."""

    def picture(self, index: int) -> Picture:
        """Decoded now. Raises `PictureError` that names it."""


@dataclass(frozen=True, eq=False)
class Read:
    """What became of the pictures.

    vectors   `[n, D]`, of those that were read
    kept      `[n]` their numbers, rising
    digest    32 hex digits of their names and encoded bytes
    failed    the others, each with its reason
    """

    vectors: Float[Array, "n D"]
    kept: Int[Array, "n"]
    digest: str
    failed: tuple[Refusal, ...]


def read(
    embed: Callable[[Iterable[Picture]], Float[Array, "n D"]],
    data: Numbered,
    *,
    on_picture: Callable[[int], object] = lambda count: None,
) -> Read:
    """`embed` of all pictures, in their order.

    on_picture   told `1` for each, whether it could be read or not
    """
    kept: list[int] = []
    failed: list[Refusal] = []
    digest = hashlib.blake2b(digest_size=16)

    def outcome(index: int) -> Picture | Refusal:
        try:
            return data.picture(index)
        except LexelError as error:
            if error.exit != 3:  # not about this picture
                raise
            return Refusal.of(error, data.key(index))

    def pictures() -> Iterator[Picture]:
        for index, found in enumerate(ahead(outcome, range(len(data)))):
            on_picture(1)
            if isinstance(found, Refusal):
                failed.append(found)
                continue
            kept.append(index)
            digest.update(repr((data.key(index), found.digest)).encode())
            yield found

    vectors = embed(pictures())
    return Read(vectors, np.array(kept, np.int64), digest.hexdigest(), tuple(failed))
