"""What the two versions of Swin share: the config, and the tower around their blocks.

    pixels ─ patches ─ norm ─ stage 0 ─ merge ─ stage 1 ─ merge ─ … ─ stage ─ norm ─► cells

All pictures of a call, of whatever sizes, are packed end to end: a cell is a row, and nothing but a window knows where
it lies. Linear layers and norms see one long list of rows.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import MLP, activation
from lexel.nn.patches import PatchEmbedding, Pixels, checked, packed
from lexel.nn.transformer import Traced
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import segment_sum
from lexel.shapes import Float
from lexel.tokens.protocols import Selector
from lexel.towers._tokens import whole
from lexel.towers._windows import Grid, Windows, coarser, fours


@dataclass(frozen=True, kw_only=True)
class SwinConfig:
    """A tower of either version.

    patch_size   side of a patch in pixels: the cells of stage 0
    width        D of stage 0; each stage doubles it, and the pixels of a cell's side
    depths       blocks, stage by stage
    heads        of attention, stage by stage
    window       side of a window in cells
    side         pixels of a side in training
    ratio        of the width inside the MLP to the one outside
    activation   as published configs call it
    eps          of the norms in blocks and of the last one; the others keep 1e-5
    """

    patch_size: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    side: int
    ratio: float = 4.0
    activation: str = "gelu"
    eps: float = 1e-5

    @property
    def widths(self) -> tuple[int, ...]:
        """D, stage by stage."""
        return tuple(self.width << stage for stage in range(len(self.depths)))

    def mlp(self, width: int) -> MLP:
        """The MLP of a block, without weights."""
        return MLP(width, int(width * self.ratio), activation(self.activation))


class SwinTower(torch.nn.Module):
    """Patches, stages and the last norm. Without weights until a state is loaded into it."""

    offers: frozenset[str] = frozenset()

    def __init__(self, config: SwinConfig, layers: Sequence["Layer"]) -> None:
        super().__init__()
        self.config, self.widths = config, config.widths
        self.cells = tuple(config.patch_size << stage for stage in range(len(layers)))
        self.width, self.cell = self.widths[-1], self.cells[-1]
        self.patches = PatchEmbedding(config.patch_size, config.width, bias=True)
        self.norm_in = torch.nn.LayerNorm(config.width)
        self.layers = torch.nn.ModuleList(layers)
        self.norm_out = torch.nn.LayerNorm(self.width, config.eps)

    def stages(self, batch: Pixels, last: int) -> list[Traced]:
        """Prepared pixels → the cells of stage 0 to `last`, each before it is made coarser, in raster order.

        They are the `reshaped_hidden_states` of `transformers`, before downsampling; the last stage of all is normed,
        and is `last_hidden_state`. Pictures of any sizes, filled up with zeros at the right and below; in a list each
        is as if it were alone. Raises `BadArguments` for other shapes.
        """
        return [whole(packed(x, grids)) for x, grids in self._run(batch, last)]

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """The last stage of `stages` alone. There is nothing to keep."""
        *_, (x, grids) = self._run(batch, len(self.layers) - 1)
        return whole(packed(x, grids))

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → `last_hidden_state`, see `stages`."""
        return self.trace(batch).packed

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B D"]:
        """One vector a picture: the mean of its cells, what the published heads read."""
        return segment_sum(packed.x, packed.splits) / packed.splits.diff()[:, None]

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "SwinTower":
        """Always raises `BadArguments`: windows need every cell."""
        raise BadArguments(
            f"{selector!r} cannot stand inside a tower of windows: windows need every cell",
            hint="put it after the tower, behind a |",
        )

    def _run(self, batch: Pixels, last: int) -> Iterator[tuple[Float[torch.Tensor, "N D"], list[Grid]]]:
        x, grids = self.patches(_filled(batch, self.config.patch_size))
        x = self.norm_in(x)
        for number, layer in enumerate(self.layers[: last + 1]):
            assert isinstance(layer, Layer)
            x = layer(x, grids)
            yield self.norm_out(x) if layer.merge is None else x, grids
            if layer.merge is not None and number < last:
                x = layer.merge(fours(grids, x.device)(x).view(-1, 4 * x.shape[1]))
                grids = [coarser(grid) for grid in grids]


class Layer(torch.nn.Module):
    """One stage: blocks whose windows lie straight and shifted in turn, and what makes its cells coarser, if anything.

    merge   four cells beside each other `[n, 4D]` → one of twice the width
    side    raster of a picture → side of its windows, and how far every second block shifts them
    hide    what is taken from the scores of cells that do not see each other
    """

    def __init__(
        self,
        blocks: Sequence[torch.nn.Module],
        merge: torch.nn.Module | None,
        side: Callable[[Grid], tuple[int, int]],
        hide: float,
    ) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(blocks)
        self.merge, self.side, self.hide = merge, side, hide

    def forward(self, x: Float[torch.Tensor, "N D"], grids: Sequence[Grid]) -> Float[torch.Tensor, "N D"]:
        """All blocks."""
        sides = [self.side(grid) for grid in grids]
        straight = Windows.of(grids, [(side, 0) for side, _ in sides], hide=self.hide, like=x)
        shifted = Windows.of(grids, sides, hide=self.hide, like=x) if len(self.blocks) > 1 else straight
        for number, block in enumerate(self.blocks):
            x = block(x, shifted if number % 2 else straight)
        return x


def _filled(batch: Pixels, multiple: int) -> Pixels:
    """Pixels with zeros at the right and below, up to whole patches."""
    pictures = checked(batch, 1)
    if isinstance(batch, torch.Tensor):
        return _margined(batch, multiple)
    return [_margined(picture, multiple) for picture in pictures]


def _margined(pixels: Float[torch.Tensor, "*B 3 H W"], multiple: int) -> Float[torch.Tensor, "*B 3 H2 W2"]:
    height, width = pixels.shape[-2:]
    margin = (0, -width % multiple, 0, -height % multiple)
    return torch.nn.functional.pad(pixels, margin) if any(margin) else pixels
