"""Finite scalar quantization: every number is squashed and rounded to one of a few levels; no codebook to learn.

    x ∈ ℝ ── tanh ──► (−2 … 2) ── round ──► −2 −1 0 1 2        five levels: odd, symmetric around 0
                                            −4 … 3              eight: even, one more below 0 than above
    code = Σ levelᵢ · (product of the L before)                 the first number counts fastest

Paper      Mentzer et al. 2023, arXiv 2309.15505
Kind       quantizer; not learned, no losses; all codes are in reach from the start
Needs      vectors of one number a level, of a spread near 1 at the start of training
Cost       one pass over the vectors
Checked by test_fsq_equals_the_peer, test_every_fsq_code_has_its_levels, test_fsq_is_exact_in_whole_numbers
"""

from math import prod

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized, check_whole, straight_through, text
from lexel.shapes import Float, Int

# The squashed range is a little wider than the levels, so that the outermost can be reached like the others.
EPSILON = 1e-3
MOST = 1 << 62  # codes are int64


class FSQ(torch.nn.Module):
    """One number a level: D is how many there are, K their product.

    levels   how many values each number may have, 3 or more; 5 or more use the codebook best

    Published choices: (8, 6, 5) for 240 codes, (8, 5, 5, 5) for 1,000, (7, 5, 5, 5, 5) for 4,375, (8, 8, 8, 6, 5) for
    15,360, (8, 8, 8, 5, 5, 5) for 64,000. Vectors are made of multiples of 1 / ⌊L/2⌋ from −1 to 1; for even L there is
    no 1. Raises `BadArguments` for no levels and for levels out of range.

        fsq(8, 5, 5, 5)
    """

    def __init__(self, *levels: int) -> None:
        super().__init__()
        for level in levels:
            check_whole(self, 3, level=level)
        if not levels or prod(levels) > MOST:
            raise BadArguments(f"fsq: one level or more, and at most 2^62 codes, not {levels}")
        self.dim, self.codebook_size = len(levels), prod(levels)
        self.levels = levels  # no buffers: a file would not fill them where a model is built without memory

    @property
    def sizes(self) -> tuple[int, ...]:
        """(K,)."""
        return (self.codebook_size,)

    @property
    def codebook(self) -> Float[torch.Tensor, "K D"]:
        """All vectors, made when asked for, on the CPU."""
        return self.decode(torch.arange(self.codebook_size))

    @torch.no_grad()
    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The levels of each vector as one number, in whole numbers throughout."""
        return self._numbered(self._squashed(x.float()).round())

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """The levels of each code, as multiples of 1 / ⌊L/2⌋."""
        levels, steps = self._numbers(codes)
        half = levels // 2
        return (codes[:, None] // steps % levels - half) / half

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes and vectors; there are no losses. Gradients go through the squashing, and past the rounding."""
        squashed = self._squashed(x.float())
        rounded = squashed.round()
        found = straight_through(squashed, rounded) if self.training else rounded
        levels, _ = self._numbers(x)
        return Quantized(self._numbered(rounded), found / (levels // 2), {})

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Nothing: there is nothing to learn."""

    def _squashed(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Between half a level below the lowest and half a level above the highest, 0 where x is."""
        levels, _ = self._numbers(x)
        half = (levels - 1) * (1 + EPSILON) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        return torch.tanh(x + torch.atanh(offset / half)) * half - offset

    def _numbered(self, rounded: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        levels, steps = self._numbers(rounded)
        return ((rounded.detach().long() + levels // 2) * steps).sum(dim=1)

    def _numbers(self, like: torch.Tensor) -> tuple[Int[torch.Tensor, "D"], Int[torch.Tensor, "D"]]:
        """How many levels each number has, and what one level more adds to the code, where `like` is."""
        steps = [prod(self.levels[:i]) for i in range(self.dim)]
        return torch.tensor(self.levels, device=like.device), torch.tensor(steps, device=like.device)

    def __repr__(self) -> str:
        return text(self, *self.levels)
