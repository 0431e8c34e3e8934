"""`demo train`: a small model learns the drawings that come with lexel, from nothing, while one watches.

    200 drawings ─┬─► DIR/drawings/NAME.png, NAME.txt ─► pairs ─► loader ─► trainer ─► DIR/model
                  │   captions in three languages                              │
                  └─► DIR/held-out/NAME.png, NAME.txt ─► pairs ─► R@1 ◄────────┘
                      another view of each, its English label

The views that are held out are turned, cut and in other colours than any that is trained on; the drawings are the same.
Of drawings that it was never shown, nothing could be learned from 200.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lexel.cli.toy import SIDE, Drawn
from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.png import png
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float

if TYPE_CHECKING:
    from lexel.towers._dual import Dual

STEPS, BATCH, MEASURE_EVERY = 200, 100, 40
SEED = 0
VOCABULARY, LENGTH = 1500, 64
CHANGES = Augmentation(crop=(0.7, 1.0), ratio=(0.8, 1.25), rotate=12.0, color=0.3, hue=0.03, blur=0.015)
RECALL = "image_retrieval_recall@1"  # English label → drawing

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Learned:
    """How it went: the folder of the model, and R@1 on what was held out, before and after."""

    model: Path
    before: float
    after: float


def learn(known: Sequence[Drawn], folder: Path, tell: Tell, *, steps: int) -> Learned:
    """Train a model on these drawings in `folder`, anew; `tell` hears of each step."""
    from lexel.loading.load import save
    from lexel.training.data import pairs
    from lexel.training.dual import DualTask
    from lexel.training.loader import PairLoader
    from lexel.training.trainer import Settings, train

    for number, drawn in enumerate(known):
        said = [text for label, tags in drawn.said.values() for text in (label, ", ".join([label, *tags[:2]]))]
        _write(folder / "drawings", drawn.picture, said)
        _write(folder / "held-out", CHANGES(drawn.picture, number), [drawn.label])
    data = pairs(folder / "drawings")
    model = _new([caption for index in range(len(data)) for caption in data.captions(index)], folder / "words")

    def prepare(picture: Picture, seed: int) -> Float[Array, "3 H W"]:
        return model.preparation.prepare(CHANGES(picture, seed))[0]

    assert model.speller is not None
    loader = PairLoader(data, prepare, model.speller, min(BATCH, len(known)), seed=SEED)
    task = DualTask(model, pairs(folder / "held-out"))
    watch = _Watch(tell, task.measure()[RECALL])
    before = watch.recall
    settings = Settings(
        steps, 1e-3, warmup=steps // 16, weight_decay=0.05, save_every=steps, measure_every=MEASURE_EVERY, seed=SEED
    )
    with TemporaryDirectory() as checkpoints:  # a demo begins anew each time
        train(task, loader, settings, Path(checkpoints), watch)
    save(model.eval(), folder / "model")
    return Learned(folder / "model", before, watch.recall)


def _new(captions: list[str], words: Path) -> "Dual":
    """A CLIP of 16 patches a drawing, and a vocabulary of these captions."""
    from lexel.training import fresh

    fresh.speller(captions, vocab_size=VOCABULARY, folder=words)
    image = fresh.ImageSizes(SIDE, patch_size=16, width=128, depth=3, heads=4)
    return fresh.dual(image, fresh.TextSizes(LENGTH, width=128, depth=2, heads=4), words, seed=SEED)


class _Watch:
    """Hears of the run and remembers the last measurement."""

    def __init__(self, tell: Tell, recall: float) -> None:
        self._tell, self.recall = tell, recall

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """After each update."""
        self._tell(step)

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """After some of them."""
        self.recall = measures[RECALL]

    def saved(self, step: int) -> None:
        """Nothing to remember."""


def _write(folder: Path, picture: Picture, captions: Sequence[str]) -> None:
    height, width = picture.pixels.shape[:2]
    drawing = png(Drawing(height, width, (Raster(picture.pixels, (0, 0, width, height)),)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{picture.name}.png").write_bytes(drawing)
    (folder / f"{picture.name}.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
