"""What the trainer takes, and what will become of the weights: one run, ready to begin or to go on.

data ─► loader ─┐
                ├─► Job: check, plan, train ─► weights ─► model
model ─► task ──┘
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.needs import torch
from lexel.pictures.picture import Refusal
from lexel.towers._backbone import Backbone
from lexel.training import plan, sanity, trainer
from lexel.training.data import Pairs
from lexel.training.loader import PairLoader, Prepare, Spell
from lexel.training.noted import Noted
from lexel.training.plan import Plan, Sized
from lexel.training.ranks import Ranks
from lexel.training.sanity import Learnable, Sanity
from lexel.training.sections import Config
from lexel.training.task import Loader, Watch
from lexel.training.trainer import Ended, Settings

FEW = 16  # samples that are learned by heart

Model: TypeAlias = Backbone | Autoencoder

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
    alone                    what learns them by heart, where the task has more in it than can be learned so
    """

    task: Learner[B]
    loader: Loader[B]
    settings: Settings
    few: Loader[B]
    batch: int
    score: Callable[[Model], dict[str, float]]
    become: Callable[[], Model]
    alone: Learner[B] | None = None

    def check(self) -> Sanity:
        """Whether it learns a few samples by heart."""
        return sanity.check(self.alone or self.task, self.few, self.settings)

    def plan(self) -> Plan:
        """How long it will take."""
        return plan.line(self.task, self.loader, self.settings)

    def train(self, checkpoints: Path, watch: Watch) -> Ended:
        """Train, from the newest checkpoint where there is one."""
        return trainer.train(self.task, self.loader, self.settings, checkpoints, watch)

    def model(self, weights: dict[str, torch.Tensor]) -> Model:
        """What the run is for, with these weights, in `eval()` and without gradients."""
        self.task.module.load_state_dict(weights)
        return self.become()


def loaders(config: Config, train: Pairs, prepare: Prepare, spell: Spell) -> tuple[PairLoader, PairLoader]:
    """Batches for this process, and small ones."""
    ranks, seed = Ranks.here(), config.run.seed
    _, batch = settled(config, len(train))
    whole = PairLoader(train, prepare, spell, batch, seed=seed, rank=ranks.rank, world=ranks.count)
    return whole, PairLoader(train, prepare, spell, min(FEW, len(train)), seed=seed)


def settled(config: Config, samples: int) -> tuple[Settings, int]:
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
