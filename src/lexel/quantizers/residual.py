"""Residual quantization: what one quantizer leaves over the next one quantizes, coarse to fine.

    x ──► q₁ ──► k₁          x̂ = e₁ + e₂ + … + e_Q
     └─ − e₁ ──► q₂ ──► k₂   Q codes a vector, each a correction of those before: log2 K bits more at a time,
          └─ − e₂ ──► …      and the first few codes are a coarser version

Paper      Lee et al. 2022, arXiv 2203.01941 (RQ-VAE)
Kind       quantizer; any quantizer, repeated
Needs      vectors of the width of the quantizer inside
Cost       Q times the quantizer inside
Checked by test_residual_equals_the_peer, test_more_codes_are_never_worse_on_average,
           test_a_residual_learns_from_what_each_depth_saw
"""

from collections.abc import Sequence
from typing import cast

from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized, Quantizer, check_whole, mean_losses, repeated, straight_through, text
from lexel.shapes import Float, Int


class Residual(torch.nn.Module):
    """So many quantizers of one text, each with a codebook of its own.

    quantizer   the text of one with a single codebook
    depth       Q, 1 or more

    Losses have the names of those inside and are means over depths. The first columns of codes alone can be decoded:
    a coarser version. Raises `BadArguments` for a text that is no such quantizer and for a depth below 1.

        residual('vq(8, codebook_size=256)', 4)    →  four codes a vector, 32 bits
    """

    def __init__(self, quantizer: str, depth: int) -> None:
        super().__init__()
        check_whole(self, 1, depth=depth)
        self.stages = cast("Sequence[Quantizer]", repeated(quantizer, depth))
        self.dim = self.stages[0].dim

    @property
    def sizes(self) -> tuple[int, ...]:
        """K of every depth."""
        return tuple(stage.sizes[0] for stage in self.stages)

    @torch.no_grad()
    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N Q"]:
        """A column a depth, coarse to fine."""
        rest, found = x.float(), []
        for stage in self.stages:
            found.append(stage.codes(rest))
            rest = rest - stage.decode(found[-1])
        return torch.stack(found, dim=1)

    def decode(self, codes: Int[torch.Tensor, "N Q"]) -> Float[torch.Tensor, "N D"]:
        """The sum of what the columns stand for; Q may be less than the depth."""
        columns = zip(self.stages[: codes.shape[1]], codes.unbind(dim=1), strict=True)
        return torch.stack([stage.decode(column) for stage, column in columns]).sum(dim=0)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes of all depths, the sum of their vectors, and the losses."""
        rest, made = x.float(), []
        for stage in self.stages:
            made.append(stage(rest))
            rest = rest - stage.decode(made[-1].codes).detach()
        codes = torch.stack([one.codes for one in made], dim=1)
        found = self.decode(codes)
        return Quantized(codes, straight_through(x.float(), found) if self.training else found, mean_losses(made))

    @torch.no_grad()
    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N Q"]) -> None:
        """Every depth learns from the rest that it saw, before any codebook moved."""
        rests = [x.float()]
        for stage, column in zip(self.stages, codes.unbind(dim=1), strict=True):
            rests.append(rests[-1] - stage.decode(column))
        for stage, rest, column in zip(self.stages, rests, codes.unbind(dim=1), strict=False):
            stage.update(rest, column)

    def __repr__(self) -> str:
        return text(self, repr(self.stages[0]), len(self.stages))
