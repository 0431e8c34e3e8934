"""`Words`: texts spelled into ids, packed end to end.

    texts    "a cat"               "a dog!"                           B = 2
    ids      ⊢    320  2368  ⊣     ⊢    320  1929  256  ⊣             N = 9
    splits   0                     4                         9
    spans    0 0  0 1  2 5   5 5   0 0  0 1  2 5   5 6  6 6           characters of the cleaned text

⊢ and ⊣ are the start and end tokens that a model was trained with (SigLIP has no ⊢); their spans are empty. They come
from a speller alone: no text can spell them.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from lexel.shapes import Array, Int


@dataclass(frozen=True, eq=False, repr=False)
class Words:
    """The token ids of B texts, N together.

    ids        int32 `[N]`
    splits     int64 `[B + 1]`: text b owns rows `splits[b]:splits[b + 1]`
    spans      int32 `[N, 2]`: token i stands for the characters `start:stop` of its text; tokens that share a
               character of several bytes all have it
    texts      the B texts after cleaning: what was spelled, and what the spans count in
    truncated  how many texts were too long and lost their end

    Arrays are read-only.
    """

    ids: Int[Array, "N"]
    splits: Int[Array, "B1"]
    spans: Int[Array, "N 2"]
    texts: tuple[str, ...]
    truncated: int = 0

    def __post_init__(self) -> None:
        for array in (self.ids, self.splits, self.spans):
            array.setflags(write=False)

    @classmethod
    def concat(cls, parts: Sequence["Words"]) -> "Words":
        """The texts of all parts, one after the other. Raises `ValueError` for no part."""
        counts = np.concatenate([part.counts for part in parts])
        return cls(
            ids=np.concatenate([part.ids for part in parts]),
            splits=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            spans=np.concatenate([part.spans for part in parts]),
            texts=tuple(text for part in parts for text in part.texts),
            truncated=sum(part.truncated for part in parts),
        )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def counts(self) -> Int[Array, "B"]:
        """Tokens of each text, start and end included."""
        return np.diff(self.splits)

    def padded(self, *, length: int, pad: int) -> Int[Array, "B M"]:
        """int64 `[B, length]`: the ids of each text, then `pad`. Raises `ValueError` where a text has more ids."""
        if len(self) and (most := int(self.counts.max())) > length:
            raise ValueError(f"a text has {most} tokens: they do not fit into {length}")
        ids = np.full((len(self), length), pad, np.int64)
        ids[np.arange(length) < self.counts[:, None]] = self.ids
        return ids

    def __repr__(self) -> str:
        lost = f", {self.truncated} truncated" if self.truncated else ""
        return f"<{len(self.ids):,} tokens of {len(self)} text{'' if len(self) == 1 else 's'}{lost}>"


@runtime_checkable
class Speller(Protocol):
    """What a text tower needs: texts in, `Words` out, and the ids that frame them."""

    @property
    def length(self) -> int:
        """Tokens of a text at most, start and end included."""

    @property
    def start(self) -> int | None:
        """The id before every text; None where the model has none."""

    @property
    def end(self) -> int:
        """The id behind every text."""

    @property
    def pad(self) -> int:
        """The id that fills a row up."""

    def __call__(self, texts: Sequence[str], *, length: int | None = None) -> Words:
        """Spell each text into at most `length` ids; a longer one loses its end, with a warning."""


class Spelled(NamedTuple):
    """One text in pieces, without start and end.

    text    after cleaning
    ids     its tokens
    starts  first character of each token
    stops   the character behind each token
    """

    text: str
    ids: Sequence[int]
    starts: Sequence[int]
    stops: Sequence[int]


LONGEST = 64  # characters that a token may stand for; in no published vocabulary does one stand for more


def frame(texts: Sequence[str], spell: Callable[[str], Spelled], *, length: int, start: int | None, end: int) -> Words:
    """Spell texts and pack them between `start` and `end`, `length` ids each at most.

    Warns once where texts lose their end. What is behind `64 * length` characters is not even looked at, so that a
    text of a gigabyte costs no more than one of five kilobytes. Raises `TypeError` for a bare text.
    """
    if isinstance(texts, str):
        raise TypeError(f"give a list of texts: [{texts[:40]!r}]")
    ids: list[int] = []
    starts: list[int] = []
    stops: list[int] = []
    splits, cleaned, truncated = [0], [], 0
    first = [] if start is None else [start]
    room = length - len(first) - 1
    for text in texts:
        one = spell(text[: LONGEST * length])
        close = one.stops[:room][-1:] or [0]
        ids += [*first, *one.ids[:room], end]
        starts += [*(0 for _ in first), *one.starts[:room], *close]
        stops += [*(0 for _ in first), *one.stops[:room], *close]
        splits.append(len(ids))
        cleaned.append(one.text)
        truncated += len(one.ids) > room or len(text) > LONGEST * length
    if truncated:
        said = f"{truncated} of {len(texts)} texts are longer than {length} tokens and lost their end"
        warnings.warn(said, stacklevel=3)
    return Words(
        ids=np.array(ids, np.int32),
        splits=np.array(splits, np.int64),
        spans=np.array([starts, stops], np.int32).T,
        texts=tuple(cleaned),
        truncated=truncated,
    )
