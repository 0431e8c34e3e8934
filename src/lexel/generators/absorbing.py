"""Absorbing-state diffusion: cells go blank one by one as time goes on; a network learns to go back.

    t = 0   a b c d     ─►   a ? c d     ─►   ? ? c ?     ─►   ? ? ? ?   t = 1       each cell by chance
                        ◄─               ◄─               ◄─                         drawn, and never blank again

A guess at time t counts −α′/(1 − α), 1/t where cells go blank evenly: the loss is then a bound on how many nats a
raster takes, and with a perfect network it is reached. Which schedule α is trained on does not change the bound.

Paper      Austin et al. 2021, arXiv 2107.03006 (D3PM); Shi et al. 2024, arXiv 2406.04329 (MD4), Sahoo et al. 2024,
           arXiv 2406.07524 (MDLM)
Kind       generator from codes; learned; all cells see all cells
Needs      a prior that was trained for it, or for `maskgit`
Cost       as many passes over the raster as steps, less those in which nothing is drawn
Checked by test_the_bound_of_a_perfect_network_is_the_entropy, test_times_are_spread_over_the_batch,
           test_no_cell_is_left_blank, test_known_codes_are_kept_exactly
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lexel.generators._objective import Draws, asked, check, chosen, hidden_at_random, positive, surprise
from lexel.generators._prior import Prior
from lexel.needs import torch
from lexel.shapes import Float, Int

EARLIEST = 1e-3  # time: before it hardly a cell is blank, and counts without bound
TIMES = 16  # at which a raster is looked at for its bits


@dataclass(frozen=True)
class Absorbing:
    """How codes are drawn, and cells go blank.

    steps         from t = 1 to t = 0; the more, the fewer codes are drawn without knowing of each other
    temperature   of the codes: below 1.0 likely ones are drawn more often, above it less
    schedule      "linear": a share t of the cells is blank at time t; "cosine": sin(πt/2)
    """

    steps: int = 64
    temperature: float = 1.0
    schedule: Literal["linear", "cosine"] = "linear"
    causal = False

    def __post_init__(self) -> None:
        positive(steps=self.steps, temperature=self.temperature)

    def blank(self, t: Float[torch.Tensor, "*b"]) -> Float[torch.Tensor, "*b"]:
        """1 − α: the share of the cells that is blank at time t."""
        return t if self.schedule == "linear" else (math.pi / 2 * t).sin()

    def weight(self, t: Float[torch.Tensor, "*b"]) -> Float[torch.Tensor, "*b"]:
        """−α′/(1 − α): what the guess of a cell that is blank at time t counts."""
        return 1 / t if self.schedule == "linear" else math.pi / 2 / (math.pi / 2 * t).tan()

    def lots(self, shape: tuple[int, int, int], *, seed: int) -> Float[torch.Tensor, "b h w"]:
        """As `Objective` says; the loss is nats a code. Times are spread evenly over the batch: less varies."""
        b, h, w = shape
        draw = torch.Generator().manual_seed(seed)
        start = torch.rand((), generator=draw, dtype=torch.float64)
        t = ((start + torch.arange(b)) / max(b, 1)).clamp(min=EARLIEST)
        hidden = torch.rand(shape, generator=draw, dtype=torch.float64) < self.blank(t)[:, None, None]
        return (hidden * self.weight(t)[:, None, None] / max(1, b * h * w)).float()

    def filled(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int) -> Int[torch.Tensor, "b h w"]:
        """As `Objective` says: from time t to s a blank cell is drawn with the probability (α_s − α_t)/(1 − α_t)."""
        check("absorbing", prior, self)
        draws, shape = Draws(seed, len(codes)), codes.shape[1:]
        open_at = self.blank(torch.linspace(1, 0, self.steps + 1, dtype=torch.float64))
        for before, after in pairwise(open_at):
            when, which = draws.uniform(2, *shape).unbind(1)  # both in any case: else one raster would move another
            now = (codes == prior.blank) & (when < (before - after) / before)
            if now.any():
                drawn, _ = chosen(asked(prior, codes) / self.temperature, which)
                codes = torch.where(now, drawn, codes)
        return codes

    def bits(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int = 0) -> Float[torch.Tensor, "b"]:
        """As `Objective` says, at most and on average: each raster is looked at `TIMES` times.

        How many cells are hidden is spread evenly from 1 to all, and k of n count n/k. That is the same bound: it does
        not depend on the schedule, and so varies least.
        """
        found = [_looked(prior, raster, seed + i) for i, raster in enumerate(codes)]
        return torch.stack(found) if found else torch.zeros(0, dtype=torch.float64)


def _looked(prior: Prior, raster: Int[torch.Tensor, "h w"], seed: int) -> Float[torch.Tensor, ""]:
    """The bits of one raster."""
    draw, (h, w) = torch.Generator().manual_seed(seed), raster.shape
    start = torch.rand(1, generator=draw, dtype=torch.float64)
    counts = ((start + torch.arange(TIMES)) / TIMES * (h * w)).ceil().clamp(min=1)
    hidden = hidden_at_random(counts, (h, w), draw)
    weight = (h * w / counts / TIMES)[:, None, None] * hidden
    nats = surprise(prior, raster.expand(TIMES, -1, -1), ~hidden.to(raster.device))
    return (weight * nats.cpu().double()).sum() / math.log(2)
