"""From the settings of a file to what the trainer takes: task, loader, settings, and what will become of the weights.

    config ─┬─► data ──── split ─┬─► trained on ─► loader ─┐
            │                    └─► held out ──┐          ├─► trainer.train ─► weights ─► Job.model
            └─► model, new or loaded ─► task ◄──┘ ─────────┘

Everything is a function of the file, the data and the number of processes; whatever is made here is made again, equal,
when a run goes on.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lexel.errors import BadArguments
from lexel.loading.load import load
from lexel.needs import torch
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation
from lexel.shapes import Array, Float
from lexel.towers._dual import Dual
from lexel.towers.mae import MAE
from lexel.training import fresh, lora, tokenizer, wise
from lexel.training.data import pairs, pictures_only, split
from lexel.training.dual import DualTask
from lexel.training.job import Data, Job, Model, loaders, settled
from lexel.training.loader import Batch, PairLoader, Prepare, unspelled
from lexel.training.masked import MaskedBatch, MaskedLoader, MaskedTask
from lexel.training.noted import Noted
from lexel.training.ranks import Ranks
from lexel.training.recipes import PATHS
from lexel.training.sections import Config, Contrastive, Finetune, Image, Masked, Tokenizer
from lexel.words.folder import TOKENIZER

LARGEST = 512  # pixels a side: no published dual encoder sees more
PIECES: dict[str, Literal["bytes", "pieces"]] = {"clip": "bytes", "siglip": "pieces"}


def opened(config: Config, home: Path) -> Data:
    """Open the data. `home` is the folder of the file, from which its places are seen.

    Raises `DataError` for data that cannot be opened, `BadArguments` where not enough is left to train on.
    """
    said, source = config.data.held_out, config.data.source
    where = source if source.startswith("hf:") else _shown((home / Path(source).expanduser()).resolve())
    silent = isinstance(config, Masked | Tokenizer)
    data = (pictures_only if silent else pairs)(where, shrink=_side(config))
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
    if isinstance(config, Tokenizer):
        return tokenizer.job(config, home, data, device)
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
    def score(one: Model) -> dict[str, float]:
        assert isinstance(one, Dual)
        return DualTask(one, data.held_out).measure()

    assert model.speller is not None
    loader, few = loaders(config, data.train, _prepare(config, model.preparation), model.speller)
    settings, batch = settled(config, len(data.train))
    return Job(DualTask(model, data.held_out), loader, settings, few, batch, score, become)


def _masked(config: Masked, data: Data, device: torch.device) -> Job[MaskedBatch]:
    said, seed = config.decoder, config.run.seed
    painter = fresh.PainterSizes(said.width, said.depth, said.heads)
    model = fresh.mae(_sizes(config.image), painter, norm_pix_loss=said.norm_pix_loss, seed=seed).to(device)

    def score(one: Model) -> dict[str, float]:
        assert isinstance(one, MAE)
        return MaskedTask(one, data.held_out, mask_ratio=said.mask).measure()

    def hidden(loader: PairLoader) -> MaskedLoader:
        return MaskedLoader(loader, config.image.patch_size, mask_ratio=said.mask, seed=seed)

    loader, few = loaders(config, data.train, _prepare(config, model.preparation), unspelled)
    settings, batch = settled(config, len(data.train))
    task = MaskedTask(model, data.held_out, mask_ratio=said.mask)
    return Job(task, hidden(loader), settings, hidden(few), batch, score, lambda: lora.merge(model))


def _prepare(config: Contrastive | Masked | Finetune, preparation: Preparation) -> Prepare:
    """A picture → changed, then as the tower was made to see it."""
    changed = Augmentation(**config.augment.model_dump())

    def prepare(picture: Picture, seed: int) -> Float[Array, "3 H W"]:
        return preparation.prepare(changed(picture, seed))[0]

    return prepare


def _side(config: Config) -> int:
    """The longest side of pictures that is of use: larger JPEGs are decoded smaller."""
    if isinstance(config, Finetune):
        return LARGEST
    return config.model.edge if isinstance(config, Tokenizer) else config.image.size


def _sizes(said: Image) -> fresh.ImageSizes:
    return fresh.ImageSizes(said.size, said.patch_size, said.width, said.depth, said.heads)


def _shown(path: Path) -> str:
    """A path as people would type it: from here, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
