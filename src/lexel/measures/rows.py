"""The rows of a comparison: a way of keeping a picture, and what it costs and keeps.

    Standing ─┬─ row         patch(16) | tome(r=512)     the method, the mean of all pictures
              └─ baselines   random_drop                 as many tokens, drawn by lot
                             resize                      as many tokens, averaged
                             jpeg, webp                  as many bits

A method that no baseline is worse than is not worth its trouble here, and `Standing.beats_none` says so.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from lexel.measures.meter import Failed
from lexel.measures.pixels import psnr
from lexel.measures.trial import Trial
from lexel.pictures.picture import Picture

MB = 1e6


@dataclass(frozen=True)
class Row:
    """One way on one picture, or on the mean of all.

    way                    the text of a pipeline; "random_drop", "resize", "jpeg" or "webp" of a baseline
    of                     the method beside which a baseline stands; of a method its own text
    picture                its name; "" for the mean
    pixels                 of the upright original
    tokens                 None of a codec
    bits_per_pixel         of tokens as `Trial` counts them; of a codec without the header of its file
    header_bits_per_pixel  of that header
    mse                    mean squared error of bytes, 0 to 65,025; None where tokens cannot be undone
    psnr                   dB, infinite for an mse of 0; of the mean row the PSNR of the mean mse
    ssim                   at most 1; None also for pictures of less than 7 pixels a side
    ms, peak_mb            time of tokenizing or encoding one picture, and the most memory of its process in 10⁶ bytes:
                           the mean of the pictures, the largest of them. The only numbers that differ from run to run
    seen                   the method was learned from this picture, so that it looks better than it is
    note                   what the method warned about
    more                   what else was asked for, by name
    error                  why there is no result: the name of the error, and a sentence
    """

    way: str
    of: str
    picture: str
    pixels: int
    tokens: int | float | None = None
    bits_per_pixel: float | None = None
    header_bits_per_pixel: float | None = None
    mse: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    ms: float | None = None
    peak_mb: float | None = None
    seen: bool = False
    note: str = ""
    error: str = ""
    more: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_trial(cls, way: str, of: str, picture: Picture, trial: Trial | Failed) -> "Row":
        """What a trial says."""
        pixels = picture.size[0] * picture.size[1]
        if isinstance(trial, Failed):
            return cls(way, of, picture.name, pixels, error=f"{trial.error}: {trial.reason}")
        return cls(
            way=way,
            of=of,
            picture=picture.name,
            pixels=pixels,
            tokens=trial.tokens,
            bits_per_pixel=trial.bits / pixels,
            header_bits_per_pixel=trial.header / pixels,
            mse=trial.mse,
            psnr=None if trial.mse is None else psnr(trial.mse),
            ssim=trial.ssim,
            ms=trial.cost.ms,
            peak_mb=None if trial.cost.peak is None else trial.cost.peak / MB,
            seen=trial.seen,
            note=trial.note,
            more=trial.more,
        )

    @property
    def pixels_per_token(self) -> float | None:
        """How many pixels one token stands for; None of a codec, and where there is no token."""
        return self.pixels / self.tokens if self.tokens else None

    def plain(self) -> dict[str, str | float | bool | dict[str, float] | None]:
        """The row for JSON, which has no infinity: an infinite PSNR is null beside an mse of 0."""
        plain = asdict(self) | {"pixels_per_token": self.pixels_per_token}
        return plain | {"psnr": None if self.psnr == math.inf else self.psnr}


@dataclass(frozen=True)
class Standing:
    """A method among its baselines: mean rows, and which of the baselines it beats."""

    row: Row
    baselines: tuple[Row, ...]
    beats: tuple[str, ...]

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> "Standing":
        """From the rows of one method and its baselines on all pictures."""
        ways: dict[str, list[Row]] = {}
        for row in rows:
            ways.setdefault(row.way, []).append(row)
        method, *baselines = ways.values()
        return cls(
            mean(method),
            tuple(map(mean, baselines)),
            tuple(other[0].way for other in baselines if _better(method, other)),
        )

    @property
    def beats_none(self) -> bool:
        """Whether there is a baseline to beat, and none is beaten."""
        return self.row.mse is not None and any(row.mse is not None for row in self.baselines) and not self.beats


def mean(rows: Sequence[Row]) -> Row:
    """One way on all pictures: bits, pixels and tokens of all together, means of what was measured a picture.

    Pictures that failed are left out, and `error` says how many.
    """
    good, bad = [row for row in rows if not row.error], [row for row in rows if row.error]
    failed = f"{len(bad)} of {len(rows)} pictures: {bad[0].error}" if bad else ""
    first = replace(rows[0], picture="", error=failed)
    if not good:
        return first
    pixels = sum(row.pixels for row in good)
    error = _mean([row.mse for row in good])
    return replace(
        first,
        pixels=round(pixels / len(good)),
        tokens=_mean([row.tokens for row in good]),
        bits_per_pixel=sum((row.bits_per_pixel or 0) * row.pixels for row in good) / pixels,
        header_bits_per_pixel=sum((row.header_bits_per_pixel or 0) * row.pixels for row in good) / pixels,
        mse=error,
        psnr=None if error is None else psnr(error),
        ssim=_mean([row.ssim for row in good]),
        ms=_mean([row.ms for row in good]),
        peak_mb=max((row.peak_mb for row in good if row.peak_mb is not None), default=None),
        seen=any(row.seen for row in good),
        note=next((row.note for row in good if row.note), ""),
        more={name: _mean_of(good, name) for name in dict.fromkeys(name for row in good for name in row.more)},
    )


def _mean(values: Sequence[int | float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _mean_of(rows: Sequence[Row], name: str) -> float:
    """Over the pictures that have it."""
    there = [row.more[name] for row in rows if name in row.more]
    return sum(there) / len(there)


def _better(method: Sequence[Row], other: Sequence[Row]) -> bool:
    """Whether the mean error of the method is lower, over the pictures on which both have one."""
    pairs = [(a.mse, b.mse) for a, b in zip(method, other, strict=True) if a.mse is not None and b.mse is not None]
    return sum(a for a, _ in pairs) < sum(b for _, b in pairs)
