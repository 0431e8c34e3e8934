"""Masked autoencoders as a task: pictures with a lot for each of their patches, drawn for the step.

    loader[step] ─► MaskedLoader[step] ─► pixels, which patches are seen ─► encoder, decoder ─► loss of the others
                      seed, step, index

Paper    He et al. 2021, arXiv 2111.06377: three patches of four are hidden
Rule     a lot depends on the seed, the step and the number of the picture: not on processes, chunks or what was before
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lexel.errors import LoadError
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.nn.prepared import PICTURES
from lexel.shapes import Array, Bool, Float
from lexel.towers.mae import MAE, MAEImage, masked_loss, pixel_rows, shown
from lexel.training.contrastive import full
from lexel.training.data import Pairs
from lexel.training.held_out import readable
from lexel.training.loader import Batch
from lexel.training.task import Bounds, Loader, drawn

MASK_RATIO = 0.75  # the published one


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """B pictures.

    pixels    float32 `[B, 3, H, W]`, or a list of `[3, H, W]`
    visible   for each picture, which patches of its raster the encoder is shown
    """

    pixels: Pixels
    visible: Sequence[Bool[Array, "..."]]

    def __len__(self) -> int:
        return len(self.visible)


class MaskedLoader:
    """The pictures of another loader, each with its lot at that step.

    patch_size   of the model
    mask_ratio   share of the patches that are hidden, above 0.0 and below 1.0
    """

    def __init__(
        self, loader: Loader[Batch], patch_size: int, *, mask_ratio: float = MASK_RATIO, seed: int = 0
    ) -> None:
        self._loader, self._patch_size, self._mask_ratio, self._seed = loader, patch_size, mask_ratio, seed

    def __getitem__(self, step: int) -> MaskedBatch:
        """What this process sees at `step`, from 0."""
        batch = self._loader[step]
        words = [str(drawn(self._seed, "mask", step, index)) for index in batch.indices.tolist()]
        counts = [_patches(x, self._patch_size) for x in batch.pixels]
        lots = [shown(word, count, self._mask_ratio) for word, count in zip(words, counts, strict=True)]
        return MaskedBatch(batch.pixels, lots)


class MaskedTask:
    """A masked autoencoder and its loss. It keeps `Task`.

    held_out     pictures that it is measured with and not trained on
    mask_ratio   of these

    Raises `LoadError` for a model without a decoder.
    """

    def __init__(self, mae: MAE, held_out: Pairs | None = None, *, mask_ratio: float = MASK_RATIO) -> None:
        if not isinstance(mae.image, MAEImage) or mae.image.decoder is None:
            raise LoadError("has no decoder, which would paint what is hidden", subject=mae.name)
        self.module = mae
        self._image = mae.image
        self._held_out, self._mask_ratio = held_out, mask_ratio

    def gradients(self, batch: MaskedBatch, chunk: int) -> dict[str, float]:
        """As `Task` says: the mean squared error over all hidden patches of the batch."""
        size, total = chunk or len(batch), sum(_hidden(lot) for lot in batch.visible)
        values = []
        for start in range(0, len(batch), size):
            pixels, lots = batch.pixels[start : start + size], batch.visible[start : start + size]
            painted, wanted, hidden = self._painted(pixels, lots)
            share = sum(_hidden(lot) for lot in lots) / total
            value = share * masked_loss(painted, wanted, hidden, norm_pix_loss=self._image.config.norm_pix_loss)
            value.backward()
            values.append(value.detach())
        return {"loss": float(torch.stack(values).sum())}

    def after_step(self) -> None:
        """Nothing has a range."""

    def measure(self) -> dict[str, float]:
        """`explained`: the share of the hidden patches' variance that is painted, 1.0 at most; 0.0 is a grey guess.

        Of held-out pictures, with lots that are always the same; {} where there are none.
        """
        if self._held_out is None:
            return {}
        training, normed = self.module.training, self._image.config.norm_pix_loss
        wrong = whole = 0.0
        self.module.eval()
        with torch.inference_mode():
            for pixels, lots in self._measured(self._held_out):
                painted, wanted, hidden = self._painted(pixels, lots)
                count = int(hidden.sum())
                wrong += count * float(masked_loss(painted, wanted, hidden, norm_pix_loss=normed))
                whole += count * float(masked_loss(torch.zeros_like(painted), wanted, hidden, norm_pix_loss=normed))
        self.module.train(training)
        return {"explained": 1 - wrong / whole} if whole else {}

    def bounds(self, batch: MaskedBatch) -> Bounds:
        """Every picture can be learned by heart; blind is who paints all patches grey."""
        with torch.no_grad():
            painted, wanted, hidden = self._painted(batch.pixels, batch.visible)
            grey, normed = torch.zeros_like(painted), self._image.config.norm_pix_loss
            return Bounds(0.0, float(masked_loss(grey, wanted, hidden, norm_pix_loss=normed)))

    def size(self, batch: MaskedBatch) -> tuple[int, int]:
        """Pictures, and their patches, hidden or not."""
        return len(batch), sum(len(lot) for lot in batch.visible)

    def _painted(
        self, pixels: Pixels, lots: Sequence[Bool[Array, "..."]]
    ) -> tuple[Float[torch.Tensor, "N K"], Float[torch.Tensor, "N K"], Bool[torch.Tensor, "N"]]:
        """What is painted of all patches, what they are, and which were hidden."""
        painted = full(self._image.paint(pixels, lots))
        stacks = [pixels] if isinstance(pixels, torch.Tensor) else [x[None] for x in pixels]
        wanted = torch.cat([pixel_rows(stack.to(painted), self._image.config.patch_size) for stack in stacks])
        hidden = ~torch.cat([torch.from_numpy(lot) for lot in lots]).to(painted.device)
        return painted, wanted, hidden

    def _measured(self, pairs: Pairs) -> Iterator[tuple[Pixels, list[Bool[Array, "..."]]]]:
        """Held-out pictures and their lots, so many at a time."""
        found = ((index, self.module.preparation.prepare(picture)[0]) for index, picture in readable(pairs))
        while some := list(islice(found, PICTURES)):
            pixels = [torch.from_numpy(x) for _, x in some]
            counts = [_patches(x, self._image.cell) for x in pixels]
            lots = [shown(f"held out {i}", n, self._mask_ratio) for (i, _), n in zip(some, counts, strict=True)]
            yield pixels, lots


def _patches(x: Float[torch.Tensor, "3 H W"], side: int) -> int:
    return (x.shape[1] // side) * (x.shape[2] // side)


def _hidden(lot: Bool[Array, "n"]) -> int:
    return len(lot) - int(lot.sum())
