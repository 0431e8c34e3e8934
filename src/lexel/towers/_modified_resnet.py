"""CLIP's convolutional image towers: RN50, RN101, RN50x4, RN50x16, RN50x64.

    pixels ─ three convolutions, pool ─ layer1 ─ layer2 ─ layer3 ─ layer4 ─► cells: the tokens of tokenize
               w/2   w/2   w     /4       4w      8w /8   16w /16  32w /32
    cells + positions ─ attention whose only question is their mean ─► the picture

A bottleneck shrinks by average pooling, never by a stride, so that nothing aliases. Paper: Radford et al. 2021, arXiv
2103.00020. Parameter names are the published ones.
"""

from collections.abc import Collection
from dataclasses import dataclass

from lexel.errors import BadArguments
from lexel.kernels.attention import attention
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.nn.patches import Pixels, checked, packed
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Traced
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import segment_sum
from lexel.shapes import Float
from lexel.tokens.protocols import Selector
from lexel.towers._tokens import whole

EXPANSION = 4  # of a bottleneck
STRIDE = 32  # pixels a cell


@dataclass(frozen=True)
class ResNetConfig:
    """A convolutional image tower.

    blocks      bottlenecks in each of the four stages: (3, 4, 6, 3)
    width       w, 64 for RN50; the cells are 32·w wide, attention has w/2 heads of 64
    grid        side of the square table of positions: 7 at 224
    embed_dim   width of the space shared with words
    """

    blocks: tuple[int, int, int, int]
    width: int
    grid: int
    embed_dim: int


class ModifiedResNet(torch.nn.Module):
    """The image tower. Without weights until a state is loaded into it. No selector can stand inside."""

    offers: frozenset[str] = frozenset()

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        w = config.width
        self.config, self.width, self.cell = config, 32 * w, STRIDE
        self.conv1, self.bn1 = _convolution(3, w // 2, 3, stride=2), torch.nn.BatchNorm2d(w // 2)
        self.conv2, self.bn2 = _convolution(w // 2, w // 2, 3), torch.nn.BatchNorm2d(w // 2)
        self.conv3, self.bn3 = _convolution(w // 2, w, 3), torch.nn.BatchNorm2d(w)
        first, second, third, fourth = config.blocks
        self.layer1 = _stage(w, w, first, stride=1)
        self.layer2 = _stage(4 * w, 2 * w, second, stride=2)
        self.layer3 = _stage(8 * w, 4 * w, third, stride=2)
        self.layer4 = _stage(16 * w, 8 * w, fourth, stride=2)
        self.attnpool = _Pool(self.width, config)

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """Prepared pixels [B, 3, H, W], or a list of [3, H, W], → the cells of the last stage, in raster order.

        A list goes through the tower one by one. Raises `BadArguments` for other shapes.
        """
        pictures = checked(batch, STRIDE)
        stacks = [batch] if isinstance(batch, torch.Tensor) else [x[None] for x in pictures]
        maps = [self._cells(stack.to(self.conv1.weight)) for stack in stacks]
        rows = [x.permute(0, 2, 3, 1).flatten(0, 2) for x in maps]
        grids = [(x.shape[2], x.shape[3]) for x in maps for _ in x]
        return whole(packed(torch.cat([self.conv1.weight.new_zeros((0, self.width)), *rows]), grids))

    def encode_pixels(self, batch: Pixels) -> Packed:
        """The cells alone, see `trace`."""
        return self.trace(batch).packed

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture in the space shared with words, of its own length."""
        return self.attnpool(packed)

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each cell where words live: the value that attention would mix (as MaskCLIP takes it)."""
        return self.attnpool.each(packed)

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "ModifiedResNet":
        """Always raises `BadArguments`: convolutions need every cell."""
        raise BadArguments(
            f"{selector!r} cannot stand inside a convolutional tower: convolutions need every cell",
            hint="put it after the tower, behind a |",
        )

    def _cells(self, x: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b D h w"]:
        for convolution, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = torch.relu(norm(convolution(x)))
        x = torch.nn.functional.avg_pool2d(x, 2)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class _Bottleneck(torch.nn.Module):
    """1×1, 3×3, pool, 1×1; the shortcut pools before its 1×1 too."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1, self.bn1 = _convolution(inputs, planes, 1), torch.nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = _convolution(planes, planes, 3), torch.nn.BatchNorm2d(planes)
        self.conv3 = _convolution(planes, EXPANSION * planes, 1)
        self.bn3 = torch.nn.BatchNorm2d(EXPANSION * planes)
        self.downsample: torch.nn.Sequential | None = None
        if stride > 1 or inputs != EXPANSION * planes:
            shortcut = _convolution(inputs, EXPANSION * planes, 1)
            self.downsample = torch.nn.Sequential(shortcut, torch.nn.BatchNorm2d(EXPANSION * planes))

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self._pool(torch.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(self._pool(x))))

    def _pool(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h2 w2"]:
        return x if self.stride == 1 else torch.nn.functional.avg_pool2d(x, self.stride)


class _Pool(torch.nn.Module):
    """Attention of the mean to itself and to all cells.

    Positions of another raster are resampled as OpenCLIP resamples those of its transformers, bicubic with antialias;
    it does not do so for these towers, so there is no published answer.
    """

    def __init__(self, width: int, config: ResNetConfig) -> None:
        super().__init__()
        self.heads = width // 64
        self.resampling = Resampling(antialias=True)
        self.positional_embedding = torch.nn.Parameter(torch.zeros(1 + config.grid**2, width))
        self.q_proj, self.k_proj, self.v_proj = (Linear(width, width) for _ in range(3))
        self.c_proj = Linear(width, config.embed_dim)

    def forward(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        counts = packed.splits.diff()
        mean = segment_sum(packed.x, packed.splits) / counts[:, None] + self.positional_embedding[0]
        cells = (packed.x + self._positions(packed)).split(list(packed.counts))
        tokens = torch.cat([packed.x[:0], *(row for b, x in enumerate(cells) for row in (mean[b : b + 1], x))])
        q, k, v = (
            projection(x).unflatten(1, (self.heads, -1))
            for projection, x in ((self.q_proj, mean), (self.k_proj, tokens), (self.v_proj, tokens))
        )
        counts_with_mean = [count + 1 for count in packed.counts]
        mixed = attention(q, k, v, counts=counts_with_mean, queries=(1,) * len(packed))
        return self.c_proj(mixed.flatten(1))

    def each(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """The value path of each cell."""
        return self.c_proj(self.v_proj(packed.x + self._positions(packed)))

    def _positions(self, packed: Packed) -> Float[torch.Tensor, "N D"]:
        return self.resampling.each(self.positional_embedding[1:], [(h, w) for h, w in packed.grid.tolist()])


def _stage(inputs: int, planes: int, blocks: int, *, stride: int) -> torch.nn.Sequential:
    rest = [_Bottleneck(EXPANSION * planes, planes, 1) for _ in range(blocks - 1)]
    return torch.nn.Sequential(_Bottleneck(inputs, planes, stride), *rest)


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False)
