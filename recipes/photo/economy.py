"""Codes that are worth their bits: the task of photo-fsq, which pays for every code as much as it costs to send.

    pixels ─ encode ─► levels ─┬─ decode ─► pixels     how wrong: root of the mean square of each crop, and its structure
                               └─ neighbours ─► bits   how dear: − log₂ of what stands left of it and above lets expect

A quantizer of fixed codes spends as many bits on a clear sky as on a face. Here grain that nobody could guess, and that
the decoder cannot use, costs more than it is worth, and codes become what their neighbours say. The little network of
neighbours is thrown away afterwards: the streams are written with counted tables.
"""

from collections.abc import Sequence

from lexel.autoencoders._discrete import Discrete
from lexel.needs import torch
from lexel.shapes import Float
from lexel.training.data import Pairs
from lexel.training.loader import Batch
from lexel.training.losses import ssim
from lexel.training.reconstruct import ReconstructionTask

F = torch.nn.functional

PRICE = 0.15  # of a bit a pixel, in roots of mean squares
STRUCTURE = 0.1  # of 1 − SSIM
FLOOR = 0.002  # mean square (27 dB) below which being better no longer counts for more than elsewhere
LEAST = 1e-6  # probability


class Economical:
    """A vocabulary of levels, and what it costs. Keeps `Task`."""

    def __init__(self, model: Discrete, levels: Sequence[int], held_out: Pairs) -> None:
        self._model, self._neighbours = model, Neighbours(levels)
        self.module = torch.nn.ModuleDict({"model": model, "neighbours": self._neighbours})
        self._measured = ReconstructionTask(model, held_out)

    def gradients(self, batch: Batch, chunk: int) -> dict[str, float]:
        """Of the whole batch at once."""
        pixels, network = batch.pixels, self._model.image
        rows = network.encode(pixels).permute(0, 2, 3, 1)
        quantized = network.quantizer(rows.flatten(0, 2)).quantized.view(rows.shape).permute(0, 3, 1, 2)
        painted = network.decode(quantized)
        bits = self._neighbours(quantized) / pixels[:, 0].numel()
        root = ((painted - pixels).square().mean(dim=(1, 2, 3)) + FLOOR).sqrt().mean()
        structure = STRUCTURE * (1 - ssim(painted, pixels).mean())
        loss = root + structure + PRICE * bits
        loss.backward()
        facts = {"loss": loss, "root": root, "structure": structure, "bits": bits}
        return {name: float(value.detach()) for name, value in facts.items()}

    def after_step(self) -> None:
        """Nothing has a range."""

    def measure(self) -> dict[str, float]:
        """As every vocabulary."""
        return self._measured.measure()


class Neighbours(torch.nn.Module):
    """Bits of levels, from those left of them and above, and from those before them in their cell."""

    levels: torch.Tensor

    def __init__(self, levels: Sequence[int], width: int = 48) -> None:
        super().__init__()
        count = len(levels)
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32)[:, None, None])
        self.around = torch.nn.Conv2d(count, width, 3, padding=1)
        self.mixed = torch.nn.Conv2d(width, width, 1)
        self.guess = torch.nn.Conv2d(width, 2 * count, 1)
        self.within = torch.nn.Parameter(torch.zeros(count, count))
        causal = torch.zeros(3, 3)
        causal[0], causal[1, 0] = 1, 1
        self.register_buffer("causal", causal)

    def forward(self, quantized: Float[torch.Tensor, "b D h w"]) -> Float[torch.Tensor, ""]:
        """Bits of all of it, with gradients to the levels and to what they are expected from."""
        half = torch.floor(self.levels / 2)
        level = quantized * half
        x = F.conv2d(quantized, self.around.weight * self.causal, self.around.bias, padding=1)
        centre, spread = self.guess(F.silu(self.mixed(F.silu(x)))).chunk(2, dim=1)
        centre = centre * half + torch.einsum("de,behw->bdhw", self.within.tril(-1), level)
        spread = F.softplus(spread) + 0.05
        above = torch.sigmoid((level + 0.5 - centre) / spread)
        below = torch.sigmoid((level - 0.5 - centre) / spread)
        highest, lowest = self.levels - 1 - half, -half
        above = torch.where(level >= highest - 0.25, torch.ones_like(above), above)
        below = torch.where(level <= lowest + 0.25, torch.zeros_like(below), below)
        return -(above - below).clamp(min=LEAST).log2().sum()
