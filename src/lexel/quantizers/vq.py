"""Vector quantization: a vector is named by the nearest of K learned ones.

      ×  2  ×              x ──► nearest ──► 5 ──► codebook[5]
    1  ×   ×  3                    ▲                   │
      × 5 •x  ×                codebook [K, D]         ▼
    ×    ×  4              gradients of the output go on to x as if nothing had happened

    by gradients       |sg[x] − e|² + 0.25 |x − sg[e]|², as first published
    by averages        0.25 |x − sg[e]|²; e follows the mean of its vectors, begins as k-means, and dead ones anew

Paper      van den Oord et al. 2017, arXiv 1711.00937; averages in its appendix A.1
Kind       quantizer; learned
Needs      vectors of any width; narrow ones (8 to 32) use more of the codebook
Cost       N·K·D multiply-adds, no matrix of distances
Checked by test_vq_equals_the_peer, test_gradients_of_vq_are_the_published_ones, test_averages_equal_their_closed_form,
           test_only_dead_codes_begin_anew
"""

from lexel.errors import BadArguments
from lexel.kernels.lookup import nearest
from lexel.needs import torch
from lexel.quantizers._codebook import COMMITMENT, Averages, mean_square
from lexel.quantizers._quantizer import Quantized, check_whole, straight_through, text
from lexel.shapes import Float, Int


class VQ(torch.nn.Module):
    """K vectors of width `dim`.

    dim             D, 1 or more
    codebook_size   K, 1 or more
    decay           None: gradients of the losses move the codebook. From 0 to below 1, usually 0.99: it moves in
                    `update` alone, where each code follows the mean of its vectors; this much of the past stays

    Losses: "commitment", and "codebook" where gradients move it. A new codebook is uniform in ±1/K, as in the
    published code; with `decay` the first `update` makes it the k-means of its vectors, and the checkpoint of a run
    holds `averages.…` too. Whoever stops to call `update` has frozen the codebook.

    Raises `BadArguments` for numbers out of range.

        vq(8, codebook_size=1024)                by gradients
        vq(8, codebook_size=1024, decay=0.99)    by averages
    """

    codebook: torch.Tensor

    def __init__(self, dim: int, *, codebook_size: int, decay: float | None = None) -> None:
        super().__init__()
        check_whole(self, 1, dim=dim, codebook_size=codebook_size)
        if decay is not None and not 0 <= decay < 1:
            raise BadArguments(f"vq: decay is from 0 to below 1, not {decay!r}")
        self.dim, self.codebook_size, self.decay = dim, codebook_size, decay
        codebook = (torch.rand(codebook_size, dim) * 2 - 1) / codebook_size
        if decay is None:
            self.codebook = torch.nn.Parameter(codebook)
        else:  # a buffer: no optimizer may see it
            self.register_buffer("codebook", codebook)
        self.averages = None if decay is None else Averages(codebook, decay)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(K,)."""
        return (self.codebook_size,)

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The nearest code of each vector, exactly; ties to the lowest."""
        return nearest(x, self.codebook)

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """Rows of the codebook."""
        return self.codebook[codes].float()

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes, their vectors, and the losses, means over all numbers."""
        x = x.float()
        codes = self.codes(x)
        found = self.decode(codes)
        losses = {"commitment": COMMITMENT * mean_square(x, found.detach())}
        if self.averages is None:
            losses["codebook"] = mean_square(found, x.detach())
        return Quantized(codes, straight_through(x, found) if self.training else found, losses)

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Move the codebook towards the means of its vectors; nothing where gradients move it."""
        if self.averages is not None:
            self.averages.update(self.codebook, x, codes)

    def __repr__(self) -> str:
        kept = {} if self.decay is None else {"decay": self.decay}
        return text(self, self.dim, codebook_size=self.codebook_size, **kept)
