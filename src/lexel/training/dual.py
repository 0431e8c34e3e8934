"""Dual encoders as a task: pictures and captions of one batch, in chunks of any size, on any number of processes.

    pixels ─► image tower ─► unit ─┐
                                   ├─► the loss of the whole batch, over all processes, in tiles
    ids ────► text tower ──► unit ─┘

A batch that goes through the towers at once has one backward pass. One that does not is taken chunk by chunk by
gradient caching, and the gradients are the same. A tower that is locked is run once, without a graph.

The loss is the model's own: SigLIP's where its logits have a bias, else CLIP's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lexel.errors import BadArguments, LoadError
from lexel.evals.retrieval import retrieval
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.nn.spelled import Ids
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.towers._dual import Dual, SharedTower, TextTower
from lexel.training.contrastive import MAX_LOGIT_SCALE, full
from lexel.training.data import Pairs
from lexel.training.gradient_cache import cached
from lexel.training.held_out import readable
from lexel.training.loader import Batch
from lexel.training.ranks import Ranks
from lexel.training.task import Bounds
from lexel.training.tiled import tiled_clip_loss, tiled_siglip_loss
from lexel.words.value import Speller


class DualTask:
    """A dual encoder and its contrastive loss. It keeps `Task`.

    dual       both towers and a speller; what has gradients is trained, see `fresh.trained`
    held_out   pairs that it is measured with and not trained on

    Raises `LoadError` for a model that lacks a tower or its words.
    """

    def __init__(self, dual: Dual, held_out: Pairs | None = None) -> None:
        if not (dual.image and dual.text and dual.speller and dual.logit_scale is not None):
            raise LoadError("has not both towers and a tokenizer: there is nothing to train", subject=dual.name)
        self.module = dual
        self._held_out = held_out
        self._image: SharedTower = dual.image  # type: ignore[assignment]  # of a `Dual` it is one
        self._text: TextTower = dual.text
        self._speller: Speller = dual.speller
        self._scale: torch.nn.Parameter = dual.logit_scale

    def gradients(self, batch: Batch, chunk: int) -> dict[str, float]:
        """As `Task` says. Beside the loss: what cosines are multiplied by, and how alike pictures and texts are.

        The last two are the mean cosine between two pictures of the batch, and between two texts: 1.0 is collapse.
        Raises `BadArguments` for chunks of a model with batch normalisation, which mixes the samples of a chunk.
        """
        ids = self._text.arrange(batch.words, self._speller.pad)
        size = chunk or len(ids)
        if size < len(ids) and any(isinstance(part, BATCH_NORM) and part.training for part in self.module.modules()):
            raise BadArguments("batch normalisation mixes the samples of a chunk: train this model with chunk = 0")
        sides = [_Side.of(self._see, batch.pixels, self._image, size), _Side.of(self._read, ids, self._text, size)]
        chunks = list(zip(*(side.parts for side in sides), strict=True))

        def encode(chunk: tuple[Pixels | Ids, ...]) -> tuple[torch.Tensor, torch.Tensor]:
            images, texts = (side.encode(part) for side, part in zip(sides, chunk, strict=True))
            return images, texts

        alike: list[torch.Tensor] = []

        def loss(images: torch.Tensor, texts: torch.Tensor, *learned: torch.Tensor) -> torch.Tensor:
            alike.extend(_alike(x.detach()) for x in (images, texts))
            tiled: Callable[..., torch.Tensor] = tiled_clip_loss if len(learned) == 1 else tiled_siglip_loss
            return tiled(images, texts, *learned, ranks=Ranks.here())

        learned = [self._scale, *([] if self.module.logit_bias is None else [self.module.logit_bias])]
        if len(chunks) == 1:
            value = loss(*encode(chunks[0]), *learned)
            value.backward()
        else:
            value = cached(encode, chunks, loss, *learned)
        numbers = torch.stack([value.detach(), self._scale.detach().exp().to(value), *alike]).tolist()
        return dict(zip(("loss", "scale", "images_alike", "texts_alike"), numbers, strict=True))

    def after_step(self) -> None:
        """The scale stays within 1 … 100."""
        with torch.no_grad():
            self._scale.clamp_(0, MAX_LOGIT_SCALE)

    def measure(self) -> dict[str, float]:
        """Retrieval among the held-out pairs, text → picture at 1 first; {} where none can be read.

        Pictures are prepared as a user's are.
        """
        if not self._held_out:
            return {}
        training = [part for part in self.module.modules() if part.training]
        self.module.eval()
        try:
            captions: list[str] = []
            owner: list[int] = []
            images = self.module.embed(_pictures(self._held_out, captions, owner))
            if not owner:
                return {}
            return retrieval(images, self.module.embed(captions), np.array(owner, np.int64))
        finally:
            for part in training:
                part.training = True

    def bounds(self, batch: Batch) -> Bounds:
        """What pictures and captions that are there several times cost: no model can tell them apart.

        With n copies of a caption the right one gets 1/n at best. Of CLIP's loss that is ln n; of SigLIP's, which asks
        n questions of which one is answered yes, n · ln n − (n − 1) · ln(n − 1). To the blind all are copies.
        """
        alike = {
            "captions": [ids.tobytes() for ids in np.split(batch.words.ids, batch.words.splits[1:-1])],
            "pictures": [x.numpy().tobytes() for x in batch.pixels],
        }
        counts = {name: Counter(things) for name, things in alike.items()}
        copies = np.max([[counts[name][thing] for thing in things] for name, things in alike.items()], axis=0)
        all_alike = [name for name in alike if len(counts[name]) == 1 < len(batch)]
        why = f"all {len(batch)} {' and '.join(all_alike)} are alike" if all_alike else ""
        return Bounds(float(self._least(copies).mean()), float(self._least(np.array([len(batch)]))[0]), why)

    def size(self, batch: Batch) -> tuple[int, int]:
        """Pictures, and the tokens that go through both towers."""
        shapes = Counter(x.shape for x in batch.pixels)
        with torch.no_grad():
            seen = [n * len(self._image.trace(torch.zeros(1, *shape)).packed.x) for shape, n in shapes.items()]
        ids = self._text.arrange(batch.words, self._speller.pad)
        return len(batch), sum(seen) + sum(len(text) for text in ids)

    def _least(self, copies: Int[Array, "n"]) -> Float[Array, "n"]:
        """What one of so many copies adds to the loss at least."""
        yes = np.log(copies)
        if self.module.logit_bias is None:
            return yes
        return copies * yes - (copies - 1) * np.log(np.maximum(copies - 1, 1))

    def _see(self, pixels: Pixels) -> Float[torch.Tensor, "b D"]:
        return _unit(self._image.pooled(self._image.trace(pixels).packed))

    def _read(self, ids: Ids) -> Float[torch.Tensor, "b D"]:
        return _unit(self._text.pooled(self._text.encode_ids(ids), ids))


BATCH_NORM = torch.nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True, eq=False)
class _Side:
    """Pictures or texts of a batch in parts, and what makes unit rows of a part."""

    encode: Callable[..., torch.Tensor]
    parts: Sequence[Pixels | Ids]

    @classmethod
    def of(cls, encode: Callable[..., torch.Tensor], inputs: Pixels | Ids, tower: object, size: int) -> "_Side":
        """A tower that is locked is run here, and its parts are rows already."""
        assert isinstance(tower, torch.nn.Module)
        parts = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        if any(parameter.requires_grad for parameter in tower.parameters()):
            return cls(encode, parts)
        with torch.no_grad():
            return cls(torch.nn.Identity(), [encode(part) for part in parts])


def _unit(x: Float[torch.Tensor, "b D"]) -> Float[torch.Tensor, "b D"]:
    return torch.nn.functional.normalize(full(x), dim=1)


def _alike(x: Float[torch.Tensor, "b D"]) -> Float[torch.Tensor, ""]:
    """The mean cosine between two different rows; 0 for a single one."""
    others = len(x) * (len(x) - 1)
    return (x.sum(0).square().sum() - len(x)) / max(1, others)


def _pictures(pairs: Pairs, captions: list[str], owner: list[int]) -> Iterator[Picture]:
    """The pictures that can be read; their captions, and which picture each is of, go to the lists."""
    for row, (index, picture) in enumerate(readable(pairs)):
        captions += pairs.captions(index)
        owner += [row] * len(pairs.captions(index))
        yield picture
