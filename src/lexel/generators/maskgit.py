"""MaskGIT: guess all codes at once, keep the surest, guess the others again.

    ? ? ? ?      a ? ? ?      a ? c ?      a b c d
    ? ? ? ?  ─►  ? ? f ?  ─►  ? e f ?  ─►  i e f g       how many stay open falls like a quarter of a cosine
    ? ? ? ?      ? ? ? ?      j ? ? k      j m n k

In training a share cos(πr/2) of the cells is hidden, r uniform, and the hidden ones are guessed. The published label
smoothing is left out: the loss then says how many bits a hidden code takes. In the last step nothing is hidden again;
the published rule would keep one cell open, and its answer too is what was drawn before that.

Paper      Chang et al. 2022, arXiv 2202.04200; Gumbel noise in the choice as in the published code
Kind       generator from codes; learned; all cells see all cells
Needs      a prior that was trained for it, or for `absorbing`
Cost       as many passes over the raster as steps: 8 to 12
Checked by test_as_many_cells_are_hidden_as_published, test_masks_are_those_of_amused,
           test_no_cell_is_left_blank, test_known_codes_are_kept_exactly
"""

import math
from dataclasses import dataclass

from lexel.generators._objective import Draws, asked, check, chosen, hidden_at_random, positive
from lexel.generators._prior import Prior
from lexel.generators.absorbing import Absorbing
from lexel.needs import torch
from lexel.shapes import Float, Int

SHARE = 1e-6  # of the cells at least, where the cosine is 0


@dataclass(frozen=True)
class MaskGIT:
    """How codes are drawn.

    steps                passes
    temperature          of the codes: below 1.0 likely ones are drawn more often, above it less
    choice_temperature   of the noise in which cells are kept: 0.0 keeps the surest, more is more varied. It falls
                         to 0.0 over the steps. The published one
    """

    steps: int = 12
    temperature: float = 1.0
    choice_temperature: float = 4.5
    causal = False

    def __post_init__(self) -> None:
        positive(steps=self.steps, temperature=self.temperature)

    def lots(self, shape: tuple[int, int, int], *, seed: int) -> Float[torch.Tensor, "b h w"]:
        """As `Objective` says: hidden cells of a batch count alike, 1.0 together."""
        b, h, w = shape
        draw = torch.Generator().manual_seed(seed)
        shares = torch.rand(b, generator=draw, dtype=torch.float64)
        counts = (_open(shares) * (h * w)).ceil()
        hidden = hidden_at_random(counts, (h, w), draw)
        return hidden / hidden.sum().clamp(min=1).float()

    def filled(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int) -> Int[torch.Tensor, "b h w"]:
        """As `Objective` says. Each raster has its own schedule, by how many of its cells were blank."""
        check("MaskGIT", prior, self)
        draws, shape = Draws(seed, len(codes)), codes.shape[1:]
        blanks = (codes == prior.blank).flatten(1).sum(1)
        schedules = torch.tensor([left(int(count), self.steps) for count in blanks]).view(-1, self.steps)
        answer = codes
        for step in range(self.steps):
            blank = codes == prior.blank
            drawn, sure = chosen(asked(prior, codes) / self.temperature, draws.uniform(*shape))
            answer = torch.where(blank, drawn, codes)
            noise = self.choice_temperature * (1 - (step + 1) / self.steps)
            sure = torch.where(blank, sure + noise * draws.gumbel(*shape), torch.inf)
            ranks = sure.flatten(1).argsort(dim=1, stable=True).argsort(dim=1).view(codes.shape)
            again = ranks < schedules[:, step, None, None]
            codes = torch.where(again, prior.blank, answer)
        return answer

    def bits(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int = 0) -> Float[torch.Tensor, "b"]:
        """As `Objective` says, at most and on average: what `Absorbing` says of the same prior."""
        return Absorbing().bits(prior, codes, seed=seed)


def left(count: int, steps: int) -> list[int]:
    """How many of `count` blank cells are still blank after each step; none after the last.

    left(256, 8)        # [251, 236, 212, 181, 142, 97, 49, 0]
    """
    open_after, before = [], count
    for step in range(1, steps):
        share = float(_open(torch.tensor(step / steps, dtype=torch.float64)))
        before = min(before, max(1, min(before - 1, math.floor(count * share))))
        open_after.append(before)
    return [*open_after, 0]


def _open(r: Float[torch.Tensor, "*b"]) -> Float[torch.Tensor, "*b"]:
    """The share of the cells that is open where `r` of the way is done."""
    return (math.pi / 2 * r).cos().clamp(min=SHARE)
