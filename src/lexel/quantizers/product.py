"""Product quantization: a vector in parts, each part quantized by itself.

    x   ▤▤▤▤│▥▥▥▥│▦▦▦▦           K^Q vectors from Q codebooks of K
         q₁   q₂   q₃    →  k₁ k₂ k₃

Paper      Jégou et al. 2011, "Product Quantization for Nearest Neighbor Search", TPAMI 33(1); in image tokenizers
           UniTok, arXiv 2502.20321
Kind       quantizer; any quantizer, split
Needs      vectors Q times as wide as the quantizer inside takes
Cost       Q times the quantizer inside, on a part of the width
Checked by test_product_equals_the_peer, test_parts_of_a_product_do_not_touch_each_other
"""

from collections.abc import Sequence
from typing import cast

from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized, Quantizer, check_whole, mean_losses, repeated, text
from lexel.shapes import Float, Int


class Product(torch.nn.Module):
    """So many quantizers of one text side by side, each with a codebook of its own.

    quantizer   the text of one with a single codebook
    parts       Q, 1 or more; D is Q times the width of the quantizer inside

    Losses have the names of those inside and are means over parts. Raises `BadArguments` for a text that is no such
    quantizer and for fewer than 1 part.

        product('vq(8, codebook_size=512)', 8)    →  eight codes a vector of 64 numbers, 72 bits
    """

    def __init__(self, quantizer: str, parts: int) -> None:
        super().__init__()
        check_whole(self, 1, parts=parts)
        self.parts = cast("Sequence[Quantizer]", repeated(quantizer, parts))
        self.dim = parts * self.parts[0].dim

    @property
    def sizes(self) -> tuple[int, ...]:
        """K of every part."""
        return tuple(part.sizes[0] for part in self.parts)

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N Q"]:
        """A column a part."""
        return torch.stack([part.codes(y) for part, y in zip(self.parts, self._split(x), strict=True)], dim=1)

    def decode(self, codes: Int[torch.Tensor, "N Q"]) -> Float[torch.Tensor, "N D"]:
        """What the columns stand for, side by side."""
        return torch.cat([part.decode(c) for part, c in zip(self.parts, codes.unbind(dim=1), strict=True)], dim=1)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes of all parts, their vectors side by side, and the losses."""
        made = [part(y) for part, y in zip(self.parts, self._split(x), strict=True)]
        codes = torch.stack([one.codes for one in made], dim=1)
        return Quantized(codes, torch.cat([one.quantized for one in made], dim=1), mean_losses(made))

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N Q"]) -> None:
        """Every part learns from its own numbers."""
        for part, y, column in zip(self.parts, self._split(x), codes.unbind(dim=1), strict=True):
            part.update(y, column)

    def _split(self, x: Float[torch.Tensor, "N D"]) -> tuple[torch.Tensor, ...]:
        return x.split(self.parts[0].dim, dim=1)

    def __repr__(self) -> str:
        return text(self, repr(self.parts[0]), len(self.parts))
