"""One method on one picture: what runs in the process of the method.

tried    a pipeline: its tokens, what they take, what they keep
coded    a codec at given rates: the same columns
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import mean

from lexel.errors import LoadError, TokensError
from lexel.measures.bits import bits
from lexel.measures.codecs import Codec, Coded, encode, ladder
from lexel.measures.meter import Cost, metered
from lexel.measures.pixels import WINDOW, mse, ssim
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.pipelines.compose import Pipeline, pipeline, reduce
from lexel.shapes import Array, UInt8
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Evidence, Selector
from lexel.tokens.restore import restored
from lexel.tokens.value import Tokens


@dataclass(frozen=True)
class Trial:
    """What one way made of one picture.

    tokens   how many; None of a codec
    regions  how many of them stand for a region of the picture
    bits     see `bits.bits`; of a codec without its header
    header   bits of the header of a codec's file
    mse      against the picture, at its size; None where tokens cannot be undone
    ssim     as well None for pictures of less than 7 pixels a side
    cost     time and memory of tokenizing, or of encoding
    seen     the method was learned from this picture, among others
    note     what the method warned about
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


def tried(text: str, picture: Picture, repeats: int) -> Trial:
    """Tokenize with a pipeline, measure it, and undo it as far as that can be done."""
    method = _pipeline(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokens, cost = metered(lambda: method([picture]), repeats=repeats)
    error, similarity = _quality(method, tokens, picture)
    return Trial(
        tokens=tokens.total,
        regions=_regions(tokens),
        bits=bits(tokens),
        header=0,
        mse=error,
        ssim=similarity,
        cost=cost,
        seen=picture.digest in getattr(method.tokenizer, "fitted_on", ()),
        note=str(caught[0].message) if caught else "",
    )


def drawn(text: str, selectors: tuple[Selector, ...], picture: Picture, repeats: int) -> Trial:
    """A tokenizer and one selector after it: the mean of the errors with each of `selectors`, which differ in their
    seed alone. All else is that of the first.
    """
    method = _pipeline(text)
    tokens, cost = metered(lambda: reduce(method([picture]), selectors[0]), repeats=repeats)
    before = method([picture])
    plans = [selector.plan(Evidence.of(before)) for selector in selectors]
    distances = [_undone(method, restored(before, plan, before.apply(plan)), picture) for plan in plans]
    errors, similarities = ([x for x in column if x is not None] for column in zip(*distances, strict=True))
    return Trial(
        tokens=tokens.total,
        regions=_regions(tokens),
        bits=bits(tokens),
        header=0,
        mse=mean(errors) if errors else None,
        ssim=mean(similarities) if similarities else None,
        cost=cost,
    )


def coded(codec: Codec, rates: tuple[int, ...], picture: Picture, repeats: int) -> list[Trial]:
    """The codec at each of these rates, in bits; the time is that of encoding at the quality that was found."""
    at_most = ladder(picture.pixels, codec)
    measured = cache(lambda found: _coded(found, picture, repeats))  # the best file answers many rates
    return [measured(at_most(rate)) for rate in rates]


def _coded(found: Coded, picture: Picture, repeats: int) -> Trial:
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    _, cost = metered(lambda: encode(picture.pixels, found.codec, found.quality, scale=found.scale), repeats=repeats)
    error, similarity = _distance(picture.pixels, found.pixels(size))
    return Trial(None, None, found.bits, 8 * found.header, error, similarity, cost)


def _quality(method: Pipeline, tokens: Tokens, picture: Picture) -> tuple[float | None, float | None]:
    if not all(isinstance(part, Selector) for part in method.rest):
        return None, None
    if method.rest:
        trace = method.trace([picture])
        tokens = restored(trace.before, trace.plan, trace.after)
    return _undone(method, tokens, picture)


def _undone(method: Pipeline, tokens: Tokens, picture: Picture) -> tuple[float | None, float | None]:
    undo: Callable[[Tokens], list[Picture]] | None = getattr(method.tokenizer, "detokenize", None)
    if undo is None:
        return None, None
    try:
        [back] = undo(tokens)
    except (LoadError, TokensError):  # its decoder was not saved, or its tokens were merged inside
        return None, None
    return _distance(picture.pixels, pillow_bicubic(back.pixels, (picture.pixels.shape[0], picture.pixels.shape[1])))


def _distance(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> tuple[float, float | None]:
    return mse(a, b), ssim(a, b) if min(a.shape[:2]) >= WINDOW else None


def _regions(tokens: Tokens) -> int:
    return int((tokens.kind == Kind.REGION).sum())


@cache
def _pipeline(text: str) -> Pipeline:
    """Built once a process: what a method reads or learns before the first picture is not counted."""
    return pipeline(text)
