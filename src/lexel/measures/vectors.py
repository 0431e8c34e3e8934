"""How likely each code of a learned codebook is, by the vectors of the four cells before. It learns on as it goes.

    ┌────┬────┬────┐     expected   the vector that a weighted sum of these four is
    │ ul │ up │ ur │     spread     how much they differ among themselves, in sixteen classes
    ├────┼────┼────┘
    │ le │ ▓▓ │          log₂ frequency of code k =
    └────┴────┘              codes[k]
                           + near[spread, how far k's vector is from the expected one]
                           + same[which of the four k is, how many others of them it is too, spread], if it is one
                           + what this raster has taught of k so far

Vectors are turned and stretched until the expected one is wrong by as much in all directions, and kept as bytes. All is
in whole numbers, or in floats that hold them exactly: every machine finds the same frequencies.

The two photographs of `recipes/photo/evaluate.py` take 0.126 and 0.090 bits a pixel in the 4,096 codes of
lexel/photo-vq; with `RATE` 0, so that the raster teaches nothing, 0.131 and 0.105.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from lexel.measures.contexts import BEFORE, LEFT, UP, UPPER_LEFT, UPPER_RIGHT, Cells, Spelling
from lexel.measures.prediction import UNIT, least_squares, with_one
from lexel.measures.turning import DIRECTIONS, turned
from lexel.shapes import Array, Float, Int, Num

MOST = 1 << 16  # codes
CLASSES, BINS = 16, 40  # of spreads and of distances, with about equally many cells in each
FAR = 1024  # distances from here on are one
BIT = 256  # units of a logarithm
TOP = 1 << 20  # the frequency of the likeliest code
RARE = TOP >> 8  # that of all others together, at least: as no code is free, a short stream is a small raster
SHARE = 1 << 16  # units of a probability
RATE = 110  # units of a logarithm that a code gains where it stands unexpected; 70 and 160 take a little more bits
PAIRS = ((LEFT, UPPER_LEFT), (UP, UPPER_LEFT), (UPPER_RIGHT, UP), (LEFT, UP))
ROUNDS = ("near", "same", "codes") * 3
LEAN = {"near": 4.0, "same": 1.0, "codes": 1.0}  # cells for and against an entry, beside those that were seen
SEEN = 50_000  # cells in a round, about
AT_ONCE = 1 << 22  # frequencies in a round


@dataclass(frozen=True, eq=False)
class Vectors:
    """What is known of K codes of E numbers each. Logarithms are int16, in 1/256 of a bit.

    codebook   int8 `[K, E]`, turned and stretched
    centre     int32 `[E, 4·E + 1]`, in units of 2⁻¹²; the last is added to the sum
    spread     int32 `[7]`, weights of six differences; the last is added
    bounds     int64 `[15]`, rising: where the classes of spreads part
    radii      int64 `[39]`, rising: where those of distances do
    codes, near, same   see the head: logarithms `[K]`, `[16, 40]`, `[4, 4, 16]`
    """

    codebook: Num[Array, "K E"]
    centre: Num[Array, "E F"]
    spread: Num[Array, "G"]
    bounds: Num[Array, "_"]
    radii: Num[Array, "_"]
    codes: Num[Array, "K"]
    near: Num[Array, "_ _"]
    same: Num[Array, "_ _ _"]

    @classmethod
    def fit(cls, rasters: Sequence[Num[Array, "_ _"]], codebook: Float[Array, "K D"]) -> "Vectors":
        """To these rasters: weights by least squares, then logarithms by iterative scaling (Darroch and Ratcliff 1972).

        Each round looks at other cells, and makes what is expected in them as frequent as what is there.
        """
        seen = [_spelling(len(codebook)).spelled(raster) for raster in [*rasters, np.zeros((0, 0), np.int64)]]
        before = [_before(cells, cells.all) for cells in seen]
        codes = [cells.symbol(cells.all, 0) for cells in seen]
        often = np.bincount(np.concatenate(codes), minlength=len(codebook)) + 0.5
        book = turned(codebook.astype(np.float64), often, before, codes)
        vectors = [_with_nothing(book)[some].astype(np.int64) for some in before]
        centre = least_squares([with_one(x) for x in vectors], [book[some] for some in codes])
        wrong = [book[k] - with_one(x) @ centre for x, k in zip(vectors, codes, strict=True)]
        off = [np.sqrt((x**2).sum(axis=1)) for x in wrong]
        unrest = [_unrest(x) for x in vectors]
        spread = np.rint(least_squares(unrest, off) * UNIT).astype(np.int32)
        made = cls(
            book,
            np.rint(centre.T * UNIT).astype(np.int32),
            spread,
            _parted([x @ spread.astype(np.int64) for x in unrest], CLASSES),
            _parted([x.astype(np.int64) for x in off], BINS),
            _logarithms(often / often.max()),
            np.zeros((CLASSES, BINS), np.int16),
            np.zeros((len(BEFORE), len(BEFORE), CLASSES), np.int16),
        )
        apart = min(len(ROUNDS), max(1, sum(map(len, codes)) // SEEN))
        for number, name in enumerate(ROUNDS):
            every = [cells.all[:, number % apart :: apart] for cells in seen]
            more = made._scaling(name, seen, every)
            made = replace(made, **{name: getattr(made, name) + more})
        return made

    @classmethod
    def of(cls, tensors: Mapping[str, Num[Array, "..."]]) -> "Vectors":
        """From what `tensors` gave. Raises `ValueError` or `TypeError` for any others."""
        made = cls(**tensors)
        if not is_codebook(made.codebook) or made.codebook.shape[1] > DIRECTIONS:
            raise ValueError("no codebook")
        for name, (dtype, *shape) in _forms(*made.codebook.shape).items():
            if tensors[name].dtype != dtype or tensors[name].shape != tuple(shape):
                raise ValueError(f"{name} of another form")
        return made

    def tensors(self) -> dict[str, Num[Array, "..."]]:
        """All that is kept."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: np.ascontiguousarray(x) for name, x in kept.items()}  # safetensors writes memory as it lies

    @property
    def spelling(self) -> Spelling:
        """The code is the one symbol."""
        return _spelling(len(self.codes))

    @property
    def least(self) -> float:
        """Bits of the cheapest code there can be."""
        return float(np.log2(1 + (len(self.codes) - 1) * self._least / TOP))

    def steps(self, cells: Cells) -> Iterator[tuple[int, Int[Array, "2 n"]]]:
        """Which symbol is coded in which cells, one step after the other."""
        return ((0, at) for at in cells.lines())

    def start(self) -> Int[Array, "K"]:
        """What a raster has taught before its first cell."""
        return np.zeros(len(self.codes), np.int64)

    def learned(self, before: Int[Array, "K"], rows: Float[Array, "n K"], symbols: Int[Array, "n"]) -> Int[Array, "K"]:
        """And after some more: a code that was found more often than was expected is expected more often."""
        total = rows.sum(axis=1, keepdims=True, dtype=np.float64)  # float64 holds these sums exactly, in any order
        expected = np.floor(rows * (SHARE / total)).sum(axis=0)
        found = np.bincount(symbols, minlength=len(before))
        return np.asarray(before + RATE * (SHARE * found - expected.astype(np.int64)))

    def rows(self, cells: Cells, d: int, at: Int[Array, "2 n"], learned: Int[Array, "K"]) -> Float[Array, "n K"]:
        """The frequencies of all codes in these cells; whole numbers up to 2²⁰, that float32 holds exactly."""
        return self._frequencies(self._beside(cells, at), learned)

    def _frequencies(self, beside: "_Beside", learned: Int[Array, "K"]) -> Float[Array, "n K"]:
        logs = self._nearness[(beside.spread * FAR)[:, None] + beside.radius]
        logs += self.codes + (learned // SHARE).astype(np.int32)
        for which, (cell, others) in enumerate(beside.told):
            logs[cell, beside.before[cell, which]] += self.same[which, others, beside.spread[cell]]
        below = logs.max(axis=1, keepdims=True) - logs
        rows: Array = self._powers[np.minimum(below, len(self._powers) - 1)]
        return rows

    def _beside(self, cells: Cells, at: Int[Array, "2 n"]) -> "_Beside":
        before = _before(cells, at)
        vectors = _with_nothing(self.codebook)[before].astype(np.int64)
        spread = np.searchsorted(self.bounds, _unrest(vectors) @ self.spread.astype(np.int64))
        expected = (with_one(vectors) @ self.centre.T.astype(np.int64) + UNIT // 2) // UNIT
        a, b = expected.clip(-255, 255).astype(np.float32), self.codebook.astype(np.float32)
        # Whole numbers below 2²⁴, as codes have 16 directions at most: float32 holds them exactly, added in any order.
        squares = (a**2).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b**2).sum(axis=1)
        radius = np.minimum(np.sqrt(squares).astype(np.int32), FAR - 1)
        told = []
        for which in range(len(BEFORE)):
            equal = before == before[:, [which]]
            cell = np.flatnonzero((before[:, which] < len(self.codes)) & ~equal[:, :which].any(axis=1))
            told.append((cell, equal[cell, which + 1 :].sum(axis=1)))
        return _Beside(spread, radius, before, told)

    def _scaling(self, name: str, seen: Sequence[Cells], every: Sequence[Int[Array, "2 _"]]) -> Num[Array, "..."]:
        """What must be added to one of the three, that it expects of these cells as much as there is."""
        shape = getattr(self, name).shape
        found, expected = np.zeros(shape), np.zeros(shape)
        step = max(1, AT_ONCE // len(self.codes))
        for cells, some in zip(seen, every, strict=True):
            for start in range(0, some.shape[1], step):
                at = some[:, start : start + step]
                beside, code = self._beside(cells, at), cells.symbol(at, 0)
                rows = self._frequencies(beside, self.start())
                share = rows / rows.sum(axis=1, keepdims=True)
                if name == "codes":
                    found += np.bincount(code, minlength=len(found))
                    expected += share.sum(axis=0)
                elif name == "near":
                    place = beside.spread[:, None] * BINS + self._bins[beside.radius]
                    there = place[np.arange(len(code)), code]
                    found += np.bincount(there, minlength=found.size).reshape(shape)
                    expected += np.bincount(place.reshape(-1), share.reshape(-1), found.size).reshape(shape)
                else:
                    for which, (cell, others) in enumerate(beside.told):
                        entry, told = (others, beside.spread[cell]), beside.before[cell, which]
                        np.add.at(found[which], entry, told == code[cell])
                        np.add.at(expected[which], entry, share[cell, told])
        return _logarithms((found + LEAN[name]) / (expected + LEAN[name]))

    @cached_property
    def _bins(self) -> Int[Array, "_"]:
        """The class of each distance."""
        return np.searchsorted(self.radii, np.arange(FAR), side="right")

    @cached_property
    def _nearness(self) -> Int[Array, "_"]:
        """`near` of each spread and distance."""
        wide: Array = self.near[:, self._bins].reshape(-1).astype(np.int32)
        return wide

    @cached_property
    def _powers(self) -> Float[Array, "_"]:
        """Frequencies, by how far their logarithm is below the highest."""
        below = np.arange(BIT * (TOP // self._least).bit_length())
        powers: Array = np.maximum(np.rint(TOP * np.exp2(-below / BIT)), self._least).astype(np.float32)
        return powers

    @property
    def _least(self) -> int:
        return max(1, RARE // len(self.codes))


def is_codebook(codebook: Num[Array, "..."]) -> bool:
    """Whether codes can have these vectors."""
    return codebook.ndim == 2 and 2 <= len(codebook) <= MOST and codebook.size > 0 and bool(np.isfinite(codebook).all())


@dataclass(frozen=True, eq=False)
class _Beside:
    """What some cells are judged by.

    before   the four codes before each; K beyond the edge
    told     for each of the four: cells in which it is a code and none of those before it, and how many after it are
             the same
    """

    spread: Int[Array, "n"]
    radius: Int[Array, "n K"]
    before: Int[Array, "n 4"]
    told: list[tuple[Int[Array, "_"], Int[Array, "_"]]]


def _forms(codes: int, directions: int) -> dict[str, tuple[str | int, ...]]:
    """Dtype and shape of what is kept."""
    four = len(BEFORE)
    return {
        "codebook": ("int8", codes, directions),
        "centre": ("int32", directions, four * directions + 1),
        "spread": ("int32", len(PAIRS) + 3),
        "bounds": ("int64", CLASSES - 1),
        "radii": ("int64", BINS - 1),
        "codes": ("int16", codes),
        "near": ("int16", CLASSES, BINS),
        "same": ("int16", four, four, CLASSES),
    }


def _spelling(count: int) -> Spelling:
    return Spelling((count,), (count,))


def _before(cells: Cells, at: Int[Array, "2 n"]) -> Int[Array, "n 4"]:
    found: Array = cells.around(at, np.array(BEFORE))[..., 0]
    return found


def _with_nothing(book: Num[Array, "K E"]) -> Num[Array, "K1 E"]:
    """And the vector of what is beyond the edge."""
    return np.concatenate([book, np.zeros((1, book.shape[1]), book.dtype)])


def _unrest(vectors: Int[Array, "n 4 E"]) -> Int[Array, "n 7"]:
    """How long differences between the four are, and two of them; and a one."""
    left, up = vectors[:, BEFORE.index(LEFT)], vectors[:, BEFORE.index(UP)]
    apart = [vectors[:, BEFORE.index(a)] - vectors[:, BEFORE.index(b)] for a, b in PAIRS]
    squares = np.stack([*apart, left, up], axis=1).astype(np.float64) ** 2
    return with_one(np.sqrt(squares.sum(axis=2, keepdims=True)).astype(np.int64))


def _parted(values: Sequence[Int[Array, "_"]], count: int) -> Int[Array, "_"]:
    """Bounds between so many classes with about equally many values in each."""
    found = np.sort(np.concatenate([np.zeros(1, np.int64), *values]))
    return np.asarray(found[np.arange(1, count) * len(found) // count])


def _logarithms(x: Float[Array, "..."]) -> Num[Array, "..."]:
    logs: Array = np.rint(BIT * np.log2(x)).astype(np.int16)
    return logs
