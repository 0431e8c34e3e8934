"""SAM's image tower: attention in small windows, and in a few blocks over the whole picture.

    ┌──┬──┬──┐                              ┌────────┐
    │▒▒│▒▒│▒▒│  windows of 14 × 14 cells    │▒▒▒▒▒▒▒▒│  the whole picture,
    ├──┼──┼──┤  in most blocks              │▒▒▒▒▒▒▒▒│  in four blocks
    │▒▒│▒▒│▒▒│                              │▒▒▒▒▒▒▒▒│
    └──┴──┴──┘                              └────────┘
    pixels ─► patches + positions ─► blocks ─► 1 × 1 ─ norm ─ 3 × 3 ─ norm ─► the tokens of tokenize

A score is q·k / √d + q·R(rows between) + q·C(columns between): two tables of relative positions, and q unscaled for
them. Windows that reach over the edge are filled up with zeros, which are seen by the others like any cell.

Paper      Kirillov et al. 2023, arXiv 2304.02643; Li et al. 2022, arXiv 2203.16527 (ViTDet)
Kind       image tower; learned
Needs      weights
Cost       B/16 at 1024: 471 billion multiply-adds a picture for 4,096 tokens, 268 MB of scores at once
Checked by test_the_tower_equals_transformers, test_other_sizes_equal_the_tower_of_optical_compression,
           test_attention_equals_the_literal_loop, test_parameter_counts_are_the_published_ones
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.nn.patches import PatchEmbedding, Pixels, checked, packed
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Traced
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import segment_sum
from lexel.shapes import Float
from lexel.tokens.protocols import Selector
from lexel.towers._config import Blocks
from lexel.towers._tokens import whole

TOGETHER = 1 << 14  # cells that go through the blocks at once, and at least one picture: four of 1024 × 1024
SCORES = 1 << 26  # biases of scores held at once: 268 MB, where one picture of 1024 × 1024 has 805; costs 7 %, 64 MB 30
NECK_EPS = 1e-6  # whatever the blocks have
RESAMPLING = Resampling(antialias=True)  # as DeepSeek-OCR does; SAM is published for one size


@dataclass(frozen=True)
class SamConfig:
    """An image tower of SAM.

    patch_size   side of a patch in pixels
    grid         side of the square table of positions: 64 at 1024; tables of global blocks have 2·grid − 1 rows
    window       cells of a side of a window; tables of the other blocks have 2·window − 1 rows
    everywhere   the blocks that attend to the whole picture
    embed_dim    width of the tokens, after the neck
    """

    blocks: Blocks
    patch_size: int = 16
    grid: int = 64
    window: int = 14
    everywhere: tuple[int, ...] = (2, 5, 8, 11)
    embed_dim: int = 256


class SamImage(torch.nn.Module):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside."""

    offers: frozenset[str] = frozenset()

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config, self.width, self.cell = config, config.embed_dim, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, blocks.width, bias=True)
        self.positions = torch.nn.Parameter(torch.zeros(config.grid**2, blocks.width))
        self.blocks = torch.nn.ModuleList(_Block(config, window=_window(config, i)) for i in range(blocks.depth))
        self.neck = _Neck(blocks.width, config.embed_dim)

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → `last_hidden_state`, its cells in raster order.

        Pictures of any sizes, where the published class takes one: positions are resampled to each raster, bicubic
        with antialias, and tables of relative ones linearly, as the published optical compression does. Raises
        `BadArguments` for other shapes.
        """
        return self.trace(batch).packed

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """`encode_pixels` as a trace; nothing is kept. Pictures of equal size go through the tower together."""
        pictures, found = checked(batch, self.cell), dict[int, torch.Tensor]()
        for some in _together(pictures, self.cell):
            found |= zip(some, self._cells(torch.stack([pictures[b] for b in some])), strict=True)
        cells = [found[b] for b in range(len(pictures))]
        none = self.positions.new_zeros((0, self.width))
        rows = torch.cat([none, *(one.flatten(0, 1) for one in cells)])
        return whole(packed(rows, [(one.shape[0], one.shape[1]) for one in cells]))

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """The mean of all cells, a margin's too. This is ours: SAM publishes no vector of a picture."""
        return segment_sum(packed.x, packed.splits) / packed.splits.diff()[:, None]

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "SamImage":
        """Always raises `BadArguments`: windows need every cell."""
        raise BadArguments(
            f"{selector!r} cannot stand inside a tower of windows: they need every cell",
            hint="put it after the tower, behind a |",
        )

    def _cells(self, stack: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b h w E"]:
        x, grids = self.patches(stack)
        x = (x.view(len(grids), -1, x.shape[1]) + RESAMPLING(self.positions, grids[0])).unflatten(1, grids[0])
        for block in self.blocks:
            x = block(x)
        cells: torch.Tensor = self.neck(x)
        return cells


class _Block(torch.nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x)), on maps of cells."""

    def __init__(self, config: SamConfig, *, window: int | None) -> None:
        super().__init__()
        blocks = config.blocks
        self.norm1 = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.attention = _Attention(blocks.width, blocks.heads, reach=window or config.grid, window=window)
        self.norm2 = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.mlp = blocks.mlp()

    def forward(self, x: Float[torch.Tensor, "b h w D"]) -> Float[torch.Tensor, "b h w D"]:
        x = x + self.attention(self.norm1(x))
        y: torch.Tensor = self.mlp(self.norm2(x).flatten(0, 2))
        return x + y.view_as(x)


class _Attention(torch.nn.Module):
    """Attention inside each window; without windows the whole map is one.

    reach    cells of a side that the tables of relative positions were made for
    window   cells of a side of a window, None for the whole map
    """

    def __init__(self, width: int, heads: int, *, reach: int, window: int | None) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.rows = torch.nn.Parameter(torch.zeros(2 * reach - 1, width // heads))
        self.columns = torch.nn.Parameter(torch.zeros(2 * reach - 1, width // heads))

    def forward(self, x: Float[torch.Tensor, "b h w D"]) -> Float[torch.Tensor, "b h w D"]:
        b, h, w, _ = x.shape
        side = (self.window, self.window) if self.window else (h, w)
        qkv = self.qkv(x.flatten(0, 2)).view(b, h, w, -1)
        q, k, v = _windows(qkv, side, self.qkv.bias).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 4, 1, 2, 5)
        mixed = _attention(q, k, v, _between(self.rows, side[0]), _between(self.columns, side[1]))
        cells = _map(mixed.flatten(3), (h, w))
        y: torch.Tensor = self.out(cells.reshape(-1, x.shape[3]))
        return y.view_as(x)


class _Neck(torch.nn.Module):
    """Fewer channels, then neighbours: 1 × 1, norm, 3 × 3, norm. The norms are over the channels of a cell."""

    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.linear = Linear(width, embed_dim, bias=False)
        self.norm1 = torch.nn.LayerNorm(embed_dim, NECK_EPS)
        self.conv = torch.nn.Conv2d(embed_dim, embed_dim, 3, padding=1, bias=False)
        self.norm2 = torch.nn.LayerNorm(embed_dim, NECK_EPS)

    def forward(self, x: Float[torch.Tensor, "b h w D"]) -> Float[torch.Tensor, "b h w E"]:
        y = self.norm1(self.linear(x.flatten(0, 2)).view(*x.shape[:3], -1))
        z: torch.Tensor = self.norm2(self.conv(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return z


def _attention(
    q: Float[torch.Tensor, "F H h w d"],
    k: Float[torch.Tensor, "F H h w d"],
    v: Float[torch.Tensor, "F H h w d"],
    rows: Float[torch.Tensor, "h h d"],
    columns: Float[torch.Tensor, "w w d"],
) -> Float[torch.Tensor, "F h w H d"]:
    """Each of F windows by itself: its cells mixed by what they say to each other and by how they lie.

    `rows[y, y2]` is the vector between row y of a query and row y2 of a key. Scores are biased in tiles, of some
    windows or of some rows of one, so that no more than `SCORES` biases are in memory.
    """
    windows, heads, h, w, _ = q.shape
    k, v = k.flatten(2, 3), v.flatten(2, 3)
    a_row = heads * w * h * w
    mixed = q.new_empty((windows, h, w, heads, q.shape[4]))
    for some in _slices(windows, SCORES // (a_row * h)):
        for tile in _slices(h, SCORES // a_row):
            asked = q[some, :, tile]
            by_row = torch.einsum("fHywd,ykd->fHywk", asked, rows[tile]).contiguous()
            by_column = torch.einsum("fHywd,wkd->fHywk", asked, columns).contiguous()
            bias = (by_row[..., :, None] + by_column[..., None, :]).flatten(4).flatten(2, 3)
            answer = torch.nn.functional.scaled_dot_product_attention(
                asked.flatten(2, 3), k[some], v[some], attn_mask=bias
            )
            mixed[some, tile] = answer.transpose(1, 2).unflatten(1, (-1, w))
    return mixed


def _windows(
    x: Float[torch.Tensor, "b h w E"], side: tuple[int, int], filling: Float[torch.Tensor, "E"]
) -> Float[torch.Tensor, "F y x E"]:
    """The map cut into windows of (rows, columns), row by row; below and at the right it is filled up.

    The published tower fills up before q, k and v are computed, with zeros, which become their bias.
    """
    b, h, w, _ = x.shape
    rows, columns = -(-h // side[0]), -(-w // side[1])
    if (h, w) != (rows * side[0], columns * side[1]):
        canvas = filling.expand(b, rows * side[0], columns * side[1], -1).clone()
        canvas[:, :h, :w] = x
        x = canvas
    return x.unflatten(2, (columns, -1)).unflatten(1, (rows, -1)).transpose(2, 3).flatten(0, 2)


def _map(windows: Float[torch.Tensor, "F y x D"], grid: tuple[int, int]) -> Float[torch.Tensor, "b h w D"]:
    """The maps (rows, columns) that were cut into windows, without what they were filled up with."""
    (h, w), (y, x) = grid, windows.shape[1:3]
    rows, columns = -(-h // y), -(-w // x)
    whole_map = windows.unflatten(0, (-1, rows, columns)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return whole_map[:, :h, :w]


def _between(table: Float[torch.Tensor, "R d"], side: int) -> Float[torch.Tensor, "n n d"]:
    """The vector between places q and k of an axis of `side` cells: row q − k + side − 1 of the table.

    A table made for another side is stretched first, linearly.
    """
    if len(table) != 2 * side - 1:
        stretched = torch.nn.functional.interpolate(table.T[None].float(), size=2 * side - 1, mode="linear")
        table = stretched[0].T.to(table.dtype)
    places = torch.arange(side, device=table.device)
    return table[places[:, None] - places + side - 1]


def _together(pictures: Sequence[torch.Tensor], cell: int) -> Iterator[list[int]]:
    """Numbers of pictures of equal size, as many at once as `TOGETHER` allows."""
    sizes = [tuple(picture.shape) for picture in pictures]
    for size in dict.fromkeys(sizes):
        alike = [b for b, other in enumerate(sizes) if other == size]
        for some in _slices(len(alike), TOGETHER * cell**2 // (size[1] * size[2])):
            yield alike[some]


def _slices(count: int, most: int) -> Iterator[slice]:
    """0 to `count` in slices of `most`, and of 1 where that is less."""
    step = max(1, most)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _window(config: SamConfig, block: int) -> int | None:
    return None if block in config.everywhere else config.window
