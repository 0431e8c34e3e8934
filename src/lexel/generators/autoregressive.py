"""Autoregressive generation: codes are drawn row by row, each knowing those before it.

    a b c d
    e f g ?  ◄─ from a b c d e f g        what is drawn stays; what comes after is not seen
    . . . .

Keys and values of earlier cells are kept, so that a cell costs one row. In-painting knows what lies before a hole, and
draws without a look at what lies behind it: for holes one of the other two is better.

Paper      Esser et al. 2021, arXiv 2012.09841; Sun et al. 2024, arXiv 2406.06525 (LlamaGen): the order of the filters
Kind       generator from codes; learned; a cell sees the cells before it
Needs      a prior that was trained for it
Cost       one row through the network a cell, one after the other
Checked by test_with_kept_keys_it_says_the_same, test_a_code_says_nothing_of_cells_before_it,
           test_filters_act_in_the_published_order, test_bits_are_exact
"""

import math
from dataclasses import dataclass

from lexel.errors import BadArguments
from lexel.generators._cached import Cached
from lexel.generators._objective import Draws, check, chosen, positive, surprise
from lexel.generators._prior import Prior
from lexel.needs import torch
from lexel.shapes import Float, Int


@dataclass(frozen=True)
class Autoregressive:
    """How codes are drawn.

    temperature   below 1.0 likely ones are drawn more often, above it less
    top_k         so many of the likeliest codes alone, and those that are as likely as the last of them; 0: all
    top_p         the likeliest codes alone that have this probability together; 1.0: all
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    causal = True

    def __post_init__(self) -> None:
        positive(temperature=self.temperature, top_p=self.top_p)
        if self.top_k < 0 or self.top_p > 1:
            raise BadArguments(f"top_k is 0 or more and top_p 1.0 at most, not {self.top_k!r} and {self.top_p!r}")

    def lots(self, shape: tuple[int, int, int], *, seed: int) -> Float[torch.Tensor, "b h w"]:
        """As `Objective` says: every cell of the batch counts alike, 1.0 together."""
        return torch.full(shape, 1 / max(1, math.prod(shape)))

    def filled(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int) -> Int[torch.Tensor, "b h w"]:
        """As `Objective` says, without a look at the cells after."""
        check("autoregressive", prior, self)
        b, h, w = codes.shape
        u = Draws(seed, b).uniform(h * w)
        cached, filled = Cached(prior, b, (h, w)), codes.flatten(1).clone()
        for at in range(h * w):
            drawn, _ = chosen(self.filtered(cached.logits().cpu().double()), u[:, at])
            filled[:, at] = torch.where(filled[:, at] == prior.blank, drawn, filled[:, at])
            cached.tell(filled[:, at])
        return filled.view(codes.shape)

    def filtered(self, logits: Float[torch.Tensor, "b K"]) -> Float[torch.Tensor, "b K"]:
        """Temperature, then `top_k`, then `top_p`; −∞ for what is not to be drawn."""
        logits = logits / self.temperature
        if self.top_k:
            last = logits.topk(min(self.top_k, logits.shape[-1])).values[..., -1:]
            logits = logits.where(logits >= last, -torch.inf)
        if self.top_p < 1:
            likely, order = logits.sort(dim=-1, descending=True)
            p = likely.softmax(-1)
            before = p.cumsum(-1) - p  # the code that goes over the limit still counts
            logits = logits.scatter(-1, order, likely.where(before <= self.top_p, -torch.inf))
        return logits

    def bits(self, prior: Prior, codes: Int[torch.Tensor, "b h w"], *, seed: int = 0) -> Float[torch.Tensor, "b"]:
        """As `Objective` says, exactly: what arithmetic coding with this prior takes, but for its last byte."""
        check("autoregressive", prior, self)
        nats = surprise(prior, codes, torch.ones_like(codes, dtype=torch.bool)).sum((1, 2))
        return nats.cpu().double() / math.log(2)
