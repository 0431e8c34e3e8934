"""Drawings, drawn again by another hand: what one style is turned into so that a tower learns to see through it.

    uint8 RGBA ─► shape ─► outline ─► background ─► strokes ─► colours ─► levels, lines ─► sharpness ─► holes ─► RGB

A batch at once, in torch: 0.9 ms a drawing on one core, where Pillow would take as long as the tower. Every step hits
some drawings of the batch, `strength` 0…1 times as many and as hard. Nothing is mirrored: arrows are told by it.
"""

import math

import torch

from lexel.shapes import Float, UInt8

F = torch.nn.functional


def restyled(
    drawings: UInt8[torch.Tensor, "B 4 S S"], strength: float, draw: torch.Generator
) -> Float[torch.Tensor, "B 3 S S"]:
    """Levels 0…1. The same generator gives the same numbers."""
    x = drawings.float() / 255
    x = torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1)  # colours times alpha: what is moved brings no fringe along
    x = _bent(x, strength, draw)
    x = _outlined(x, strength, draw)
    x = _on_background(x, strength, draw)
    x = _stroked(x, strength, draw)
    x = _recoloured(x, strength, draw)
    x = _relit(x, strength, draw)
    x = _simplified(x, strength, draw)
    x = _refocused(x, strength, draw)
    return _with_holes(x, strength, draw)


def on_white(drawings: UInt8[torch.Tensor, "B 4 S S"]) -> Float[torch.Tensor, "B 3 S S"]:
    """As they are, levels 0…1, as `lexel` reads pictures with alpha."""
    x = drawings.float() / 255
    return x[:, :3] * x[:, 3:] + 1 - x[:, 3:]


def _bent(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Turned, scaled, sheared, moved, and bent by a smooth field, as a flag in the wind."""
    count, size = len(x), x.shape[-1]
    turn = _normal(draw, 0.2 * strength, count)
    scale = torch.exp(-_between(draw, math.log(0.65) * strength, math.log(1.12) * strength, count))
    aspect = torch.exp(_normal(draw, 0.12 * strength, count))
    shear = _normal(draw, 0.12 * strength, count)
    there = _between(draw, -0.16 * strength, 0.16 * strength, count, 2)
    cos, sin = turn.cos(), turn.sin()
    first = torch.stack([scale * aspect * cos, scale * aspect * (shear * cos - sin), there[:, 0]], 1)
    second = torch.stack([scale / aspect * sin, scale / aspect * (shear * sin + cos), there[:, 1]], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), [count, 4, size, size], align_corners=False)
    field = torch.randn(count, 2, 5, 5, generator=draw) * torch.rand(count, 1, 1, 1, generator=draw) ** 1.5
    smooth = F.interpolate(torch.eye(5)[None, :, :, None], size=(size, 1), mode="bicubic", align_corners=True)
    smooth = smooth[0, :, :, 0].T
    grid = grid + 0.13 * strength * torch.einsum("hi,bcij,wj->bhwc", smooth, field, smooth)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _outlined(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """A line of one colour around the shape."""
    some = _some(draw, len(x), 0.2 * strength)
    wider = _widest(x[some, 3:])
    if torch.rand((), generator=draw) < 0.5:
        wider = _widest(wider)
    line = (wider - x[some, 3:]) * torch.rand(len(some), 3, 1, 1, generator=draw) ** 2
    return x.index_copy(0, some, torch.cat([x[some, :3] + line, wider], 1))


def _on_background(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """On white, on a colour, or on colours that melt into each other."""
    count, size = len(x), x.shape[-1]
    chosen = torch.rand(count, generator=draw) * (0.5 + 0.5 * strength)
    flat = torch.rand(count, 3, 1, 1, generator=draw)
    behind = torch.where((chosen < 0.5)[:, None, None, None], torch.ones(()), flat).repeat(1, 1, size, size)
    some = (chosen > 0.75).nonzero()[:, 0]
    corners = torch.rand(len(some), 3, 3, 3, generator=draw)
    if len(some):
        behind[some] = F.interpolate(corners, size=(size, size), mode="bilinear", align_corners=True)
    return x[:, :3] + behind * (1 - x[:, 3:])


def _stroked(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Bright or dark parts grow by a pixel, some way: lines become thinner or bolder."""
    chosen = torch.rand(len(x), generator=draw)
    for low, high, sign in ((0.0, 0.15, 1), (0.15, 0.35, -1)):
        some = ((chosen >= low) & (chosen < high)).nonzero()[:, 0]
        grown = sign * _widest(sign * x[some])
        way = torch.rand(len(some), 1, 1, 1, generator=draw)
        x = x.index_copy(0, some, torch.lerp(x[some], grown, way))
    return x


def _recoloured(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Each colour moves, near ones alike: four waves through the cube of colours."""
    some = _some(draw, len(x), 0.6 * strength)
    waves = _normal(draw, 2.5, len(some), 4, 3)
    phase = torch.rand(len(some), 4, 1, generator=draw) * 2 * math.pi
    moves = torch.randn(len(some), 3, 4, generator=draw)
    moves *= torch.rand(len(some), 1, 1, generator=draw) * 0.14 * strength
    y = x[some].flatten(2)
    y = torch.baddbmm(y, moves, torch.baddbmm(phase, waves, y).sin_())
    return x.index_copy(0, some, y.view(-1, *x.shape[1:]))


def _relit(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Hue, saturation (sometimes none), contrast, brightness, gamma."""
    count = len(x)
    hue = _normal(draw, 0.25 * strength, count)
    anywhere = _between(draw, -math.pi, math.pi, count)
    hue = torch.where(torch.rand(count, generator=draw) < 0.08 * strength, anywhere, hue)
    saturation = torch.exp(_normal(draw, 0.35 * strength, count))
    saturation = torch.where(torch.rand(count, generator=draw) < 0.1 * strength, torch.zeros(()), saturation)
    cos, sin, much = (number[:, None, None] for number in (hue.cos(), hue.sin(), saturation))
    gray = torch.full((3, 3), 1 / 3)
    quarter = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    turned = gray + much * (cos * (torch.eye(3) - gray) + sin * quarter)
    x = torch.bmm(turned, x.flatten(2)).view_as(x)
    contrast = torch.exp(_normal(draw, 0.25 * strength, count, 1, 1, 1))
    brighter = _normal(draw, 0.1 * strength, count, 1, 1, 1)
    middle = _between(draw, 0.5, 1, count, 1, 1, 1)
    x = ((x - middle) * contrast + middle + brighter).clamp(0, 1)
    return (x + 1e-4) ** torch.exp(_normal(draw, 0.25 * strength, count, 1, 1, 1))


def _simplified(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """A few levels a channel; or lines alone, black on white or white on black."""
    some = _some(draw, len(x), 0.15 * strength)
    levels = torch.randint(2, 6, (len(some), 1, 1, 1), generator=draw)
    x = x.index_copy(0, some, (x[some] * levels).round() / levels)
    some = _some(draw, len(x), 0.08 * strength)
    y = F.pad(x[some], (1, 1, 1, 1), mode="replicate")
    across, down = y[:, :, 1:-1, 2:] - y[:, :, 1:-1, :-2], y[:, :, 2:, 1:-1] - y[:, :, :-2, 1:-1]
    lines = (across.square() + down.square()).sum(1, keepdim=True).sqrt()
    lines = (lines * _between(draw, 1, 3, len(some), 1, 1, 1)).clamp(0, 1)
    dark = torch.rand(len(some), 1, 1, 1, generator=draw) < 0.7
    return x.index_copy(0, some, torch.where(dark, 1 - lines, lines).expand(-1, 3, -1, -1))


def _refocused(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Softer or sharper."""
    some = _some(draw, len(x), 0.4 * strength)
    away = x[some] - _softest(_softest(x[some]))
    return x.index_copy(0, some, (x[some] + away * _between(draw, -1, 1.2, len(some), 1, 1, 1)).clamp(0, 1))


def _with_holes(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    """Up to two rectangles of another colour, each as wide and high as 4 to 44 % of the drawing."""
    size = x.shape[-1]
    along = torch.arange(size)
    for often in (0.35, 0.15):
        some = _some(draw, len(x), often * strength)
        left, top = (_between(draw, 0, size, len(some), 1, 1, 1) for _ in range(2))
        wide, high = (_between(draw, 3, size * 0.22, len(some), 1, 1, 1) for _ in range(2))
        hole = ((along - left).abs() < wide) & ((along[:, None] - top).abs() < high)
        color = torch.rand(len(some), 3, 1, 1, generator=draw)
        x = x.index_copy(0, some, torch.where(hole, color, x[some]))
    return x


def _some(draw: torch.Generator, count: int, often: float) -> torch.Tensor:
    """Which of a batch."""
    return (torch.rand(count, generator=draw) < often).nonzero()[:, 0]


def _normal(draw: torch.Generator, deviation: float, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=draw) * deviation


def _between(draw: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=draw) * (high - low) + low


def _widest(x: torch.Tensor) -> torch.Tensor:
    """The largest of each pixel and its eight neighbours: comparisons of shifted copies, faster than pooling."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])
    return torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])


def _softest(x: torch.Tensor) -> torch.Tensor:
    """¼ ½ ¼ both ways."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = (x[..., :-2] + x[..., 2:]) * 0.25 + x[..., 1:-1] * 0.5
    return (x[..., :-2, :] + x[..., 2:, :]) * 0.25 + x[..., 1:-1, :] * 0.5
