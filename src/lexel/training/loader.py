"""Batches of pairs, each a function of its step: what a run has seen is known from how far it came.

    sample s of the run   ─►  epoch e = s // N, place p = s % N   ─►  pair order(seed, e)[p]
    step k                ─►  samples k · batch … k · batch + batch - 1, over the end of an epoch where it falls so
    rank r of R           ─►  the r-th of R equal parts of these

    pair, epoch ─► decode ─► augment and prepare ─► pixels  ┐
                └► one of its captions ─► speller ─► words  ┘─► Batch          on threads, samples ahead

Nothing lives on between steps but what was computed ahead, so a run that was stopped goes on with the next sample. The
same batch on any number of processes is the same samples in the same order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, count, islice

import numpy as np

from lexel.errors import BadArguments, DataError, LexelError
from lexel.needs import torch
from lexel.pictures.picture import Picture, Refusal
from lexel.runs.threads import ahead, decode_threads
from lexel.shapes import Array, Float, Int
from lexel.training.data import Pairs
from lexel.training.task import drawn
from lexel.words.value import Words

AHEAD = 256  # samples at most that wait for the next steps

Prepare = Callable[[Picture, int], Float[Array, "3 H W"]]
Spell = Callable[[Sequence[str]], Words]


@dataclass(frozen=True, eq=False)
class Batch:
    """B pairs.

    pixels    float32 `[B, 3, H, W]`; a list of `[3, H, W]` where their sizes differ
    words     the captions spelled, one a picture
    indices   int64 `[B]`: the numbers of the pairs in their data set
    """

    pixels: Float[torch.Tensor, "B 3 H W"] | list[torch.Tensor]
    words: Words
    indices: Int[torch.Tensor, "B"]

    def __len__(self) -> int:
        return len(self.indices)


class PairLoader:
    """`loader[step]` is what this process sees at `step`.

    data      pairs; `failures` says which of their pictures could not be read so far
    prepare   (picture, seed) → float32 `[3, H, W]`: augmentation and preparation; equal seeds must give equal pixels
    spell     texts → `Words`, such as the speller of a text tower; `unspelled` where there are no captions
    batch     pairs of a step over all processes, divisible by `world`
    seed      of order, choice of captions and augmentation
    rank      number of this process of `world`

    A picture that cannot be read is replaced by the next good one, counted from half an epoch on: a neighbour would
    stand in the same batch already, as its own counterexample. Steps that are asked for one after the other are
    computed ahead; any other order is as right, and slower.

    Raises `BadArguments`; `DataError` when no picture at all can be read.
    """

    def __init__(
        self, data: Pairs, prepare: Prepare, spell: Spell, batch: int, *, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if len(data) == 0:
            raise BadArguments("there are no pairs to load", subject=data.name)
        if batch < 1 or batch % world or not 0 <= rank < world:
            raise BadArguments(f"a batch of {batch} is not {world} equal parts, of which this is number {rank}")
        self.data = data
        self._sample = _Samples(data, prepare, spell, seed)
        self._batch, self._share, self._rank = batch, batch // world, rank
        self._coming: Iterator[_Sample] = iter(())
        self._next: int | None = None

    @property
    def failures(self) -> list[Refusal]:
        """The pictures that could not be read so far, each once, by their numbers."""
        return [refusal for _, refusal in sorted(self._sample.failed.copy().items())]

    def __getitem__(self, step: int) -> Batch:
        """What this process sees at `step`, from 0."""
        if step != self._next:
            numbers = _numbers(step * self._batch + self._rank * self._share, self._share, self._batch)
            self._coming = ahead(self._sample, numbers, depth=max(2 * decode_threads(), min(self._share, AHEAD)))
        self._next = None  # an error ends what was coming
        samples = list(islice(self._coming, self._share))
        self._next = step + 1
        pixels = [sample.pixels for sample in samples]
        alike = len({x.shape for x in pixels}) == 1
        return Batch(
            pixels=torch.from_numpy(np.stack(pixels)) if alike else [torch.tensor(x) for x in pixels],
            words=Words.concat([sample.words for sample in samples]),
            indices=torch.tensor([sample.index for sample in samples]),
        )


def order(seed: int, epoch: int, *, count: int) -> Int[Array, "N"]:
    """int64 `[count]`: the pairs of an epoch, each once. Of raw bits, so that no version of NumPy changes it."""
    return np.argsort(np.random.PCG64(drawn(seed, "order", epoch)).random_raw(count), kind="stable")


def unspelled(texts: Sequence[str]) -> Words:
    """Words without a token: the speller of what learns from pictures alone."""
    return Words(np.zeros(0, np.int32), np.zeros(len(texts) + 1, np.int64), np.zeros((0, 2), np.int32), tuple(texts))


def _numbers(first: int, share: int, batch: int) -> Iterator[int]:
    """`share` numbers from `first` on, then as many a batch later, without end."""
    for start in count(first, batch):
        yield from range(start, start + share)


@dataclass(frozen=True, eq=False)
class _Sample:
    pixels: Float[Array, "3 H W"]
    words: Words
    index: int


class _Samples:
    """Sample by number, on any thread. It knows nothing of the loader, which so is gone when its owner drops it."""

    def __init__(self, data: Pairs, prepare: Prepare, spell: Spell, seed: int) -> None:
        self.data, self.prepare, self.spell, self.seed = data, prepare, spell, seed
        self.order = lru_cache(maxsize=2)(partial(order, seed, count=len(data)))  # a memo that changes no answer
        self.failed: dict[int, Refusal] = {}

    def __call__(self, number: int) -> _Sample:
        """Sample `number` of the run. Raises `DataError` when no picture at all can be read."""
        total = len(self.data)
        epoch, place = divmod(number, total)
        half = place + total // 2
        for other in chain([place], range(half, half + total)):
            index = int(self.order(epoch)[other % total])
            if index not in self.failed:
                try:
                    picture = self.data.picture(index)
                except LexelError as error:
                    self.failed[index] = Refusal.of(error, self.data.key(index))
                else:
                    return self.made(picture, epoch, index)
        first = self.failed[min(self.failed)].exception()
        raise DataError(f"no picture of it can be read: {first}", subject=self.data.name)

    def made(self, picture: Picture, epoch: int, index: int) -> _Sample:
        """The sample of pair `index` in an epoch."""
        said = self.data.captions(index)
        caption = said[drawn(self.seed, "caption", epoch, index) % len(said)] if said else ""
        pixels = self.prepare(picture, drawn(self.seed, "augment", epoch, index))
        return _Sample(pixels, self.spell([caption]), index)
