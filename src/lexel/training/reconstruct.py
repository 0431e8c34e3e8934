"""Visual vocabularies as a task: pictures through an autoencoder, and how far what comes back is from them.

    pixels ─ encode ─► z ─┬─ quantizer ──────► e ─┬─ decode ─► pixels      loss = |difference| + what the quantizer asks
                          ├─ a draw (VAE) ──────► ┤
                          └─ as it is ──────────► ┘

Codebooks that follow averages move after the step, by the vectors of all its chunks, as `Quantizer.update` says.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import TypeAlias

from lexel.autoencoders._autoencoder import Autoencoder, MapNetwork
from lexel.autoencoders._continuous import Continuous
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders.diffusion import DiffusionAutoencoder
from lexel.autoencoders.vae import VAE, divergence, drawn
from lexel.errors import BadArguments
from lexel.measures.codes import usage
from lexel.measures.pixels import psnr
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.shapes import Float, Int
from lexel.training.data import Pairs
from lexel.training.held_out import readable
from lexel.training.loader import Batch
from lexel.training.losses import PSNR, Weights
from lexel.training.task import Bounds

TOGETHER = 16  # held-out pictures that are decoded together

Seen: TypeAlias = tuple[Float[torch.Tensor, "N D"], Int[torch.Tensor, "N *Q"]]  # vectors, and their codes


class ReconstructionTask:
    """An autoencoder and its loss. It keeps `Task`.

    held_out   pictures that it is measured with and not trained on
    weights    of the terms of the loss

    Raises `BadArguments` for a network that makes several maps of a picture, as VQ-VAE-2 does.
    """

    module: torch.nn.Module

    def __init__(self, model: Autoencoder, held_out: Pairs | None = None, *, weights: Weights = PSNR) -> None:
        if not isinstance(model, Discrete | Continuous):
            raise BadArguments(f"{model!r} makes several maps of a picture; lexel does not train those")
        self.module = self.model = model
        self._network: MapNetwork = model.image
        self._held_out, self._weights = held_out, weights
        self._seen: list[Seen] = []

    def gradients(self, batch: Batch, chunk: int) -> dict[str, float]:
        """As `Task` says; every loss is a mean over the pictures of the batch."""
        size, total = chunk or len(batch.indices), len(batch.indices)
        self._seen = []
        sums: dict[str, float] = {}
        for start in range(0, total, size):
            for pixels in _alike(batch.pixels[start : start + size], next(self.model.parameters())):
                share = len(pixels) / total
                painted, asked, quantized = self._painted(pixels)
                terms = self._weights.terms(painted, pixels) | asked
                found = self._backward(pixels, painted, terms, share)
                if quantized is not None:
                    self._seen.append(quantized)
                for name, value in found.items():
                    sums[name] = sums.get(name, 0.0) + share * float(value.detach())
        return sums

    def after_step(self) -> None:
        """Codebooks that follow averages take a step."""
        if isinstance(self.model, Discrete) and self._seen:
            vectors, codes = zip(*self._seen, strict=True)
            self.model.image.quantizer.update(torch.cat(vectors), torch.cat(codes))
        self._seen = []

    def measure(self) -> dict[str, float]:
        """`psnr`: the mean over held-out pictures, in dB, of bytes; {} where there are none.

        With codes also `used`, the share of the codebook that stands in these pictures, and `perplexity`, how many
        codes, used evenly, would be as hard to guess; the largest where there are several codebooks.
        """
        if self._held_out is None:
            return {}
        training, found, made = self.model.training, [], []
        self.model.eval()
        with torch.inference_mode():
            for pixels, shown, codes in self._measured(self._held_out):
                found += [psnr(error) for error in _errors(pixels, shown)]
                made += codes
        self.model.train(training)
        if not found:
            return {}
        measures = {"psnr": sum(found) / len(found)}
        if isinstance(self.model, Discrete):
            measures |= _health(torch.cat(made), self.model.image.quantizer.sizes)
        return measures

    def bounds(self, batch: Batch) -> Bounds:
        """Every picture can be learned by heart; blind is who paints all of them in one colour, mean or median."""
        if isinstance(self._network, DiffusionAutoencoder):  # who says that nothing moves
            still = torch.stack([1 + pixels.square().mean() for pixels in batch.pixels]).mean()
            return Bounds(0.0, float(self._weights.l2 * still))
        flat = torch.cat([pixels.flatten(1) for pixels in batch.pixels], dim=1)
        colors = [flat.mean(dim=1), flat.median(dim=1).values]
        return Bounds(0.0, min(self._blind(batch, color[:, None, None]) for color in colors))

    def size(self, batch: Batch) -> tuple[int, int]:
        """Pictures and cells."""
        cell = self.model.image.cell
        return len(batch), sum((x.shape[-2] // cell) * (x.shape[-1] // cell) for x in batch.pixels)

    def _blind(self, batch: Batch, color: Float[torch.Tensor, "3 1 1"]) -> float:
        """The loss of one colour for all."""
        total = 0.0
        for pixels in _alike(batch.pixels, next(self.model.parameters())):
            terms = self._weights.terms(color.to(pixels).expand_as(pixels), pixels)
            total += len(pixels) / len(batch) * float(torch.stack(list(terms.values())).sum())
        return total

    def _backward(
        self,
        pixels: Float[torch.Tensor, "b 3 H W"],
        painted: Float[torch.Tensor, "b 3 H W"],
        terms: dict[str, torch.Tensor],
        share: float,
    ) -> dict[str, torch.Tensor]:
        """Fill `.grad` by this share of the batch. Losses by name, "loss" first."""
        loss = torch.stack(list(terms.values())).sum()
        (share * loss).backward()
        return {"loss": loss.detach()} | terms

    def _painted(
        self, pixels: Float[torch.Tensor, "b 3 H W"]
    ) -> tuple[Float[torch.Tensor, "b 3 H W"], dict[str, torch.Tensor], Seen | None]:
        """What comes back, what quantizer or encoder ask for it, and what a quantizer saw and said."""
        network = self._network
        if isinstance(self.model, Discrete):
            latents, seen, asked = self._quantized(network.encode(pixels))
            return network.decode(latents), asked, seen
        if isinstance(network, VAE):
            mean, log_variance = network.posterior(pixels)
            cost = divergence(mean, log_variance).sum() / pixels.numel()
            return network.decode(drawn(mean, log_variance)), {"divergence": self._weights.divergence * cost}, None
        if isinstance(network, DiffusionAutoencoder):  # what is wrong is a velocity, said as if it were of pixels
            return pixels + network.missed(pixels), {}, None
        return network.decode(network.encode(pixels)), {}, None

    def _quantized(
        self, latents: Float[torch.Tensor, "b D h w"]
    ) -> tuple[Float[torch.Tensor, "b D h w"], Seen, dict[str, torch.Tensor]]:
        """A map of vectors → the map of their codes' vectors, what the quantizer saw and said, and its losses."""
        assert isinstance(self.model, Discrete)
        rows = latents.permute(0, 2, 3, 1)
        vectors = rows.flatten(0, 2).float()
        with torch.autocast(vectors.device.type, enabled=False):  # bfloat16 would not tell near codes apart
            made = self.model.image.quantizer(vectors)
        found = made.quantized.to(latents.dtype).view(rows.shape).permute(0, 3, 1, 2)
        return found, (vectors.detach(), made.codes), made.losses

    def _measured(
        self, pairs: Pairs
    ) -> Iterator[
        tuple[Float[torch.Tensor, "b 3 H W"], Float[torch.Tensor, "b 3 H W"], list[Int[torch.Tensor, "N *Q"]]]
    ]:
        """Held-out pictures, what becomes of them, and their codes; so many of one size at a time."""
        network, like = self._network, next(self.model.parameters())
        found = (torch.from_numpy(self.model.preparation.prepare(picture)[0]) for _, picture in readable(pairs))
        while some := list(islice(found, TOGETHER)):
            for pixels in _alike(some, like):
                latents, codes = network.encode(pixels), []
                if isinstance(self.model, Discrete):
                    latents, (_, said), _ = self._quantized(latents)
                    codes = [said]
                yield pixels, network.decode(latents), codes


def _alike(pixels: Pixels, like: torch.Tensor) -> Iterator[Float[torch.Tensor, "b 3 H W"]]:
    """Neighbours of one size together, on the device of `like`."""
    for _, some in groupby(pixels, key=lambda one: one.shape):
        yield torch.stack(list(some)).to(like)


def _errors(pixels: Float[torch.Tensor, "b 3 H W"], shown: Float[torch.Tensor, "b 3 H W"]) -> list[float]:
    """The mean squared error of each picture, of bytes."""
    a, b = (((x.float().clamp(-1, 1) + 1) * 127.5).round() for x in (pixels, shown))
    return [float(one) for one in (a - b).square().mean(dim=(1, 2, 3))]


def _health(codes: Int[torch.Tensor, "N *Q"], sizes: Sequence[int]) -> dict[str, float]:
    """Of the codebook that is used least, and of the one that is hardest to guess."""
    found = usage(codes.cpu().numpy(), sizes)
    return {"used": min(one.used for one in found), "perplexity": max(one.perplexity for one in found)}
