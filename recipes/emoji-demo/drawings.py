"""The data sets of `prepare.py` in memory: drawings as one array, what is said of each, and batches of both.

    loader[step] ─► drawings of that step ─ restyled ─ prepared ─► pixels
                                          └ a language, a form of caption ─► words

Everything follows from seed and step, so that a run that was killed goes on as if nothing had been.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from restyle import on_white, restyled

from lexel.evals.retrieval import retrieval
from lexel.pictures.prepare import CLIP_MEAN, CLIP_STD
from lexel.shapes import Float, Int
from lexel.towers._dual import Dual
from lexel.training.task import drawn
from lexel.words.value import Speller, Words

TAGS = 3  # that stand behind a label at most


@dataclass(frozen=True)
class Drawings:
    """One style.

    names    of the drawings, sorted: their codes
    pixels   uint8 [N, 4, 64, 64]
    said     by drawing and language: label and tags
    """

    names: tuple[str, ...]
    pixels: torch.Tensor
    said: tuple[dict[str, tuple[str, list[str]]], ...]

    @classmethod
    def of(cls, folder: Path, style: str, *, skins: bool = False) -> "Drawings":
        """The base drawings of a style, and those with a skin tone where `skins`."""
        table = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
        names = sorted(name for name, facts in table.items() if skins or facts["of"] is None)
        images = [Image.open(folder / style / f"{name}.png").convert("RGBA") for name in names]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2).contiguous()
        return cls(tuple(names), pixels, tuple(table[name]["said"] for name in names))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def languages(self) -> list[str]:
        """All of them."""
        return sorted(self.said[0])

    def labels(self, language: str) -> list[str]:
        """The label of each drawing."""
        return [said[language][0] for said in self.said]

    def captions(self) -> list[str]:
        """Every label and tag of every language: what a vocabulary is learned from."""
        return [text for said in self.said for label, tags in said.values() for text in (label, *tags)]


@dataclass(frozen=True)
class Views:
    """Restyled drawings by step: pixels [B, 3, 64, 64] as the tower wants them, and which drawings they are [B].

    ramp       steps until `strength` is reached, from a fifth of it; 0: it is there from the start
    strength   of `restyle.py`; 0: drawings as they are
    """

    drawings: Drawings
    batch: int
    seed: int
    strength: float
    ramp: int = 0

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        indices = samples(len(self.drawings), self.batch, step, self.seed)
        draw = torch.Generator().manual_seed(drawn(self.seed, "restyle", step))
        way = min(1.0, 0.2 + 0.8 * step / self.ramp) if self.ramp else 1.0
        return prepared(restyled(self.drawings.pixels[indices], way * self.strength, draw)), indices


@dataclass(frozen=True)
class Batch:
    """What a dual encoder is trained with: what the image tower sees, or saw, and the words of each."""

    pixels: torch.Tensor
    words: Words


@dataclass(frozen=True)
class Captions:
    """What is said of a drawing: how often it is English, a label alone, one tag alone; else label and tags."""

    english: float
    label: float
    tag: float

    def of(self, said: dict[str, tuple[str, list[str]]], dice: Random) -> str:
        """One caption."""
        label, tags = said["en" if dice.random() < self.english else dice.choice(list(said))]
        form = dice.random()
        if form < self.label or not tags:
            return label
        if form > 1 - self.tag:
            return dice.choice(tags)
        return ", ".join([label, *dice.sample(tags, min(len(tags), TAGS))])


@dataclass(frozen=True)
class Captioned:
    """Something that is said of each drawing of a batch, beside how a locked tower sees one of its views.

    seen   [K, N, E]: K views of each drawing, in the space that is shared
    """

    drawings: Drawings
    seen: Float[torch.Tensor, "K N E"]
    speller: Speller
    captions: Captions
    batch: int
    seed: int

    def __getitem__(self, step: int) -> Batch:
        indices = samples(len(self.drawings), self.batch, step, self.seed)
        dice = Random(drawn(self.seed, "captions", step))  # noqa: S311  # not for secrets
        views = torch.tensor([dice.randrange(len(self.seen)) for _ in indices])
        said = [self.captions.of(self.drawings.said[index], dice) for index in indices.tolist()]
        return Batch(self.seen[views, indices], self.speller(said))


def samples(count: int, batch: int, step: int, seed: int) -> Int[torch.Tensor, "B"]:
    """The samples from `step · batch` on, of permutations of `count` one behind the other."""
    first = step * batch
    epochs = range(first // count, (first + batch - 1) // count + 1)
    dice = [torch.Generator().manual_seed(drawn(seed, "order", epoch)) for epoch in epochs]
    orders = torch.cat([torch.randperm(count, generator=die) for die in dice])
    return orders[first - epochs[0] * count :][:batch]


def prepared(levels: Float[torch.Tensor, "B 3 S S"]) -> Float[torch.Tensor, "B 3 S S"]:
    """Levels 0…1 as the tower wants them, channels last: its convolutions are three times as fast on them."""
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (CLIP_MEAN, CLIP_STD))
    return ((levels - mean) / std).contiguous(memory_format=torch.channels_last)


def scores(model: Dual, drawings: Drawings, languages: Sequence[str]) -> dict[str, dict[str, float]]:
    """Recall of each language's labels, all drawings as they are being the gallery. `model` stays in its mode."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    with torch.inference_mode():
        some = [model.image.encode_pixels(prepared(on_white(pixels))) for pixels in drawings.pixels.split(256)]
        images = torch.nn.functional.normalize(torch.cat([model.image.pooled(packed) for packed in some]), dim=1)
    owner = np.arange(len(drawings))
    found = {code: retrieval(images.numpy(), model.embed(drawings.labels(code)), owner, k=(1, 5)) for code in languages}
    for part in training:
        part.training = True
    return found
