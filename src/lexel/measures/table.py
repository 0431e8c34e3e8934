"""A comparison as a table of text, for the terminal and for the page.

    method                  tokens  px/token  bits/px  PSNR   SSIM  random  resize  jpeg   webp  ms  MB
    patch(16) | tome(r=98)     926       283    66.30  36.9  0.981    23.9    24.6  56.0  exact  35  60

The PSNR of each baseline stands beside that of the method: as many tokens by chance and by resizing, as many bits of
JPEG and WebP. What was asked for beyond these has its columns at the end.
"""

import math
from collections.abc import Callable, Sequence

from lexel.measures.codecs import CODECS
from lexel.measures.rows import Standing

BASELINES = ("random_drop", "resize", *CODECS)
COLUMNS = ("method", "tokens", "px/token", "bits/px", "PSNR", "SSIM", "random", *BASELINES[1:], "ms", "MB")


def columns(standings: Sequence[Standing]) -> tuple[str, ...]:
    """`COLUMNS`, and those of what was asked for. All but the first hold numbers."""
    return (*COLUMNS, *dict.fromkeys(name for standing in standings for name in standing.row.more))


def lines(standings: Sequence[Standing]) -> list[list[str]]:
    """A line a method: the cells of `columns`. PSNR in dB, time in ms, memory in 10⁶ bytes."""
    more = columns(standings)[len(COLUMNS) :]
    return [
        [*_line(standing), *(_said(standing.row.more.get(name), "{:.3f}".format) for name in more)]
        for standing in standings
    ]


def remarks(standing: Standing) -> str:
    """What the numbers do not say: which baselines are beaten, what the method was learned from, what went wrong."""
    row, said = standing.row, []
    if standing.beats:
        said.append(f"beats {', '.join(standing.beats)}")
    elif standing.beats_none:
        said.append("beats none of its baselines")
    elif row.mse is None and not row.error:
        said.append("cannot be undone")
    if row.seen:
        said.append("was learned from these pictures")
    failed = [f"{other.way} gave no result" for other in standing.baselines if other.error and not row.error]
    return "; ".join([*said, *filter(None, (row.note.removeprefix(f"{row.way}: "), row.error)), *failed])


def _line(standing: Standing) -> list[str]:
    row = standing.row
    beside = {other.way: other.psnr for other in standing.baselines}
    return [
        row.way,
        _said(row.tokens, "{:,.0f}".format),
        _said(row.pixels_per_token, "{:,.0f}".format),
        _said(row.bits_per_pixel, lambda bits: f"{bits:.2f}" if bits >= 0.1 else f"{bits:.3f}"),
        _said(row.psnr, _decibels),
        _said(row.ssim, "{:.3f}".format),
        *(_said(beside.get(way), _decibels) for way in BASELINES),
        _said(row.ms, lambda ms: f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"),
        _said(row.peak_mb, "{:,.0f}".format),
    ]


def _said(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)


def _decibels(psnr: float) -> str:
    return "exact" if psnr == math.inf else f"{psnr:.1f}"
