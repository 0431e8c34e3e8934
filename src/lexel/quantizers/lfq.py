"""Lookup-free quantization: every number becomes its sign, and the signs are the code.

    x   0.7  −0.2   0.1  −1.3
         +     −     +     −    →  1 0 1 0  →  10        K = 2^D, no codebook and no search

Paper      Yu et al. 2023, arXiv 2310.05737 (MAGVIT-2)
Kind       quantizer; not learned; losses make vectors sure of their code and all codes used
Needs      vectors of one number a bit
Cost       one pass over the vectors; the loss N·K multiply-adds, exactly, without a table of N × K
Checked by test_lfq_equals_the_peer, test_the_entropy_of_the_mean_is_that_of_the_whole_table
"""

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.quantizers._bits import entropy_of_bits, entropy_of_mean, numbered, signs
from lexel.quantizers._codebook import mean_square
from lexel.quantizers._quantizer import Quantized, check_whole, straight_through, text
from lexel.shapes import Float, Int

# Weights and temperature of Open-MAGVIT2; the paper gives none.
ENTROPY, COMMITMENT, TEMPERATURE = 0.1, 0.25, 0.01
MOST_BITS = 24  # the loss needs all K probabilities; more bits go in parts: product('lfq(9)', 4)


class LFQ(torch.nn.Module):
    """`bits` signs. A 0 counts as −1; the first number is the highest bit.

    bits   D, 1 to 24; K = 2^D

    Losses: "entropy", the mean entropy of the codes of a vector less that of the codes of all vectors, in nats, and
    "commitment". Raises `BadArguments` for numbers out of range.

        lfq(10)
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        check_whole(self, 1, bits=bits)
        if bits > MOST_BITS:
            raise BadArguments(f"lfq: bits are at most {MOST_BITS}", hint=f"product('lfq({-(-bits // 2)})', 2)")
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
        """−1 and 1."""
        return signs(codes, self.dim)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes, signs, and the losses."""
        x = x.float()
        codes = self.codes(x)
        found = self.decode(codes)
        logits = 4 * x / TEMPERATURE  # of −|x − e|² ÷ temperature, between the two signs of a bit
        sure = entropy_of_bits(logits).sum() / max(len(x), 1)
        losses = {
            "entropy": ENTROPY * (sure - entropy_of_mean(logits)),
            "commitment": COMMITMENT * mean_square(x, found),
        }
        return Quantized(codes, straight_through(x, found) if self.training else found, losses)

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Nothing: there is nothing to learn."""

    def __repr__(self) -> str:
        return text(self, self.dim)
