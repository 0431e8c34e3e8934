"""How likely each level of FSQ is: tables of frequencies, counted once in training pictures.

    levels around ─ prediction.py ─► centre, spread ─► a row of the table: a frequency for each level

Contexts that were rarely seen lean on shorter ones, and every level stays possible everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lexel.measures.contexts import Cells, Spelling
from lexel.measures.prediction import Prediction
from lexel.shapes import Array, Float, Int, Num

MOST = 1 << 62  # codes: they are int64
LARGEST = 64  # levels: the table of one has about its square
LEAN = 16  # symbols that a context must have been seen with to weigh as much as the shorter one
ONE = (1 << 16) - 1  # the frequency of the likeliest symbol of a context
RARE = 256  # that of all others together, at least: as no code is free, a short stream is a small raster
WEIGHTS = ("centre", "spread", "bounds")  # of a prediction


@dataclass(frozen=True, eq=False)
class Levels:
    """Frequencies of levels, each given what is expected.

    frequencies   a table for each level, uint16 `[centre, spread, L]`, from 1; they count relative to their sum
    prediction    what chooses the row of a table
    """

    frequencies: tuple[Num[Array, "_ _ _"], ...]
    prediction: Prediction

    @classmethod
    def fit(cls, rasters: Sequence[Num[Array, "_ _"]], levels: tuple[int, ...]) -> "Levels":
        """Counted in these rasters."""
        spelling = _spelling(levels)
        seen = [spelling.spelled(raster) for raster in rasters]
        prediction = Prediction.fit(seen, levels)
        return cls(tuple(_counted(prediction, seen, d, size) for d, size in enumerate(levels)), prediction)

    @classmethod
    def of(cls, tensors: Mapping[str, Num[Array, "..."]]) -> "Levels":
        """From what `tensors` gave. Raises `ValueError` or `KeyError` for any others."""
        made = tuple(tensors[f"frequencies.{d}"] for d in range(len(tensors) - len(WEIGHTS)))
        sizes = tuple(table.shape[-1] for table in made)
        if not are_levels(sizes):
            raise ValueError("no levels")
        blank = Prediction.fit([], sizes)
        if not all(_alike(tensors[name], getattr(blank, name)) for name in WEIGHTS):
            raise ValueError("weights of another form")
        for d, table in enumerate(made):
            if table.dtype != np.uint16 or table.shape != (*blank.shape(d), sizes[d]) or not table.min():
                raise ValueError("frequencies of another form")
        return cls(made, Prediction(sizes, *(tensors[name] for name in WEIGHTS)))

    def tensors(self) -> dict[str, Num[Array, "..."]]:
        """All that is kept."""
        tables = {f"frequencies.{d}": table for d, table in enumerate(self.frequencies)}
        return tables | {name: getattr(self.prediction, name) for name in WEIGHTS}

    @property
    def spelling(self) -> Spelling:
        """A symbol for each level."""
        return _spelling(self.prediction.sizes)

    @property
    def least(self) -> float:
        """Bits of the cheapest code there can be."""
        tops = (table.max(axis=-1) / table.sum(axis=-1, dtype=np.int64) for table in self.frequencies)
        return float(-sum(np.log2(top.max()) for top in tops))

    def steps(self, cells: Cells) -> Iterator[tuple[int, Int[Array, "2 n"]]]:
        """Which symbol is coded in which cells, one step after the other."""
        lines = list(cells.lines())
        for d in range(len(self.frequencies)):
            for at in lines:
                yield d, at

    def start(self) -> Int[Array, "0"]:
        """Before the first cell of a raster. Levels learn nothing from the raster itself."""
        return np.zeros(0, np.int64)

    def learned(self, before: Int[Array, "0"], rows: Float[Array, "n L"], symbols: Int[Array, "n"]) -> Int[Array, "0"]:
        """After some more cells."""
        return before

    def rows(self, cells: Cells, d: int, at: Int[Array, "2 n"], learned: Int[Array, "0"]) -> Float[Array, "n L"]:
        """The frequencies of level `d` in these cells; whole numbers below 2¹⁶, that float32 holds exactly."""
        rows: Array = self.frequencies[d][self.prediction.contexts(cells, d, at)].astype(np.float32)
        return rows


def are_levels(levels: Sequence[int]) -> bool:
    """Whether there can be tables of these."""
    return bool(levels) and all(2 <= level <= LARGEST for level in levels) and prod(levels) <= MOST


def _spelling(levels: tuple[int, ...]) -> Spelling:
    return Spelling(levels, tuple(level // 2 for level in levels))


def _alike(a: Num[Array, "..."], b: Num[Array, "..."]) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _counted(prediction: Prediction, seen: Sequence[Cells], d: int, size: int) -> Num[Array, "_ _ L"]:
    """The table of level `d`: shares of each context, leaning on those of the context without its last part."""
    shape = prediction.shape(d)
    count = np.zeros((*shape, size), np.int64)
    for cells in seen:
        at = cells.all
        np.add.at(count, (*prediction.contexts(cells, d, at), cells.symbol(at, d)), 1)
    share: Array = np.full(size, 1 / size)
    for depth in range(len(shape) + 1):
        here = count.sum(axis=tuple(range(depth, len(shape))))
        shorter = share if depth == 0 else share[..., None, :]
        share = (here + LEAN * shorter) / (here.sum(axis=-1, keepdims=True) + LEAN)
    scaled = np.rint(share / share.max(axis=-1, keepdims=True) * ONE)
    table: Array = np.maximum(scaled, max(1, RARE // size)).astype(np.uint16)
    return table
