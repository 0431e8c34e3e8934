"""An entropy coder for rasters of codes: streams that are written and read back, at the rate that they promise.

    raster ─► symbols ─► frequencies by what stands beside ─► numeral systems ─► stream
                         ▲
                         fitted once, to training pictures: `levels.py` for FSQ, `vectors.py` for learned codebooks

Frequencies are whole numbers that every machine finds alike, so that no rounding of another one can lose the thread.
Both directions go line by line, and what a line was can change the frequencies of the next. Writing goes twice: the
last symbol is written first, by frequencies that only the way there tells.

    bytes   1 or 2  1 or 2  …
            height  width   symbols, by asymmetric numeral systems (Duda 2009, arXiv 0902.0271): a stack, of which the
                            last that was written is read first. Below all lies a known number of three bytes: what is
                            no whole stream of these tables does not end there
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexel.disk import commit_bytes
from lexel.errors import BadArguments, LoadError, TokensError
from lexel.measures.levels import LARGEST, Levels, are_levels
from lexel.measures.vectors import MOST, Vectors, is_codebook
from lexel.shapes import Array, Float, Int, Num

SIDE = (1 << 15) - 1  # the longest side of a raster in a stream
BOTTOM = 1 << 24  # of the stack; as fine as the coder's frequencies, below which symbols cost nothing
BROKEN = "not a whole stream of codes of these tables"
FORMAT, KEY = 1, "lexel"  # of the file, and its one metadata key


@dataclass(frozen=True, eq=False)
class Tables:
    """How likely codes are, given what stands beside them.

    tables = Tables.fit(rasters, (8, 8, 8, 5, 5))           # or codebook=model.image.quantizer.codebook.numpy()
    tables.decode(tables.encode(raster))                    # the raster again
    """

    likely: Levels | Vectors

    @classmethod
    def fit(
        cls,
        rasters: Iterable[Num[Array, "_ _"]],
        levels: Sequence[int] = (),
        *,
        codebook: Float[Array, "K D"] | None = None,
    ) -> "Tables":
        """To the rasters of training pictures. One of the two says what their codes are.

        levels     their product is K; the first counts fastest, as in `fsq`
        codebook   the vector of each code

        Raises `BadArguments` for levels below 2 or above 64, of more than 2^62 codes, and for a codebook that is not of
        2 to 65,536 finite vectors; `TokensError` for rasters of other codes.
        """
        if codebook is not None:
            if len(levels) or not is_codebook(codebook):
                raise BadArguments(f"a codebook is of 2 to {MOST:,} finite vectors, without levels")
            return cls(Vectors.fit(list(rasters), codebook))
        if not are_levels(levels):
            raise BadArguments(f"each level is 2 to {LARGEST}, not {tuple(levels)}", hint="or give a codebook")
        return cls(Levels.fit(list(rasters), tuple(levels)))

    def encode(self, raster: Num[Array, "h w"]) -> bytes:
        """The stream of a raster: what `bits` says, and 8 bytes more at most, or 10 for sides of 128 codes and more.

        Raises `TokensError` for what is no raster of these codes, or has a side above 32,767; `MissingExtra` without
        constriction.
        """
        from lexel.needs import constriction

        cells = self.likely.spelling.spelled(raster)
        if max(raster.shape) > SIDE:
            raise TokensError(f"a stream holds sides up to {SIDE:,} codes, not {max(raster.shape):,}")
        learned, way = self.likely.start(), []
        for d, at in self.likely.steps(cells):
            way.append((d, at, learned))
            rows = self.likely.rows(cells, d, at, learned)
            learned = self.likely.learned(learned, rows, cells.symbol(at, d))
        coder = constriction.stream.stack.AnsCoder(np.array([BOTTOM], np.uint32))
        family = constriction.stream.model.Categorical(perfect=False)
        for d, at, learned in reversed(way):
            rows = self.likely.rows(cells, d, at, learned)
            coder.encode_reverse(cells.symbol(at, d).astype(np.int32), family, rows)
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
        if height * width * self.likely.least > 8 * len(body):  # before any work and any memory
            raise TokensError(f"a stream of {len(body)} bytes cannot hold {height} × {width} codes")
        cells = self.likely.spelling.blank(height, width)
        try:
            words = np.frombuffer(body + bytes(-len(body) % 4), "<u4").astype(np.uint32)
            coder = constriction.stream.stack.AnsCoder(words)
        except ValueError as error:  # it ends in a word of 0
            raise TokensError(BROKEN) from error
        family = constriction.stream.model.Categorical(perfect=False)
        learned = self.likely.start()
        for d, at in self.likely.steps(cells):
            rows = self.likely.rows(cells, d, at, learned)
            symbols = coder.decode(family, rows)
            if coder.num_valid_bits() < BOTTOM.bit_length() - 1:  # the number below all was read as symbols
                raise TokensError(BROKEN)
            cells.inside[at[0], at[1], d] = symbols
            learned = self.likely.learned(learned, rows, symbols)
        if coder.get_compressed().tolist() != [BOTTOM]:
            raise TokensError(BROKEN)
        return self.likely.spelling.raster(cells)

    def bits(self, raster: Num[Array, "h w"]) -> float:
        """Bits of the raster by these frequencies, its cross-entropy. Raises `TokensError` for no raster of codes."""
        cells = self.likely.spelling.spelled(raster)
        total, learned = 0.0, self.likely.start()
        for d, at in self.likely.steps(cells):
            rows, symbols = self.likely.rows(cells, d, at, learned), cells.symbol(at, d)
            share = rows[np.arange(len(symbols)), symbols] / rows.sum(axis=1, dtype=np.float64)
            total -= float(np.log2(share).sum())
            learned = self.likely.learned(learned, rows, symbols)
        return total + 0.0  # no −0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tables as safetensors, the same bytes for the same tables. Raises `OutputError`."""
        from safetensors.numpy import save

        commit_bytes(path, save(self.likely.tensors(), metadata={KEY: json.dumps({"lexel.coding": FORMAT})}))

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
            tables = cls(Vectors.of(stored) if "codebook" in stored else Levels.of(stored))
        except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
            raise LoadError(f"not tables of codes ({type(error).__name__})", subject=str(path)) from error
        if not known:
            raise LoadError("tables of codes of another form", subject=str(path))
        return tables


def _side(side: int) -> bytes:
    """One byte below 128, else two, of which the first is 128 or more."""
    return bytes([side]) if side < 128 else (side | 1 << 15).to_bytes(2, "big")


def _read_side(stream: bytes, at: int) -> tuple[int, int]:
    """A side, and where what follows it begins; 0 where the stream has ended."""
    length = 2 if stream[at : at + 1] >= b"\x80" else 1
    return int.from_bytes(stream[at : at + length], "big") & SIDE, at + length
