"""What towers share that make each stage from a dense map of the one before: PVT, ResNet.

    pixels ─► stage 0 ─ map ─► stage 1 ─ map ─► … ─► tokens of a stage, raster by raster

A map `[b, D, h, w]` whose channels lie innermost in memory and tokens `[b, h·w, D]` are one array seen in two ways:
convolutions take the first, linear layers and norms the second, and nothing is moved between them.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterator, Sequence

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.patches import Pixels, checked, packed
from lexel.nn.transformer import Traced
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import segment_sum
from lexel.shapes import Float
from lexel.tokens.meaning import Kind
from lexel.tokens.protocols import Selector
from lexel.towers._tokens import whole

Grid = tuple[int, int]
Made = tuple[Float[torch.Tensor, "_ _ D"], Grid]  # tokens of pictures of one size, and their raster


class MapTower(torch.nn.Module, ABC):
    """A tower of stages. Its family says in `_made` what they are.

    cells      pixels of a side of a cell, stage by stage
    widths     D of the tokens, stage by stage
    smallest   pixels of a side that a picture needs
    """

    offers: frozenset[str] = frozenset()

    def __init__(self, cells: tuple[int, ...], widths: tuple[int, ...], *, smallest: int) -> None:
        super().__init__()
        self.cells, self.widths, self.smallest = cells, widths, smallest
        self.cell, self.width = cells[-1], widths[-1]

    def stages(self, batch: Pixels, last: int) -> list[Traced]:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → the tokens of stage 0 to `last`, in raster order.

        Each is what the next stage begins with; the last of all is the published last hidden state. A list goes through
        the tower one by one. Raises `BadArguments` for other shapes.
        """
        runs = [list(self._made(stack, last)) for stack in self._stacks(batch)]
        return [_together([run[stage] for run in runs]) for stage in range(last + 1)]

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """The last stage of `stages` alone. There is nothing to keep."""
        last = len(self.cells) - 1
        return _together([deque(self._made(stack, last), maxlen=1).pop() for stack in self._stacks(batch)])

    def encode_pixels(self, batch: Pixels) -> Packed:
        """The last stage, see `stages`."""
        return self.trace(batch).packed

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B D"]:
        """One vector a picture: the mean of its tokens, what the published heads read."""
        return segment_sum(packed.x, packed.splits) / packed.splits.diff()[:, None]

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "MapTower":
        """Always raises `BadArguments`: convolutions need every cell."""
        raise BadArguments(
            f"{selector!r} cannot stand inside a tower of convolutions: they need every cell",
            hint="put it after the tower, behind a |",
        )

    @abstractmethod
    def _made(self, pixels: Float[torch.Tensor, "b 3 H W"], last: int) -> Iterator[Made]:
        """The tokens of stage 0 to `last`, one after the other."""

    def _stacks(self, batch: Pixels) -> list[Float[torch.Tensor, "b 3 H W"]]:
        """Pictures that go together, channels innermost, as the weights are. Of no pictures, one stack of none."""
        pictures, like = checked(batch, self.smallest), next(self.parameters())
        stacks = [batch] if isinstance(batch, torch.Tensor) else [picture[None] for picture in pictures]
        if not pictures:
            stacks = [like.new_zeros((0, 3, self.smallest, self.smallest))]
        return [stack.to(like).contiguous(memory_format=torch.channels_last) for stack in stacks]


def as_map(x: Float[torch.Tensor, "b n D"], grid: Grid) -> Float[torch.Tensor, "b D h w"]:
    """Tokens as a map, channels innermost."""
    return x.transpose(1, 2).unflatten(2, grid)


def as_tokens(x: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b n D"]:
    """A map as tokens, row by row."""
    return x.flatten(2).transpose(1, 2)


def _together(made: Sequence[Made]) -> Traced:
    """Tokens of several stacks end to end. What a picture has before its cells is its class token."""
    grids = [grid for x, grid in made for _ in x]
    rows = [x.flatten(0, 1) for x, _ in made]
    (h, w), tokens = made[0][1], made[0][0].shape[1]
    return whole(packed(torch.cat(rows) if len(rows) > 1 else rows[0], grids, first=[Kind.CLASS] * (tokens - h * w)))
