"""DC-AE: a deep compression autoencoder, 32 or 64 pixels a cell, of SANA and its family.

    pixels ─ 3×3 ─ blocks ─ half ─ … ─ blocks ─ 3×3 ─► latents ─ 3×3 ─ blocks ─ twice ─ … ─ 3×3 ─► pixels
                             │                    │
                             └── beside every change of size or width stands one without weights:
                                 squares of 2 × 2 pixels become channels, neighbours are averaged

Fine levels are residual blocks, coarse ones have linear attention: each cell looks at all, at the cost of one product.
Latents are what the encoder gives, without a variance.

Paper      Chen et al. 2024, arXiv 2410.10733
Kind       autoencoder with continuous latents; learned; gives pictures back, not exactly
Needs      weights
Cost       f32c32 at 512: 256 tokens of 32
Checked by test_a_dcae_equals_diffusers, test_the_parameter_count_of_a_dcae_is_that_of_diffusers
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lexel.autoencoders._continuous import Scaling
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import Linear, activation
from lexel.shapes import Float

F = torch.nn.functional

EPS = 1e-5  # of the norms
TINY = 1e-15  # added to what a row of attention is divided by
WIDER = 4  # the mixer of an attention block, against the block


@dataclass(frozen=True, kw_only=True)
class Level:
    """The blocks of one size.

    kernels      sides of what looks at the surroundings beside linear attention; None: residual blocks
    batch_norm   instead of a norm over channels; in decoders
    activation   of residual blocks
    """

    width: int
    blocks: int
    kernels: tuple[int, ...] | None = None
    batch_norm: bool = False
    activation: str = "silu"


@dataclass(frozen=True, kw_only=True)
class Half:
    """An encoder or a decoder.

    levels     the finest first. One without blocks is left out, and pixels are halved before the next
    shortcut   whether one stands beside the convolution between the coarsest level and latents
    shuffled   whether sizes change by moving pixels into channels, or by strides and by repeating pixels
    """

    levels: tuple[Level, ...]
    shortcut: bool = True
    shuffled: bool = True


@dataclass(frozen=True, kw_only=True)
class DCAEConfig:
    """A network.

    latent       channels of a latent
    head         width of a head of attention
    activation   before the last convolution
    scaling      latents ↔ the space of the generator
    """

    encoder: Half
    decoder: Half
    latent: int
    head: int
    activation: str
    scaling: Scaling | None


class DCAE(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: DCAEConfig) -> None:
        super().__init__()
        self.config, self.scaling = config, config.scaling
        self.cell, self.width = 1 << len(config.encoder.levels) - 1, config.latent
        self.encoder, self.decoder = _Encoder(config), _Decoder(config)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """Pixels from −1 to 1 → latents. Raises `BadArguments` for sides that the cell does not divide."""
        if pixels.shape[2] % self.cell or pixels.shape[3] % self.cell:
            raise BadArguments(f"sides are multiples of {self.cell}, not {pixels.shape[2]} × {pixels.shape[3]}")
        return self.encoder(pixels)

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents, not scaled, → pixels of about −1 to 1."""
        return self.decoder(latents)


class _Encoder(torch.nn.Module):
    """Levels from the finest to the coarsest, each with its blocks and then the step to the next."""

    def __init__(self, config: DCAEConfig) -> None:
        super().__init__()
        half, levels = config.encoder, config.encoder.levels
        self.shortcut = half.shortcut
        first = levels[0].width if levels[0].blocks else levels[1].width
        self.conv_in = _conv(3, first) if levels[0].blocks else _Down(3, first, half.shuffled, shortcut=False)
        self.levels = torch.nn.ModuleList()
        for level, coarser in zip(levels, (*levels[1:], None), strict=True):
            modules = list(_blocks(level, config.head))
            if coarser and modules:
                modules.append(_Down(level.width, coarser.width, half.shuffled, shortcut=True))
            self.levels.append(torch.nn.Sequential(*modules))
        self.conv_out = _conv(levels[-1].width, config.latent)

    def forward(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        x = self.conv_in(pixels)
        for level in self.levels:
            x = level(x)
        y = self.conv_out(x)
        return y + _averaged(x, y.shape[1]) if self.shortcut else y


class _Decoder(torch.nn.Module):
    """Levels numbered from the finest, which runs last, each with the step from the one before and then its blocks."""

    def __init__(self, config: DCAEConfig) -> None:
        super().__init__()
        half, levels = config.decoder, config.decoder.levels
        self.shortcut = half.shortcut
        self.conv_in = _conv(config.latent, levels[-1].width)
        self.levels = torch.nn.ModuleList()
        for level, coarser in zip(levels, (*levels[1:], None), strict=True):
            modules = list(_blocks(level, config.head))
            if coarser and modules:
                modules.insert(0, _Up(coarser.width, level.width, half.shuffled, shortcut=True))
            self.levels.append(torch.nn.Sequential(*modules))
        last = levels[0].width if levels[0].blocks else levels[1].width
        self.norm_out = _ChannelNorm(last)
        self.activation = activation(config.activation)
        self.conv_out = _conv(last, 3) if levels[0].blocks else _Up(last, 3, half.shuffled, shortcut=False)

    def forward(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        x = self.conv_in(latents)
        if self.shortcut:
            x = x + _repeated(latents, x.shape[1])
        for level in reversed(self.levels):
            x = level(x)
        return self.conv_out(self.activation(self.norm_out(x)))


def _blocks(level: Level, head: int) -> Iterator[torch.nn.Module]:
    for _ in range(level.blocks):
        yield _ResBlock(level) if level.kernels is None else _AttentionBlock(level, head)


class _ResBlock(torch.nn.Module):
    """x + norm(conv(activation(conv(x))))."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.conv1 = _conv(level.width, level.width)
        self.activation = activation(level.activation)
        self.conv2 = torch.nn.Conv2d(level.width, level.width, 3, padding=1, bias=False)
        self.norm = _norm(level)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        return x + self.norm(self.conv2(self.activation(self.conv1(x))))


class _AttentionBlock(torch.nn.Module):
    """x + attention, then x + a gated mixer with a convolution in each channel."""

    def __init__(self, level: Level, head: int) -> None:
        super().__init__()
        width, inside = level.width, 2 * WIDER * level.width
        self.attention = _LinearAttention(level, head)
        self.up = torch.nn.Conv2d(width, inside, 1)
        self.depth = torch.nn.Conv2d(inside, inside, 3, padding=1, groups=inside)
        self.down = torch.nn.Conv2d(inside // 2, width, 1, bias=False)
        self.norm = _ChannelNorm(width)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        x = x + self.attention(x)
        y, gate = self.depth(F.silu(self.up(x))).chunk(2, dim=1)
        return x + self.norm(self.down(y * F.silu(gate)))


class _LinearAttention(torch.nn.Module):
    """Each cell looks at all by relu(q)·relu(k), at the places themselves and at their surroundings.

    Without a softmax the product of all keys and values is taken once, and asked by each query. Channels go to heads in
    the published order: three times `head` of what lies beside each other are one head's q, k and v.
    """

    def __init__(self, level: Level, head: int) -> None:
        super().__init__()
        self.head = head
        self.qkv = Linear(level.width, 3 * level.width, bias=False)
        kernels = level.kernels or ()
        self.surroundings = torch.nn.ModuleList(_Surroundings(3 * level.width, head, side) for side in kernels)
        self.out = Linear(level.width * (1 + len(kernels)), level.width, bias=False)
        self.norm = _norm(level)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        here = _by_cell(self.qkv, x)
        seen = torch.cat([here, *(look(here) for look in self.surroundings)], dim=1)
        q, k, v = seen.float().flatten(2).unflatten(1, (-1, 3, self.head)).unbind(2)
        whole = F.pad(v, (0, 0, 0, 1), value=1) @ F.relu(k).mT  # its last row sums the keys
        mixed = whole @ F.relu(q)
        mixed = mixed[:, :, :-1] / (mixed[:, :, -1:] + TINY)
        return self.norm(_by_cell(self.out, mixed.flatten(1, 2).unflatten(2, x.shape[2:]).to(x.dtype)))


class _Surroundings(torch.nn.Module):
    """Each channel of q, k and v over its surroundings, then the channels of a head among each other."""

    def __init__(self, channels: int, head: int, side: int) -> None:
        super().__init__()
        self.look = torch.nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels, bias=False)
        self.mix = torch.nn.Conv2d(channels, channels, 1, groups=channels // head, bias=False)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        return self.mix(self.look(x))


class _Down(torch.nn.Module):
    """Half the size; beside it squares of four pixels as channels, averaged to the width."""

    def __init__(self, inputs: int, width: int, shuffled: bool, *, shortcut: bool) -> None:
        super().__init__()
        self.shuffled, self.shortcut = shuffled, shortcut
        stride = 1 if shuffled else 2
        self.conv = torch.nn.Conv2d(inputs, width // 4 if shuffled else width, 3, stride, padding=1)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        y = F.pixel_unshuffle(self.conv(x), 2) if self.shuffled else self.conv(x)
        return y + _averaged(F.pixel_unshuffle(x, 2), y.shape[1]) if self.shortcut else y


class _Up(torch.nn.Module):
    """Twice the size; beside it channels repeated and taken apart into squares of four pixels."""

    def __init__(self, inputs: int, width: int, shuffled: bool, *, shortcut: bool) -> None:
        super().__init__()
        self.shuffled, self.shortcut = shuffled, shortcut
        self.conv = _conv(inputs, 4 * width if shuffled else width)

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h2 w2"]:
        if self.shuffled:
            y = F.pixel_shuffle(self.conv(x), 2)
        else:
            y = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return y + F.pixel_shuffle(_repeated(x, 4 * y.shape[1]), 2) if self.shortcut else y


class _ChannelNorm(torch.nn.Module):
    """The channels of each cell over the root of their mean square, scaled and shifted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))
        self.bias = torch.nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C h w"]:
        root = (x.float().square().mean(dim=1, keepdim=True) + EPS).rsqrt().to(x.dtype)
        return torch.addcmul(self.bias[:, None, None], x * root, self.weight[:, None, None])


def _norm(level: Level) -> torch.nn.Module:
    return torch.nn.BatchNorm2d(level.width, EPS) if level.batch_norm else _ChannelNorm(level.width)


def _conv(inputs: int, width: int) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(inputs, width, 3, padding=1)


def _by_cell(layer: torch.nn.Module, x: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b C2 h w"]:
    """A layer over the channels of each cell."""
    b, _, h, w = x.shape
    return layer(x.permute(0, 2, 3, 1).flatten(0, 2)).view(b, h, w, -1).permute(0, 3, 1, 2)


def _averaged(x: Float[torch.Tensor, "b C h w"], width: int) -> Float[torch.Tensor, "b C2 h w"]:
    """Neighbouring channels averaged down to `width`."""
    return x.unflatten(1, (width, -1)).mean(dim=2)


def _repeated(x: Float[torch.Tensor, "b C h w"], width: int) -> Float[torch.Tensor, "b C2 h w"]:
    """Each channel repeated, up to `width`."""
    return x.repeat_interleave(width // x.shape[1], dim=1)
