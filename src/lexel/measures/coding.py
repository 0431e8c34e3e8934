"""An entropy coder for rasters of codes: streams that are written and read back, at the rate that they promise.

    raster ─► symbols ─► frequencies by what stands beside ─► numeral systems ─► stream
                         ▲
                         counted once, in training pictures

Tables are whole numbers, so that no rounding of another machine can lose the thread. Contexts that were rarely seen
lean on shorter ones, and every symbol stays possible everywhere. All cells of one symbol are coded before the next
symbol; the reader takes the cells of a line at once. `contexts.py` and `prediction.py` say what stands beside.

    bytes   1 or 2  1 or 2  …
            height  width   symbols, by asymmetric numeral systems (Duda 2009, arXiv 0902.0271): a stack, of which the
                            last that was written is read first. Below all lies a known number of three bytes: what is
                            no whole stream of these tables does not end there
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np

from lexel.disk import commit_bytes
from lexel.errors import BadArguments, LoadError, TokensError
from lexel.measures.contexts import Cells, Groups, Spelling
from lexel.measures.prediction import Prediction
from lexel.shapes import Array, Float, Int, Num

MOST = 1 << 62  # codes: they are int64
LARGEST = 64  # levels, and groups: the table of one has about its cube
MEMBERS = 1024  # of a group: the table has their square
LEAN = 16  # symbols that a context must have been seen with to weigh as much as the shorter one
ONE = (1 << 16) - 1  # the frequency of the likeliest symbol of a context
RARE = 256  # that of all others together, at least: as no code is free, a short stream is a small raster
SIDE = (1 << 15) - 1  # the longest side of a raster in a stream
BOTTOM = 1 << 24  # of the stack; as fine as the coder's frequencies, below which symbols cost nothing
AT_ONCE = 1 << 22  # frequencies that are unfolded for the coder
BROKEN = "not a whole stream of codes of these tables"
WEIGHTS = ("centre", "spread", "bounds")  # of a prediction
FORMAT, KEY = 1, "lexel"  # of the file, and its one metadata key


@dataclass(frozen=True, eq=False)
class Tables:
    """Frequencies of the symbols of codes, each given what stands beside it.

    frequencies   a table for each symbol, uint16 `[…contexts, L]`, from 1; they count relative to their sum
    judged        what chooses the row of a table
    groups        of each code of a learned codebook, uint16; None where the symbols are levels

        tables = Tables.fit(rasters, (8, 8, 8, 5, 5))
        tables.decode(tables.encode(raster))        # the raster again
    """

    frequencies: tuple[Num[Array, "... _"], ...]
    judged: Prediction | Groups
    groups: Num[Array, "K"] | None = None

    @classmethod
    def fit(
        cls, rasters: Iterable[Num[Array, "_ _"]], levels: Sequence[int], *, groups: Num[Array, "K"] | None = None
    ) -> "Tables":
        """Count in the rasters of training pictures.

        levels   their product is K; the first counts fastest, as in `fsq`. `(K,)` for a codebook with groups
        groups   of each code, from 0 on: see `contexts.groups_of`

        Raises `BadArguments` for levels below 2 or above 64, of more than 2^62 codes, and for groups that are not of
        these codes, 2 to 64, of 1 to 1,024 codes; `TokensError` for rasters of other codes.
        """
        if groups is None and not _are_levels(levels):
            raise BadArguments(f"each level is 2 to {LARGEST}, not {tuple(levels)}", hint="or give groups of the codes")
        if groups is not None and (tuple(levels) != groups.shape or not _are_groups(groups)):
            raise BadArguments(f"these are no 2 to {LARGEST} groups of {tuple(levels)} codes")
        spelling = Spelling(tuple(levels)) if groups is None else Spelling.of_groups(groups)
        seen = [spelling.spelled(raster) for raster in rasters]
        judged = Prediction.fit(seen, spelling.sizes) if groups is None else Groups(spelling.sizes)
        tables = tuple(_counted(judged, seen, d, size) for d, size in enumerate(spelling.sizes))
        return cls(tables, judged, None if groups is None else groups.astype(np.uint16))

    def encode(self, raster: Num[Array, "h w"]) -> bytes:
        """The stream of a raster: what `bits` says, and 8 bytes more at most, or 10 for sides of 128 codes and more.

        Raises `TokensError` for what is no raster of these codes, or has a side above 32,767; `MissingExtra` without
        constriction.
        """
        from lexel.needs import constriction

        cells = self._spelling.spelled(raster)
        if max(raster.shape) > SIDE:
            raise TokensError(f"a stream holds sides up to {SIDE:,} codes, not {max(raster.shape):,}")
        at = np.concatenate([np.zeros((2, 0), np.int64), *cells.lines()], axis=1)
        coder = constriction.stream.stack.AnsCoder(np.array([BOTTOM], np.uint32))
        family = constriction.stream.model.Categorical(perfect=False)
        for d, table in reversed(list(enumerate(self.frequencies))):
            step = max(1, AT_ONCE // table.shape[-1])
            for start in reversed(range(0, at.shape[1], step)):
                part = at[:, start : start + step]
                coder.encode_reverse(cells.symbol(part, d).astype(np.int32), family, self._rows(cells, d, part))
        body: bytes = coder.get_compressed().astype("<u4").tobytes()
        return _side(raster.shape[0]) + _side(raster.shape[1]) + body.rstrip(b"\0")  # the last word is not 0

    def decode(self, stream: bytes) -> Int[Array, "h w"]:
        """The raster of a stream, int64.

        Raises `TokensError` for a stream that was cut, changed or written with other tables; `MissingExtra` without
        constriction.
        """
        from lexel.needs import constriction

        height, after = _read_side(stream, 0)
        width, after = _read_side(stream, after)
        body = stream[after:]
        if height * width * self._least > 8 * len(body):  # before any work and any memory
            raise TokensError(f"a stream of {len(body)} bytes cannot hold {height} × {width} codes")
        cells = self._spelling.blank(height, width)
        try:
            words = np.frombuffer(body + bytes(-len(body) % 4), "<u4").astype(np.uint32)
            coder = constriction.stream.stack.AnsCoder(words)
        except ValueError as error:  # it ends in a word of 0
            raise TokensError(BROKEN) from error
        family = constriction.stream.model.Categorical(perfect=False)
        lines = list(cells.lines())
        for d in range(len(self.frequencies)):
            for at in lines:
                cells.inside[at[0], at[1], d] = coder.decode(family, self._rows(cells, d, at))
        if coder.get_compressed().tolist() != [BOTTOM]:
            raise TokensError(BROKEN)
        return self._spelling.raster(cells)

    def bits(self, raster: Num[Array, "h w"]) -> float:
        """Bits of the raster by these frequencies, its cross-entropy. Raises `TokensError` for no raster of codes."""
        cells = self._spelling.spelled(raster)
        at = cells.all
        total = 0.0
        for d, table in enumerate(self.frequencies):
            context = self.judged.contexts(cells, d, at)
            share = table[(*context, cells.symbol(at, d))] / table.sum(axis=-1, dtype=np.int64)[context]
            total -= float(np.log2(share).sum())
        return total + 0.0  # no −0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tables as safetensors, the same bytes for the same tables. Raises `OutputError`."""
        from safetensors.numpy import save

        tensors = {f"frequencies.{d}": table for d, table in enumerate(self.frequencies)}
        if isinstance(self.judged, Prediction):
            tensors |= {name: getattr(self.judged, name) for name in WEIGHTS}
        elif self.groups is not None:
            tensors["groups"] = self.groups
        commit_bytes(path, save(tensors, metadata={KEY: json.dumps({"lexel.coding": FORMAT})}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tables":
        """Read what `save` wrote. Raises `LoadError` that names the file."""
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise LoadError("there are no such tables of codes", subject=str(path))
        try:
            with safe_open(path, framework="numpy") as file:
                known = json.loads((file.metadata() or {})[KEY])["lexel.coding"] == FORMAT
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            groups = stored.pop("groups", None)
            weights = [] if groups is not None else [stored.pop(name) for name in WEIGHTS]
            made = tuple(stored[f"frequencies.{d}"] for d in range(len(stored)))
            sizes = tuple(table.shape[-1] for table in made)
            judged = Groups(sizes) if groups is not None else Prediction(sizes, *weights)
            tables = cls(made, judged, groups)
        except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
            raise LoadError(f"not tables of codes ({type(error).__name__})", subject=str(path)) from error
        if not known or not tables._fit_together():
            raise LoadError("tables of codes of another form", subject=str(path))
        return tables

    @cached_property
    def _spelling(self) -> Spelling:
        if self.groups is not None:
            return Spelling.of_groups(self.groups)
        return Spelling(tuple(table.shape[-1] for table in self.frequencies))

    @cached_property
    def _least(self) -> float:
        """Bits of the cheapest code there can be: what a stream of some length can hold at most follows from it."""
        tops = (table.max(axis=-1) / table.sum(axis=-1, dtype=np.int64) for table in self.frequencies)
        return float(-sum(np.log2(top.max()) for top in tops))

    def _rows(self, cells: Cells, d: int, at: Int[Array, "2 N"]) -> Float[Array, "N L"]:
        """The frequencies of symbol `d` in these cells; whole numbers below 2¹⁶, that float32 holds exactly."""
        rows: Array = self.frequencies[d][self.judged.contexts(cells, d, at)].astype(np.float32)
        return rows

    def _fit_together(self) -> bool:
        """Whether tables from a file are such as `fit` makes."""
        sizes = tuple(table.shape[-1] for table in self.frequencies)
        if isinstance(self.judged, Prediction):
            blank = Prediction.fit([], sizes) if _are_levels(sizes) else None
            if blank is None or not all(_alike(getattr(self.judged, x), getattr(blank, x)) for x in WEIGHTS):
                return False
        elif self.groups is None or self.groups.dtype != np.uint16 or not _are_groups(self.groups):
            return False
        return self._spelling.sizes == sizes and all(
            table.dtype == np.uint16 and table.shape == (*self.judged.shape(d), sizes[d]) and table.min() > 0
            for d, table in enumerate(self.frequencies)
        )


def _alike(a: Num[Array, "..."], b: Num[Array, "..."]) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _are_levels(levels: Sequence[int]) -> bool:
    return bool(levels) and all(2 <= level <= LARGEST for level in levels) and prod(levels) <= MOST


def _are_groups(groups: Num[Array, "K"]) -> bool:
    """Whether every code has one, counted from 0 without a gap, and not too many are in one."""
    if groups.ndim != 1 or not groups.size or groups.min() < 0 or not 0 < groups.max() < LARGEST:
        return False
    count = np.bincount(groups)
    return bool(count.min() > 0 and count.max() <= MEMBERS)


def _counted(judged: Prediction | Groups, seen: Sequence[Cells], d: int, size: int) -> Num[Array, "*contexts L"]:
    """The table of symbol `d`: shares of each context, leaning on those of the context without its last part."""
    shape = judged.shape(d)
    count = np.zeros((*shape, size), np.int64)
    for cells in seen:
        at = cells.all
        np.add.at(count, (*judged.contexts(cells, d, at), cells.symbol(at, d)), 1)
    share: Array = np.full(size, 1 / size)
    for depth in range(len(shape) + 1):
        here = count.sum(axis=tuple(range(depth, len(shape))))
        shorter = share if depth == 0 else share[..., None, :]
        share = (here + LEAN * shorter) / (here.sum(axis=-1, keepdims=True) + LEAN)
    scaled = np.rint(share / share.max(axis=-1, keepdims=True) * ONE)
    table: Array = np.maximum(scaled, max(1, RARE // size)).astype(np.uint16)
    return table


def _side(side: int) -> bytes:
    """One byte below 128, else two, of which the first is 128 or more."""
    return bytes([side]) if side < 128 else (side | 1 << 15).to_bytes(2, "big")


def _read_side(stream: bytes, at: int) -> tuple[int, int]:
    """A side, and where what follows it begins; 0 where the stream has ended."""
    length = 2 if stream[at : at + 1] >= b"\x80" else 1
    return int.from_bytes(stream[at : at + length], "big") & SIDE, at + length
