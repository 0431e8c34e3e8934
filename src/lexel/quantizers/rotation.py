"""The rotation trick: gradients reach the vector turned as it was turned into its code.

    x ──► rotate, stretch ──► e          straight through:  the gradient at e is taken for the gradient at x
          │                              rotation:          it is turned back by the same angle and scaled, so that
          └── fixed while gradients pass                    what points from e outwards points from x outwards

Paper      Fifty et al. 2024, arXiv 2410.06424
Kind       quantizer; a wrapper: codes, vectors and losses are those of the quantizer inside
Needs      vectors that are compared with vectors: vq, simvq, and residual or product of them
Cost       four passes over the vectors
Checked by test_rotation_equals_the_peer, test_the_angle_between_gradient_and_vector_is_kept
"""

from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized, built, text
from lexel.shapes import Float, Int

EPSILON = 1e-6  # length below which a vector has no direction, as in the published code


class Rotation(torch.nn.Module):
    """Another way back through the quantizer of a text.

    quantizer   its text

    Raises `BadArguments` for a text that is no quantizer.

        rotation('vq(8, codebook_size=1024)')
    """

    def __init__(self, quantizer: str) -> None:
        super().__init__()
        self.quantizer = built(quantizer)
        self.dim = self.quantizer.dim

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those of the quantizer inside."""
        return self.quantizer.sizes

    @property
    def codebook(self) -> Float[torch.Tensor, "K D"]:
        """That of the quantizer inside, if it has one alone."""
        codebook: torch.Tensor = self.quantizer.codebook  # type: ignore[attr-defined]
        return codebook

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N *Q"]:
        """Those of the quantizer inside."""
        return self.quantizer.codes(x)

    def decode(self, codes: Int[torch.Tensor, "N *Q"]) -> Float[torch.Tensor, "N D"]:
        """Those of the quantizer inside."""
        return self.quantizer.decode(codes)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """In `train()` the same numbers, with rotated gradients; in `eval()` the quantizer inside."""
        x = x.float()
        made = self.quantizer(x)
        if not self.training:
            return made
        return Quantized(made.codes, rotated(x, made.quantized.detach()), made.losses)

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N *Q"]) -> None:
        """Of the quantizer inside."""
        self.quantizer.update(x, codes)

    def __repr__(self) -> str:
        return text(self, repr(self.quantizer))


def rotated(x: Float[torch.Tensor, "N D"], to: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
    """The values of `to`, with gradients that reach x through λ (I − 2 r rᵀ + 2 ê x̂ᵀ), r = (x̂ + ê) / |x̂ + ê|.

    Vectors without a direction, and those that point away from their code, get what of it is left.
    """
    with torch.no_grad():
        lengths = x.norm(dim=1, keepdim=True), to.norm(dim=1, keepdim=True)
        u, e = (v / length.clamp(min=EPSILON) for v, length in zip((x, to), lengths, strict=True))
        r = u + e
        r = r / r.norm(dim=1, keepdim=True).clamp(min=EPSILON)
        stretch = lengths[1] / lengths[0].clamp(min=EPSILON)
    turned = x - 2 * (x * r).sum(dim=1, keepdim=True) * r + 2 * (x * u).sum(dim=1, keepdim=True) * e
    turned = turned * stretch
    return turned + (to - turned).detach()  # the value of the code itself, without the rounding of a rotation
