"""A codebook on the unit sphere: the nearest code is the one in whose direction a vector points.

Codes and vectors are made unit whenever they are used, so that a codebook may be stored and trained at any length.
"""

from lexel.kernels.lookup import nearest
from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized
from lexel.quantizers.vq import VQ
from lexel.shapes import Float, Int

unit = torch.nn.functional.normalize


class CosineVQ(VQ):
    """`VQ` by direction alone, as ViT-VQGAN has it, and LlamaGen, Janus and TiTok after it."""

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The code of the largest cosine; ties to the lowest."""
        return nearest(unit(x.float()), unit(self.codebook.float()))

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """Unit rows."""
        return unit(super().decode(codes))

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """As `VQ`, of the unit vectors."""
        return super().forward(unit(x.float()))
