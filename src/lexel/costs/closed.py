"""The closed APIs: their published rules, with the numbers of `closed.toml`.

    OpenAI, older    512-px tiles of the shrunk picture, and a base
    OpenAI, newer    32-px patches of the shrunk picture, times a factor of the model
    Claude           28-px patches of the shrunk picture
    Gemini 1, 2      768-px tiles, 258 each
    Gemini 3         a budget by setting, whatever the size

What a vendor bills is the vendor's: `lexel cost --check` compares these numbers with a bill.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import ClassVar

from lexel.costs.rule import Count, Model, one_of
from lexel.errors import BadArguments


@dataclass(frozen=True)
class OpenAITiles:
    """Fit in 2048 × 2048, shrink the short side to 768, count the 512-px tiles; sides round to whole pixels.

    2048 × 4096 (width × height), gpt-4o: 1024 × 2048, then 768 × 1536, 2 × 3 tiles: 85 + 6 · 170 = 1,105.
    """

    base: int
    tile: int
    detail: str = "high"
    options: ClassVar[tuple[str, ...]] = ("detail",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        one_of("detail", self.detail, ("high", "low"))

    @property
    def sentence(self) -> str:
        """The rule in words."""
        if self.detail == "low":
            return f"{self.base} at low detail"
        return f"{self.base} and {self.tile} for each 512-px tile, shrunk into 2048 × 2048 and to a short side of 768"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Base and tiles."""
        if self.detail == "low":
            return Count(self.base, None)
        height, width = _shrunk(height, width, 2048 / max(height, width))
        height, width = _shrunk(height, width, 768 / min(height, width))
        return Count(self.base + self.tile * math.ceil(height / 512) * math.ceil(width / 512), None)


@dataclass(frozen=True)
class OpenAIPatches:
    """Fit the longest side, count 32-px patches; above the budget shrink until whole patches fit; times a factor.

    1800 × 2400, budget 1,536: 1536 × 2048 first, which is still 3,072 patches; then 1056 × 1408, 33 × 44 = 1,452.
    Parts of a token count as one.
    """

    limits: Mapping[str, list[int]] = field(hash=False)
    multiplier: int | float | None = None
    detail: str = ""  # the first of `limits`
    options: ClassVar[tuple[str, ...]] = ("detail", "multiplier")
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        one_of("detail", self.detail, ("", *self.limits))
        if self.multiplier is not None and not (
            isinstance(self.multiplier, int | float) and 0 < self.multiplier < math.inf
        ):
            raise BadArguments(f"multiplier is a number above 0, not {self.multiplier!r}")

    @property
    def sentence(self) -> str:
        """The rule in words."""
        limit = self._limit()
        shrunk = f", after shrinking to a longest side of {limit[1]} and {limit[0]:,} patches" if limit else ""
        factor = "a factor that is not published" if self.multiplier is None else str(self.multiplier)
        return f"32-px patches times {factor}{shrunk}"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Patches times the multiplier, rounded up."""
        if self.multiplier is None:
            raise BadArguments(
                "the vendor publishes no multiplier for it", hint="Give multiplier=, from your own bills."
            )
        patches = _patches(height, width, 32)
        if limit := self._limit():
            budget, longest = limit
            height, width = _shrunk(height, width, longest / max(height, width))
            patches = min(budget, self._within(height, width, budget))
        return Count(math.ceil(round(patches * self.multiplier, 6)), None)  # 100 · 1.62 is 162, not a bit above

    def _limit(self) -> list[int]:
        return self.limits[self.detail] if self.detail else next(iter(self.limits.values()))

    @staticmethod
    def _within(height: int, width: int, budget: int) -> int:
        """Patches of the picture, shrunk where they are more than the budget."""
        patches = _patches(height, width, 32)
        if patches <= budget:
            return patches
        scale = math.sqrt(32 * 32 * budget / (width * height))
        rows, columns = height * scale / 32, width * scale / 32
        scale *= min(math.floor(rows) / rows, math.floor(columns) / columns)
        return _patches(*_shrunk(height, width, scale), 32)


@dataclass(frozen=True)
class Claude:
    """28-px patches of the largest size that keeps the shape and fits both limits.

    1075 × 1520 costs 39 · 55 = 2,145 patches; at the standard limits (1,568 px, 1,568 patches) it becomes
    924 × 1307, 33 · 47 = 1,551.
    """

    edge: int
    budget: int
    options: ClassVar[tuple[str, ...]] = ()
    video: ClassVar[bool] = False

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return f"28-px patches, after shrinking to sides of {self.edge} and {self.budget:,} patches"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Patches of the shrunk picture. Raises `BadArguments` above 8,000 pixels a side."""
        if max(height, width) > 8000:
            raise BadArguments(f"a side may be 8,000 pixels, not {max(height, width):,}")
        long, short = max(height, width), min(height, width)
        if not self._fits(long, short):
            long, short = self._largest(long, short)
        tokens = _patches(long, short, 28)
        return Count(tokens, None)

    def _fits(self, long: int, short: int) -> bool:
        return math.ceil(long / 28) * 28 <= self.edge and _patches(long, short, 28) <= self.budget

    def _largest(self, long: int, short: int) -> tuple[int, int]:
        """The longest side that fits, by halving; the short one is rounded, and 1 at least."""
        ratio = long / short
        fits, too_long = 1, long
        while fits + 1 < too_long:
            middle = (fits + too_long) // 2
            if self._fits(middle, max(round(middle / ratio), 1)):
                fits = middle
            else:
                too_long = middle
        return fits, max(round(fits / ratio), 1)


@dataclass(frozen=True)
class GeminiTiles:
    """258 up to 384 × 384; else tiles whose side is the short side ÷ 1.5, between 256 and 768 px, 258 each.

    540 × 960: tiles of 360 px, 2 × 3 of them = 1,548. The vendor calls the rule rough.
    """

    fixed: Mapping[str, int] = field(default_factory=dict, hash=False)
    media_resolution: str = "high"
    options: ClassVar[tuple[str, ...]] = ("media_resolution",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        one_of("media_resolution", self.media_resolution, (*self.fixed, "high"))

    @property
    def sentence(self) -> str:
        """The rule in words."""
        if self.media_resolution in self.fixed:
            return f"about {self.fixed[self.media_resolution]} at {self.media_resolution} media resolution"
        return "about 258 up to 384 × 384, else 258 for each tile of the short side ÷ 1.5, 256 to 768 px (a rough rule)"

    def count(self, height: int, width: int, frames: int) -> Count:
        """Tiles at 258."""
        if self.media_resolution in self.fixed:
            return Count(self.fixed[self.media_resolution], None)
        if max(height, width) <= 384:
            return Count(258, None)
        tile = min(max(int(min(height, width) / 1.5), 256), 768)
        return Count(258 * math.ceil(height / tile) * math.ceil(width / tile), None)


@dataclass(frozen=True)
class GeminiBudget:
    """A budget a picture and one a frame, by setting; the vendor calls them approximate maxima.

    A picture is `high` and a video `low` unless `media_resolution` says otherwise.
    """

    image: Mapping[str, int] = field(hash=False)
    frame: Mapping[str, int] = field(hash=False)
    media_resolution: str = ""
    options: ClassVar[tuple[str, ...]] = ("media_resolution",)
    video: ClassVar[bool] = True

    def __post_init__(self) -> None:
        one_of("media_resolution", self.media_resolution, ("", *self.image))

    @property
    def sentence(self) -> str:
        """The rule in words."""
        setting = self.media_resolution or "high"
        return f"about {self.image[setting]:,} a picture at {setting} media resolution, whatever the size"

    def count(self, height: int, width: int, frames: int) -> Count:
        """The budget of the setting."""
        if frames == 1:
            return Count(self.image[self.media_resolution or "high"], None)
        setting = self.media_resolution or "low"
        one_of("media_resolution of a video", setting, tuple(self.frame))
        return Count(frames * self.frame[setting], None)


@cache
def closed() -> tuple[Model, ...]:
    """The models of `closed.toml`."""
    table = tomllib.loads(files("lexel.costs").joinpath("closed.toml").read_text(encoding="utf-8"))
    return tuple(
        Model(
            name=name,
            rule=_KINDS[group["rule"]](**numbers),
            stands_for=group["vendor"],
            dated=group["dated"],
            source=group["source"],
        )
        for group in table["group"]
        for name, numbers in group["models"].items()
    )


_KINDS = {kind.__name__: kind for kind in (OpenAITiles, OpenAIPatches, Claude, GeminiTiles, GeminiBudget)}


def _patches(height: int, width: int, side: int) -> int:
    return math.ceil(height / side) * math.ceil(width / side)


def _shrunk(height: int, width: int, scale: float) -> tuple[int, int]:
    """Both sides scaled and rounded to whole pixels, 1 at least; never enlarged."""
    if scale >= 1:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))
