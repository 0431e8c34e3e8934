"""An autoencoder with a quantizer: each cell of a picture is a code, a whole number.

pixels ─► encoder ─► latents ─ nearest ─► codes ─ rows of the codebook ─► decoder ─► pixels
"""

from typing import Protocol, runtime_checkable

from lexel.autoencoders._autoencoder import Autoencoder, MapNetwork, Maps
from lexel.measures.coding import Tables
from lexel.needs import torch
from lexel.quantizers._quantizer import Quantizer
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Space


@runtime_checkable
class QuantizingNetwork(MapNetwork, Protocol):
    """A network whose latents are named by codes.

    quantizer   latents, row by row, ↔ codes
    """

    quantizer: Quantizer


class Discrete(Autoencoder):
    """Pictures ↔ codes. Needs a `QuantizingNetwork`.

    tables   for the entropy coding of its codes, where the model comes with them
    """

    image: QuantizingNetwork
    tables: Tables | None = None

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: codes, one number for each codebook."""
        quantizer = self.image.quantizer
        return Space("codes", quantizer.dim, quantizer.sizes, digest=self.digest, name=self.name)

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Int[torch.Tensor, "b h w *Q"]:
        latents = self.image.encode(pixels).permute(0, 2, 3, 1)
        return self.image.quantizer.codes(latents.flatten(0, 2).float()).unflatten(0, latents.shape[:3])

    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        return self._stacked(maps, self._shown)

    def _shown(self, cells: Int[torch.Tensor, "b h w *Q"]) -> Float[torch.Tensor, "b 3 H W"]:
        like = next(self.parameters())
        rows = self.image.quantizer.decode(cells.flatten(0, 2)).to(like.dtype)
        return self.image.decode(rows.unflatten(0, cells.shape[:3]).permute(0, 3, 1, 2))
