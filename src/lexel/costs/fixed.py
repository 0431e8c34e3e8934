"""Models that spend the same number of tokens on every picture.

    any size ──► squashed or cropped to one square ──► n × n patches, or n learned queries

LLaVA-1.5 at 336 px and patch 14: 24 × 24 = 576. PaliGemma at 448: 32 × 32 = 1,024. BLIP-2: 32 queries.
"""

from dataclasses import dataclass
from typing import ClassVar

from lexel.costs.rule import Count
from lexel.errors import BadArguments


@dataclass(frozen=True)
class Fixed:
    """The same number whatever the size."""

    tokens: int
    options: ClassVar[tuple[str, ...]] = ()
    video: ClassVar[bool] = False

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return f"{self.tokens} tokens whatever the size"

    def count(self, height: int, width: int, frames: int) -> Count:
        """The same for every size."""
        return Count(self.tokens, self.tokens)


@dataclass(frozen=True)
class Idefics2:
    """64 queries a view; five views (four quarters and the whole) where the picture is split.

    Markers stand around and between the views: `F 64 F 64 F 64 F 64 F 64 F` is 5 · 64 + 6 = 326 positions.
    """

    queries: int = 64
    split: bool = True
    options: ClassVar[tuple[str, ...]] = ("split",)
    video: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.split, bool):
            raise BadArguments(f"split is True or False, not {self.split!r}")

    @property
    def sentence(self) -> str:
        """The rule in words."""
        views = "five views (four quarters and the whole)" if self.split else "one view"
        return f"{self.queries} queries for each of {views}, with a marker before each view and after the last"

    def count(self, height: int, width: int, frames: int) -> Count:
        """The same for every size. Raises `BadArguments` for one row of pixels, which has no upper quarters."""
        if self.split and height == 1:
            raise BadArguments("one row of pixels cannot be cut into quarters")
        views = 5 if self.split else 1
        return Count(views * (self.queries + 1) + 1, views * self.queries)
