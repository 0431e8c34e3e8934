"""A backbone of several stages, each coarser and wider than the one before: its tokens at any of them.

pixels ─► stage 0 ─► stage 1 ─► stage 2 ─► stage 3 ─► the published last hidden state
          4 px       8 px       16 px      32 px a cell
          level 0    level 1    level 2    level 3 of the tokens
"""

from collections.abc import Collection, Iterable
from typing import Protocol, runtime_checkable

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.nn.prepared import Prepared, batches
from lexel.nn.transformer import Traced
from lexel.pictures.picture import Picture
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from lexel.towers._backbone import Backbone, ImageTower
from lexel.towers._tokens import seen_by, tokens_of


@runtime_checkable
class StagedTower(ImageTower, Protocol):
    """What a hierarchy asks of its tower.

    cells    pixels of a side of a cell, stage by stage
    widths   D of the tokens, stage by stage; `cell` and `width` are the last ones
    """

    cells: tuple[int, ...]
    widths: tuple[int, ...]

    def stages(self, batch: Pixels, last: int) -> list[Traced]:
        """Prepared pixels → what stage 0, 1, … `last` made of them, each before it is made coarser."""


class Hierarchy(Backbone):
    """One image tower of several stages."""

    def tokenize(
        self,
        pictures: Iterable[Picture],
        *,
        tiles: tuple[int, int] | None = None,
        stage: int = -1,
        keep: Collection[str] = (),
    ) -> Tokens:
        """The tokens of every picture as they leave `stage`, counted from 0, or from the last with −1.

            swin.tokenize(pictures, stage=1)     # <784 tokens of 1 picture: vectors of …, 192 wide, float32>

        `level` is the stage; `tiles` as in `Backbone.tokenize`. The last stage gives the published last hidden state.
        Raises `BadArguments` for a stage that is not there, `MissingNeed` for any evidence in `keep`: attention in
        windows says little of a picture.
        """
        image = self._staged()
        self._kept(keep)
        stage = self._stage(stage)

        def tokens(batch: Prepared) -> Tokens:
            return self._of(stage, image.stages(batch.pixels, stage)[stage], batch)

        return self._tokens(pictures, tokens, tiles)

    def hierarchy(self, pictures: Iterable[Picture]) -> list[Tokens]:
        """The tokens of every stage, the finest first, in one pass."""
        image = self._staged()
        last = len(image.cells) - 1
        made: list[list[Tokens]] = []
        with torch.inference_mode():
            for batch in batches(self.preparation, pictures):
                traces = image.stages(batch.pixels, last)
                made.append([self._of(stage, traced, batch) for stage, traced in enumerate(traces)])
        return [Tokens.concat(list(some)) for some in zip(*made, strict=True)]

    def _of(self, stage: int, traced: Traced, batch: Prepared) -> Tokens:
        image = self._staged()
        views = seen_by(image.cells[stage], batch.pixels, batch.views, traced)
        space = self._space_at(stage)
        return tokens_of(traced, traced.packed.x, batch.pictures, views, space, level=stage, crops=batch.crops)

    def _space_at(self, stage: int) -> Space:
        image = self._staged()
        if stage == len(image.cells) - 1:
            return self.space
        name, digest = f"{self.name}, stage {stage}", f"{self.digest} stage {stage}"
        return Space("vectors", image.widths[stage], digest=digest, name=name)

    def _stage(self, stage: int) -> int:
        count = len(self._staged().cells)
        if not -count <= stage < count:
            raise BadArguments(f"{self.name} has no stage {stage}: they are 0 to {count - 1}, or -{count} to -1")
        return stage % count

    def _staged(self) -> StagedTower:
        image = self._image()
        assert isinstance(image, StagedTower)
        return image
