"""What a prior is trained for, and how codes are drawn from it: three answers, one interface.

                 lots: which cells must be guessed,          filled: the order in which
                 and what each of them counts                blank cells are drawn
    maskgit          a share of all, alike                    the surest first, many at a time
    absorbing        each by chance, 1/t                      by chance, some at a time
    autoregressive   all, alike                               row by row

The first two ask one and the same network, and each can draw from what was trained for the other.
"""

import hashlib
import math
from typing import Protocol, runtime_checkable

from lexel.errors import BadArguments
from lexel.generators._prior import Prior
from lexel.needs import torch
from lexel.shapes import Bool, Float, Int


@runtime_checkable
class Objective(Protocol):
    """One answer. A frozen record: its fields say how codes are drawn. Codes to be filled are on the CPU."""

    @property
    def causal(self) -> bool:
        """Whether its prior sees the cells before alone."""

    def lots(self, shape: tuple[int, int, int], *, seed: int) -> Float[torch.Tensor, "b h w"]:
        """float32: what the guess of each cell of a batch counts in its loss, 0.0 where the cell is shown."""

    def filled(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int) -> Int[torch.Tensor, "b h w"]:
        """The same codes with one drawn in every blank cell. Raster i depends on the seed and i, not on the others."""

    def bits(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int = 0) -> Float[torch.Tensor, "b"]:
        """How many bits each raster takes, float64: exactly, or at most and on average."""


class Draws:
    """Numbers in float64, each raster from a source of its own."""

    def __init__(self, seed: int, count: int) -> None:
        self.sources = [torch.Generator().manual_seed(_number(f"{seed} {i}")) for i in range(count)]

    def uniform(self, *shape: int) -> Float[torch.Tensor, "b *shape"]:
        """`[b, …]`, from 0 to below 1."""
        empty = torch.empty(0, *shape, dtype=torch.float64)
        drawn = [torch.rand(1, *shape, dtype=torch.float64, generator=source) for source in self.sources]
        return torch.cat([empty, *drawn])

    def normal(self, *shape: int) -> Float[torch.Tensor, "b *shape"]:
        """Of mean 0 and variance 1."""
        return math.sqrt(2) * torch.erfinv(2 * self.uniform(*shape).clamp(min=2.0**-54) - 1)

    def gumbel(self, *shape: int) -> Float[torch.Tensor, "b *shape"]:
        """−log(−log u)."""
        tiny = torch.finfo(torch.float64).tiny
        return -(-self.uniform(*shape).clamp(min=tiny).log()).clamp(min=tiny).log()


def asked(prior: Prior, codes: Int[torch.Tensor, "b h w"]) -> Float[torch.Tensor, "b h w K"]:
    """The logits of a prior, on the CPU in float64, where everything is drawn: the same draws on every device."""
    return prior(codes.to(prior.bias.device)).cpu().double()


def chosen(
    logits: Float[torch.Tensor, "*cells K"], u: Float[torch.Tensor, "*cells"]
) -> tuple[Int[torch.Tensor, "*cells"], Float[torch.Tensor, "*cells"]]:
    """The code that the uniform number of each cell falls on, and the logarithm of its probability.

    All in float64, as Gumbel noise would have to be: in float32 rare codes of a large codebook are never drawn, which
    acts like a lower temperature (arXiv 2409.02908).
    """
    log_p = logits.log_softmax(-1)
    sums = log_p.exp().cumsum(-1)
    found = torch.searchsorted(sums, u[..., None] * sums[..., -1:], right=True)
    found = found.clamp(max=logits.shape[-1] - 1)
    return found[..., 0], log_p.gather(-1, found)[..., 0]


def hidden_at_random(
    counts: Float[torch.Tensor, "b"], grid: tuple[int, int], draw: torch.Generator
) -> Bool[torch.Tensor, "b h w"]:
    """So many cells of each raster, any of them alike."""
    h, w = grid
    ranks = torch.rand(len(counts), h * w, generator=draw, dtype=torch.float64).argsort(1).argsort(1)
    return (ranks < counts[:, None]).view(len(counts), h, w)


def surprise(
    prior: Prior, codes: Int[torch.Tensor, "b h w"], shown: Bool[torch.Tensor, "b h w"]
) -> Float[torch.Tensor, "b h w"]:
    """How little the prior expected each code when it was shown those where `shown`: nats, float32 or wider."""
    seen = codes if prior.config.causal else torch.where(shown, codes, prior.blank)
    logits = prior(seen).flatten(0, 2)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(logits, codes.flatten(), reduction="none").view(codes.shape)


def check(text: str, prior: Prior, objective: Objective) -> None:
    """Raise `BadArguments` where an objective needs another kind of prior."""
    if prior.config.causal != objective.causal:
        sees = "the cells before" if prior.config.causal else "cells on all sides"
        raise BadArguments(f"{text}: this prior sees {sees} alone, it was trained for {prior.config.objective}")


def positive(**numbers: float | int) -> None:
    """Raise `BadArguments` where one of these is not above 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise BadArguments(f"{name} is above 0, not {number!r}")


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest()) >> 1
