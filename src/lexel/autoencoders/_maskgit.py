"""The decoder of MaskGIT's VQGAN: the codes that TiTok guesses → pixels.

    map of vectors ─ 3×3 ─ middle ─ level n ─ twice ─ … ─ level 0 ─ norm, SiLU, 3×3 ─► pixels, 0 to 1

Residual blocks alone, without biases, and no attention. Where a block changes the width, its shortcut does not begin
before the block but behind its convolutions: what came in is lost there. So it was trained, and so it is.
"""

from dataclasses import dataclass
from functools import partial

from lexel.needs import torch
from lexel.nn.convolution import ResBlock, Up, group_norm
from lexel.shapes import Float

F = torch.nn.functional

NORM = group_norm(32)
BARE = partial(torch.nn.Conv2d, bias=False)


@dataclass(frozen=True, kw_only=True)
class MaskGIT:
    """A codebook and a decoder.

    widths          channels of each level, the finest first
    blocks          residual blocks of a level, and of the middle
    codebook_size   K
    dim             width of a code
    """

    widths: tuple[int, ...] = (128, 128, 256, 256, 512)
    blocks: int = 2
    codebook_size: int = 1024
    dim: int = 256

    @property
    def cell(self) -> int:
        """Pixels of a side of a cell."""
        return 1 << len(self.widths) - 1


class MaskGITDecoder(torch.nn.Module):
    """A map → pixels. Its levels are numbered from the finest and run from the last."""

    def __init__(self, config: MaskGIT) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        self.conv_in = torch.nn.Conv2d(config.dim, widths[-1], 3, padding=1)
        self.middle = _level(widths[-1], widths[-1], blocks)
        before = (*widths[1:], widths[-1])
        self.levels = torch.nn.ModuleList(_level(*step, blocks) for step in zip(before, widths, strict=True))
        self.steps = torch.nn.ModuleList(Up(width) for width in widths[1:])
        self.norm_out = NORM(widths[0])
        self.conv_out = torch.nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Pixels of about 0 to 1."""
        x = self.levels[-1](self.middle(self.conv_in(x)))
        for step, level in zip(reversed(self.steps), reversed(self.levels[:-1]), strict=True):
            x = level(step(x))
        return self.conv_out(F.silu(self.norm_out(x)))


class _Block(ResBlock):
    """As `ResBlock` where the width stays; else its own output, and a product of it in place of what came in."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, NORM, BARE)
        self.widens = inputs != width
        if self.widens:
            self.shortcut = BARE(width, width, 1)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], codes: Float[torch.Tensor, "b D h w"] | None = None
    ) -> Float[torch.Tensor, "b C2 h w"]:
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (self.shortcut(y) if self.widens else x)


def _level(inputs: int, width: int, blocks: int) -> torch.nn.Sequential:
    """Blocks of one size."""
    before = (inputs, *[width] * (blocks - 1))
    return torch.nn.Sequential(*(_Block(some, width) for some in before))
