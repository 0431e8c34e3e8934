"""Before hours are spent: can this model learn one batch by heart?

    loss ┤▔╲╌╌╌╌╌╌╌╌  what a model reaches that sees nothing
         │  ╲         a sound one falls far below it; for the others a sentence says what is wrong
         │   ╲▁▁▁▁▁▁  what the batch allows
         └─────────── updates

A model that is wired wrongly, locked by mistake, or fed with captions that are all alike looks like a slow one for
hours. On one small batch it is found out in seconds. Afterwards the model is what it was before.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

from lexel.errors import TrainingError
from lexel.training.kept import trained, undone
from lexel.training.task import Bounds, Loader, Task
from lexel.training.trainer import Settings, adamw, update

B = TypeVar("B")
B_in = TypeVar("B_in", contravariant=True)

UPDATES = 60
LEAST = 3  # updates, so that a gradient has come to every part: adapters begin at 0 and pass none on
ENOUGH = 0.7  # of the way from the lowest loss to that of the blind may be left
HIGHEST = 1e-3  # learning rate that is tried where the run's own is too careful for so few updates


@runtime_checkable
class Learnable(Task[B_in], Protocol[B_in]):
    """A task that knows what a batch allows."""

    def bounds(self, batch: B_in) -> Bounds:
        """Between which losses learning shows on `batch`."""


@dataclass(frozen=True)
class Sanity:
    """What came of it.

    wrong     what is wrong, in one sentence; "" where nothing is
    first     the loss before the first update
    last      the loss before the last one
    bounds    what the batch allows; None where it was not asked
    updates   how many were made
    rate      the learning rate at which it was learned: the run's own, or ten or a hundred times that
    """

    wrong: str
    first: float = math.nan
    last: float = math.nan
    bounds: Bounds | None = None
    updates: int = 0
    rate: float = 0.0


def check(task: Learnable[B], loader: Loader[B], settings: Settings) -> Sanity:
    """Learn batch 0 of `loader`, of which 8 to 16 samples are enough, and say what is wrong.

    On one process alone: before processes meet. What the towers refuse (shapes, ids) is raised as they raise it.
    """
    if not (names := [name for name, _ in trained(task.module)]):
        count = sum(parameter.numel() for parameter in task.module.parameters())
        return Sanity(f"nothing is trained: all {count:,} parameters are locked")
    if settings.learning_rate <= 0:
        return Sanity(f"the learning rate is {settings.learning_rate:g}: no update changes anything")
    batch = loader[0]
    bounds = task.bounds(batch)
    if bounds.why:
        return Sanity(f"there is nothing to learn: {bounds.why}", bounds=bounds)
    for factor in (1, 10, 100):
        rate = settings.learning_rate * factor
        if factor == 1 or rate <= HIGHEST:
            found = _learned(task, batch, bounds, names, replace(settings, learning_rate=rate))
            if not found.wrong:
                break
    return found


def _learned(task: Task[B], batch: B, bounds: Bounds, names: list[str], settings: Settings) -> Sanity:
    """Updates at a constant rate until learning shows, `UPDATES` at most. Then all of them are undone."""
    constant = replace(settings, warmup=0, steps=1_000_000)  # whose cosine has hardly begun
    enough = bounds.lowest + ENOUGH * (bounds.blind - bounds.lowest)
    silent, losses = dict.fromkeys(names), list[float]()
    with undone(task.module):
        optimizer = adamw(task.module, constant)
        for step in range(UPDATES):
            try:
                found, _ = update(task, batch, optimizer, constant, step)
            except TrainingError as error:
                return Sanity(error.reason, bounds=bounds, updates=step, rate=settings.learning_rate)
            losses.append(found["loss"])
            for name, parameter in trained(task.module):
                if name in silent and parameter.grad is not None and parameter.grad.any():
                    del silent[name]
            if len(losses) >= LEAST and losses[-1] <= enough:
                break
    wrong = ""
    if silent:
        others = f" and {len(silent) - 1} others" * (len(silent) > 1)
        wrong = f"no gradient reaches {next(iter(silent))}{others}"
    elif losses[-1] > enough:
        said = f"{len(losses)} updates on one batch bring the loss from {losses[0]:.3g} to {losses[-1]:.3g}"
        wrong = f"{said}, and a model that sees nothing reaches {bounds.blind:.3g}"
    return Sanity(wrong, losses[0], losses[-1], bounds, len(losses), settings.learning_rate)
