"""From the settings of a file to what the trainer takes: task, loader, settings, and what will become of the weights.

    config ─┬─► data ──── split ─┬─► trained on ─► loader ─┐
            │                    └─► held out ──┐          ├─► trainer.train ─► weights ─► Job.model
            └─► model, new or loaded ─► task ◄──┘ ─────────┘

Everything is a function of the file, the data and the number of processes; whatever is made here is made again, equal,
when a run goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from lexel.errors import BadArguments
from lexel.loading.load import load
from lexel.needs import torch
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture, Refusal
from lexel.pictures.prepare import Preparation
from lexel.shapes import Array, Float
from lexel.towers._backbone import Backbone
from lexel.towers._dual import Dual
from lexel.towers.mae import MAE
from lexel.training import fresh, lora, plan, sanity, trainer, wise
from lexel.training.data import Pairs, pairs, pictures_only, split
from lexel.training.dual import DualTask
from lexel.training.loader import Batch, PairLoader, Spell, unspelled
from lexel.training.masked import MaskedBatch, MaskedLoader, MaskedTask
from lexel.training.noted import Noted
from lexel.training.plan import Plan, Sized
from lexel.training.ranks import Ranks
from lexel.training.recipes import PATHS
from lexel.training.sanity import Learnable, Sanity
from lexel.training.sections import Config, Contrastive, Finetune, Image, Masked
from lexel.training.task import Loader, Watch
from lexel.training.trainer import Ended, Settings
from lexel.words.folder import TOKENIZER

LARGEST = 512  # pixels a side: no published dual encoder sees more
FEW = 16  # samples that are learned by heart
PIECES: dict[str, Literal["bytes", "pieces"]] = {"clip": "bytes", "siglip": "pieces"}

B = TypeVar("B")
B_in = TypeVar("B_in", contravariant=True)


@dataclass(frozen=True, eq=False)
class Data:
    """What is trained on, what is not, and what is there and is no sample."""

    train: Noted
    held_out: Noted
    refused: tuple[Refusal, ...]


class Learner(Learnable[B_in], Sized[B_in], Protocol[B_in]):
    """A task that can be checked and planned before it is trained."""


@dataclass(frozen=True, eq=False)
class Job(Generic[B]):
    """One run, ready to begin or to go on.

    task, loader, settings   what the trainer takes
    few                      batches of a few samples, to learn by heart
    batch                    samples a step, of all processes
    score                    how well a model does on what is held out
    become                   what the trained module becomes: adapters merged, mixed with what it began with
    """

    task: Learner[B]
    loader: Loader[B]
    settings: Settings
    few: Loader[B]
    batch: int
    score: Callable[[Backbone], dict[str, float]]
    become: Callable[[], Backbone]

    def check(self) -> Sanity:
        """Whether it learns a few samples by heart."""
        return sanity.check(self.task, self.few, self.settings)

    def plan(self) -> Plan:
        """How long it will take."""
        return plan.line(self.task, self.loader, self.settings)

    def train(self, checkpoints: Path, watch: Watch) -> Ended:
        """Train, from the newest checkpoint where there is one."""
        return trainer.train(self.task, self.loader, self.settings, checkpoints, watch)

    def model(self, weights: dict[str, torch.Tensor]) -> Backbone:
        """What the run is for, with these weights, in `eval()` and without gradients."""
        self.task.module.load_state_dict(weights)
        return self.become()


def opened(config: Config, home: Path) -> Data:
    """Open the data. `home` is the folder of the file, from which its places are seen.

    Raises `DataError` for data that cannot be opened, `BadArguments` where not enough is left to train on.
    """
    said, source = config.data.held_out, config.data.source
    where = source if source.startswith("hf:") else _shown((home / Path(source).expanduser()).resolve())
    side = LARGEST if isinstance(config, Finetune) else config.image.size
    data = (pictures_only if isinstance(config, Masked) else pairs)(where, shrink=side)
    train, held_out = split(data, said if said < 1 else int(said), seed=config.run.seed)
    if len(train) < 2 * Ranks.here().count:
        raise BadArguments(
            f"{len(train)} of {len(data)} are left to train on", subject=source, hint="see data.held_out"
        )
    refused = tuple(replace(one, name=one.name.removeprefix(f"{where}/")) for one in data.refused)  # as keys are said
    return Data(Noted(train), Noted(held_out), refused)


def build(config: Config, home: Path, data: Data, device: torch.device) -> Job[Batch] | Job[MaskedBatch]:
    """The model with its data. The vocabulary of a new one is learned first and kept in `home`/words.

    Raises `LoadError` and `UnknownName` for a model that cannot be loaded, `BadArguments` for settings that do not go
    together.
    """
    if isinstance(config, Masked):
        return _masked(config, data, device)
    return _finetune(config, home, data, device) if isinstance(config, Finetune) else _new(config, home, data, device)


def _new(config: Contrastive, home: Path, data: Data, device: torch.device) -> Job[Batch]:
    text, words = config.text, home / "words"
    if Ranks.here().rank == 0 and not (words / TOKENIZER).is_file():
        said = (caption for index in range(len(data.train)) for caption in data.train.captions(index))
        fresh.speller(said, vocab_size=text.vocab_size, folder=words, kind=PIECES[config.task])
    Ranks.here().meet()
    sizes = fresh.TextSizes(text.length, text.width, text.depth, text.heads)
    model = fresh.dual(_sizes(config.image), sizes, words, loss=config.task, seed=config.run.seed).to(device)
    return _dual(config, model, data, lambda: lora.merge(model))


def _finetune(config: Finetune, home: Path, data: Data, device: torch.device) -> Job[Batch]:
    said = config.model
    start = home / Path(said.start).expanduser() if said.start.startswith(PATHS) else said.start
    before = load(start, device=str(device), dtype="float32")
    if not isinstance(before, Dual):
        raise BadArguments("knows no words: captions can teach it nothing", subject=said.start)
    if said.train == "lora":
        model = lora.add(before, rank=said.rank, alpha=2.0 * said.rank, seed=config.run.seed)
    else:
        model = fresh.trained(before.trainable(), said.train)

    def become() -> Dual:
        learned = lora.merge(model)
        return learned if said.mix == 1 else wise.interpolate(before, learned, said.mix)

    return _dual(config, model, data, become)


def _dual(config: Contrastive | Finetune, model: Dual, data: Data, become: Callable[[], Dual]) -> Job[Batch]:
    def score(one: Backbone) -> dict[str, float]:
        assert isinstance(one, Dual)
        return DualTask(one, data.held_out).measure()

    assert model.speller is not None
    loader, few = _loaders(config, data.train, model.preparation, model.speller)
    settings, batch = _settings(config, len(data.train))
    return Job(DualTask(model, data.held_out), loader, settings, few, batch, score, become)


def _masked(config: Masked, data: Data, device: torch.device) -> Job[MaskedBatch]:
    said, seed = config.decoder, config.run.seed
    painter = fresh.PainterSizes(said.width, said.depth, said.heads)
    model = fresh.mae(_sizes(config.image), painter, norm_pix_loss=said.norm_pix_loss, seed=seed).to(device)

    def score(one: Backbone) -> dict[str, float]:
        assert isinstance(one, MAE)
        return MaskedTask(one, data.held_out, mask_ratio=said.mask).measure()

    def hidden(loader: PairLoader) -> MaskedLoader:
        return MaskedLoader(loader, config.image.patch_size, mask_ratio=said.mask, seed=seed)

    loader, few = _loaders(config, data.train, model.preparation, unspelled)
    settings, batch = _settings(config, len(data.train))
    task = MaskedTask(model, data.held_out, mask_ratio=said.mask)
    return Job(task, hidden(loader), settings, hidden(few), batch, score, lambda: lora.merge(model))


def _loaders(config: Config, train: Pairs, preparation: Preparation, spell: Spell) -> tuple[PairLoader, PairLoader]:
    """Batches for this process, and small ones."""
    ranks, seed = Ranks.here(), config.run.seed
    _, batch = _settings(config, len(train))
    prepare = _Prepare(Augmentation(**config.augment.model_dump()), preparation)
    whole = PairLoader(train, prepare, spell, batch, seed=seed, rank=ranks.rank, world=ranks.count)
    return whole, PairLoader(train, prepare, spell, min(FEW, len(train)), seed=seed)


def _settings(config: Config, samples: int) -> tuple[Settings, int]:
    """What the trainer is told, and how many samples a step has.

    These are no more than there are: a pair that stands twice in a batch would contradict itself.
    """
    run, optimizer, world = config.run, config.optimizer, Ranks.here().count
    batch = max(1, min(run.batch, samples) // world) * world
    steps = max(1, round(run.epochs * samples / batch))
    settings = Settings(
        steps=steps,
        learning_rate=optimizer.learning_rate,
        warmup=round(optimizer.warmup * steps),
        weight_decay=optimizer.weight_decay,
        betas=optimizer.betas,
        clip=optimizer.clip,
        average=optimizer.average,
        chunk=run.chunk,
        precision=run.precision,
        save_every=run.save_every,
        keep=run.keep,
        measure_every=-(-steps // run.measures) if run.measures else 0,
        patience=run.patience,
        seed=run.seed,
    )
    return settings, batch


@dataclass(frozen=True)
class _Prepare:
    """A picture → changed, then as the tower was made to see it."""

    augmentation: Augmentation
    preparation: Preparation

    def __call__(self, picture: Picture, seed: int) -> Float[Array, "3 H W"]:
        return self.preparation.prepare(self.augmentation(picture, seed))[0]


def _sizes(said: Image) -> fresh.ImageSizes:
    return fresh.ImageSizes(said.size, said.patch_size, said.width, said.depth, said.heads)


def _shown(path: Path) -> str:
    """A path as people would type it: from here, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
