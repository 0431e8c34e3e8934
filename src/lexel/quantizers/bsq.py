"""Binary spherical quantization: vectors of length 1, and the corner of the cube inside the sphere that is nearest.

        ·  •─ ─ ·             x ──► u = x / |x| ──► signs / √D
      ·  ┌─────┐  ·
     ·   │     │   ·          the corners lie on the sphere, so that |u − q| has a bound: √(2 − 2/√D),
      ·  └─────┘  ·           and D may be large: 36 bits a code
        ·  ·  ·

Paper      Zhao et al. 2024, arXiv 2406.07548
Kind       quantizer; not learned; a loss makes vectors sure of their code and all bits used
Needs      vectors of one number a bit
Cost       three passes over the vectors
Checked by test_bsq_equals_the_peer, test_bsq_is_never_farther_than_its_bound, test_bsq_looks_at_directions_alone
"""

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.quantizers._bits import entropy_of_bits, numbered, signs
from lexel.quantizers._quantizer import Quantized, check_whole, straight_through, text
from lexel.shapes import Float, Int

ENTROPY = 0.1  # of the published 256 × 256 configurations; their commitment has a weight of 0
MOST_BITS = 62  # codes are int64


class BSQ(torch.nn.Module):
    """`bits` signs of a vector of length 1. A 0 counts as −1; the first number is the highest bit.

    bits   D, 2 to 62, because one number has no direction; K = 2^D

    Loss: "entropy", the mean entropy of the bits of a vector less that of the bits of all vectors, bit by bit as in
    the published configurations, in nats. Gradients go to the direction of x. A vector of length 0 has the code 0.
    Raises `BadArguments` for numbers out of range.

        bsq(18)
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        check_whole(self, 2, bits=bits)
        if bits > MOST_BITS:
            raise BadArguments(f"bsq: bits are at most {MOST_BITS}")
        self.dim, self.codebook_size = bits, 1 << bits

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
        """The signs of each vector as one number."""
        return numbered(x > 0)

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """−1/√D and 1/√D."""
        return signs(codes, self.dim) * self.dim**-0.5

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes, corners of the cube, and the loss."""
        unit = torch.nn.functional.normalize(x.float())
        codes = self.codes(x)
        found = self.decode(codes)
        logits = 4 * self.dim**-0.5 * unit  # of −|u − q|², between the two signs of a bit
        chance = logits.sigmoid().sum(dim=0) / max(len(x), 1)
        sure = entropy_of_bits(logits).sum() / max(len(x), 1)
        spread = (torch.special.entr(chance) + torch.special.entr(1 - chance)).sum()
        losses = {"entropy": ENTROPY * (sure - spread)}
        return Quantized(codes, straight_through(unit, found) if self.training else found, losses)

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Nothing: there is nothing to learn."""

    def __repr__(self) -> str:
        return text(self, self.dim)
