"""Attention rollout: how much of each cell has reached the class token, by attention alone.

    R = Â_L ⋯ Â_2 Â_1        Â = ½ · mean of the heads of A + ½ · I        each row of A, Â and R sums to 1

    R     ▪ ▪ ▪ ▪ │ · ·      a row a token of now: what it is made of
          ▪ ▪ ▪ ▪ │ · ·      a column a token of the start of its picture; zeros behind a smaller one
          ▪ ▪ ▪ ▪ ▪ ▪

Selectors may stand between the blocks. A token that stands for several is their mean by mass, so its row is the mean of
their rows, and rows still sum to 1. What is said of the tokens of now is the other way round: each has the mean of what
the tokens of the start have that it stands for. Σ mass · rollout of a picture is 1, less what was dropped; where cells
give to several tokens, their masses and these sums grow alike.

Abnar & Zuidema 2020, arXiv 2005.00928. MLPs, norms and values count for nothing in it: it says where attention could
carry a cell, not what came of it.
"""

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from lexel.needs import torch
from lexel.nn.inside import averaged, mass_of
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.shapes import Float
from lexel.tokens.meaning import Kind

ROLLOUT = "attention.rollout"  # the name of it for `keep`
MAPS = "attention.maps"  # of what each block gives to it


@dataclass(frozen=True, eq=False)
class Rollout:
    """What the tokens of now are made of.

    start    the tokens before the first block
    shares   R, float32 `[N, W]`
    steps    the plans since the start, each with the tokens that it acted on
    """

    start: Packed
    shares: Float[torch.Tensor, "N W"]
    steps: tuple[tuple[Plan, Packed], ...] = ()

    @classmethod
    def of(cls, start: Packed) -> "Rollout":
        """Before the first block each token is itself."""
        shares = start.x.new_zeros((len(start.x), max(start.counts, default=0)), dtype=torch.float32)
        for first, stop in pairwise(accumulate(start.counts, initial=0)):
            shares[first:stop].fill_diagonal_(1)
        return cls(start, shares)

    def deeper(self, maps: Float[torch.Tensor, "N V"], packed: Packed) -> "Rollout":
        """After the attention of a block, which is `maps` of the tokens `packed`."""
        shares = self.shares.clone()
        for first, stop in pairwise(accumulate(packed.counts, initial=0)):
            shares[first:stop] += maps[first:stop, : stop - first] @ self.shares[first:stop]
        return replace(self, shares=shares / 2)

    def through(self, plan: Plan, packed: Packed) -> "Rollout":
        """After a selector whose plan acted on the tokens `packed`."""
        return replace(self, shares=averaged(plan, self.shares, packed), steps=(*self.steps, (plan, packed)))

    def looked_at(self, packed: Packed) -> Float[torch.Tensor, "N 1"]:
        """How much the class token is made of each token, a cell of it; without one, the mean of all tokens by mass."""
        is_class, mass = (packed.kind == Kind.CLASS).float(), mass_of(packed)
        now, then = accumulate(packed.counts, initial=0), self.start.counts
        rows = [self.shares.new_zeros(0)]
        for (first, stop), count in zip(pairwise(now), then, strict=True):
            looks = is_class[first:stop] if is_class[first:stop].any() else mass[first:stop]
            rows.append(looks / looks.sum() @ self.shares[first:stop, :count])
        looked = torch.cat(rows)
        for plan, before in self.steps:
            looked = averaged(plan, looked, before)
        return looked[:, None]
