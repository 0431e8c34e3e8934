"""One method on one picture: what runs in the process of the method.

tried    a pipeline: its tokens, what they take, what they keep
coded    a codec at given rates: the same columns
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from statistics import mean
from typing import Protocol, cast, runtime_checkable

from lexel.errors import LoadError, TokensError
from lexel.measures.bits import bits
from lexel.measures.codecs import Codec, Coded, encode, ladder
from lexel.measures.coding import Tables
from lexel.measures.meter import Cost, metered
from lexel.measures.pixels import WINDOW, mse, ssim
from lexel.measures.stability import Codec as Invertible
from lexel.measures.stability import stability
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.pipelines.compose import Pipeline, pipeline, reduce
from lexel.shapes import Array, UInt8
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Evidence, Selector
from lexel.tokens.restore import restored
from lexel.tokens.value import Tokens


@runtime_checkable
class Distance(Protocol):
    """How far one picture is from another, by a measure of your own. It travels to another process by pickle.

    name   of the column
    """

    @property
    def name(self) -> str:
        """Of the column."""

    def __call__(self, a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> float:
        """0 for equal pictures."""


@dataclass(frozen=True)
class Also:
    """What is measured when somebody asks for it.

    distances   between a picture and what was kept of it
    stability   how many codes flip: see `measures/stability.py`
    """

    distances: tuple[Distance, ...] = ()
    stability: bool = False


NOTHING = Also()


@dataclass(frozen=True)
class Kept:
    """What is left of a picture: the columns of `Trial` that say so."""

    mse: float | None = None
    ssim: float | None = None
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """What one way made of one picture.

    tokens   how many; None of a codec
    regions  how many of them stand for a region of the picture
    bits     see `bits.bits`, or of the stream where the model has an entropy coder; of a codec without its header
    header   bits of the header of a codec's file
    mse      against the picture, at its size; None where tokens cannot be undone
    ssim     as well None for pictures of less than 7 pixels a side
    cost     time and memory of tokenizing, or of encoding
    seen     the method was learned from this picture, among others
    note     what the method warned about
    more     what else was asked for, by name: distances, and shares of codes that flip
    """

    tokens: int | None
    regions: int | None
    bits: int
    header: int
    mse: float | None
    ssim: float | None
    cost: Cost
    seen: bool = False
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)


def tried(text: str, picture: Picture, repeats: int, also: Also = NOTHING) -> Trial:
    """Tokenize with a pipeline, measure it, and undo it as far as that can be done."""
    method = _pipeline(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokens, cost = metered(lambda: method([picture]), repeats=repeats)
    kept = _quality(method, tokens, picture, also)
    flips: dict[str, float] = {}
    if also.stability and kept.mse is not None and tokens.space.kind == "codes" and not method.rest:
        found = stability(cast("Invertible", method.tokenizer), picture)
        flips = {f"flips {name}": change.flips for name, change in found.items()}
    return Trial(
        tokens=tokens.total,
        regions=_regions(tokens),
        bits=_bits(method, tokens),
        header=0,
        mse=kept.mse,
        ssim=kept.ssim,
        cost=cost,
        seen=picture.digest in getattr(method.tokenizer, "fitted_on", ()),
        note=str(caught[0].message) if caught else "",
        more=kept.more | flips,
    )


def drawn(text: str, selectors: tuple[Selector, ...], picture: Picture, repeats: int, also: Also = NOTHING) -> Trial:
    """A tokenizer and one selector after it: the mean of the errors with each of `selectors`, which differ in their
    seed alone. All else is that of the first.
    """
    method = _pipeline(text)
    tokens, cost = metered(lambda: reduce(method([picture]), selectors[0]), repeats=repeats)
    before = method([picture])
    plans = [selector.plan(Evidence.of(before)) for selector in selectors]
    kept = [_undone(method, restored(before, plan, before.apply(plan)), picture, also) for plan in plans]
    errors = [one.mse for one in kept if one.mse is not None]
    similarities = [one.ssim for one in kept if one.ssim is not None]
    return Trial(
        tokens=tokens.total,
        regions=_regions(tokens),
        bits=bits(tokens),
        header=0,
        mse=mean(errors) if errors else None,
        ssim=mean(similarities) if similarities else None,
        cost=cost,
        more={name: mean(one.more[name] for one in kept) for name in kept[0].more},
    )


def coded(codec: Codec, rates: tuple[int, ...], picture: Picture, repeats: int, also: Also = NOTHING) -> list[Trial]:
    """The codec at each of these rates, in bits; the time is that of encoding at the quality that was found."""
    at_most = ladder(picture.pixels, codec)
    measured = cache(lambda found: _coded(found, picture, repeats, also))  # the best file answers many rates
    return [measured(at_most(rate)) for rate in rates]


def _coded(found: Coded, picture: Picture, repeats: int, also: Also) -> Trial:
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    _, cost = metered(lambda: encode(picture.pixels, found.codec, found.quality, scale=found.scale), repeats=repeats)
    kept = _kept(picture.pixels, found.pixels(size), also)
    return Trial(None, None, found.bits, 8 * found.header, kept.mse, kept.ssim, cost, more=kept.more)


def _quality(method: Pipeline, tokens: Tokens, picture: Picture, also: Also) -> Kept:
    if not all(isinstance(part, Selector) for part in method.rest):
        return Kept()
    if method.rest:
        trace = method.trace([picture])
        tokens = restored(trace.before, trace.plan, trace.after)
    return _undone(method, tokens, picture, also)


def _undone(method: Pipeline, tokens: Tokens, picture: Picture, also: Also) -> Kept:
    undo: Callable[[Tokens], list[Picture]] | None = getattr(method.tokenizer, "detokenize", None)
    if undo is None:
        return Kept()
    try:
        [back] = undo(tokens)
    except (LoadError, TokensError):  # its decoder was not saved, or its tokens were merged inside
        return Kept()
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    return _kept(picture.pixels, pillow_bicubic(back.pixels, size), also)


def _kept(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"], also: Also) -> Kept:
    similarity = ssim(a, b) if min(a.shape[:2]) >= WINDOW else None
    return Kept(mse(a, b), similarity, {distance.name: distance(a, b) for distance in also.distances})


def _bits(method: Pipeline, tokens: Tokens) -> int:
    """Those of the stream where a model comes with an entropy coder for its codes; else as stored."""
    tables: Tables | None = getattr(method.tokenizer, "tables", None)
    if tables is None or method.rest:
        return bits(tokens)
    return sum(8 * len(tables.encode(raster)) for raster in tokens.grids())


def _regions(tokens: Tokens) -> int:
    return int((tokens.kind == Kind.REGION).sum())


@cache
def _pipeline(text: str) -> Pipeline:
    """Built once a process: what a method reads or learns before the first picture is not counted."""
    return pipeline(text)
