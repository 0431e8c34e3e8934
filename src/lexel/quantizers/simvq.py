"""SimVQ: a fixed random codebook behind one learned linear layer, so that all codes move together.

    fixed [K, D] ──► W [D, D] ──► codebook [K, D]          a step that moves W moves every code, chosen or not:
                     learned                               no code is left behind and dies

Paper      Zhu et al. 2024, arXiv 2411.02038
Kind       quantizer; learned
Needs      vectors of any width
Cost       N·K·D multiply-adds, and K·D² for the codebook
Checked by test_simvq_equals_the_peer, test_a_step_of_simvq_moves_every_code
"""

from lexel.kernels.lookup import nearest
from lexel.needs import torch
from lexel.quantizers._codebook import COMMITMENT, mean_square
from lexel.quantizers._quantizer import Quantized, check_whole, straight_through, text
from lexel.shapes import Float, Int


class SimVQ(torch.nn.Module):
    """K vectors of width `dim`, normal with a mean length of about 1 before the layer.

    dim             D, 1 or more
    codebook_size   K, 1 or more

    Losses: "codebook" and "commitment", as in `vq`. Raises `BadArguments` for numbers out of range.

        simvq(8, codebook_size=1024)
    """

    fixed: torch.Tensor

    def __init__(self, dim: int, *, codebook_size: int) -> None:
        super().__init__()
        check_whole(self, 1, dim=dim, codebook_size=codebook_size)
        self.dim, self.codebook_size = dim, codebook_size
        self.register_buffer("fixed", torch.randn(codebook_size, dim) * dim**-0.5)
        self.transform = torch.nn.Linear(dim, dim, bias=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(K,)."""
        return (self.codebook_size,)

    @property
    def codebook(self) -> Float[torch.Tensor, "K D"]:
        """What the layer makes of the fixed vectors."""
        return self.transform(self.fixed)

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The nearest code of each vector, exactly; ties to the lowest."""
        with torch.no_grad():
            return nearest(x, self.codebook)

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """Rows of the codebook."""
        return self.codebook[codes].float()

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes, their vectors, and the losses, means over all numbers."""
        x, codebook = x.float(), self.codebook.float()
        codes = nearest(x, codebook)
        found = codebook[codes]
        losses = {
            "commitment": COMMITMENT * mean_square(x, found.detach()),
            "codebook": mean_square(found, x.detach()),
        }
        return Quantized(codes, straight_through(x, found) if self.training else found, losses)

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Nothing: gradients teach all of it."""

    def __repr__(self) -> str:
        return text(self, self.dim, codebook_size=self.codebook_size)
