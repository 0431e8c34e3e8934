"""Before hours are spent: can this model learn one batch by heart?

    loss ┤▔╲                      a sound model falls to what the batch allows;
         │  ╲▁▁▁▁▁▁▁  reachable   one that cannot says why, in a sentence
         └──────────── updates

A model that is wired wrongly, locked by mistake, or fed with captions that are all alike looks like a slow one for
hours. On one small batch it is found out in seconds. Afterwards the model is what it was before.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

from lexel.errors import TrainingError
from lexel.training.kept import trained, undone
from lexel.training.task import Floor, Loader, Task
from lexel.training.trainer import Settings, adamw, update

B = TypeVar("B")
B_in = TypeVar("B_in", contravariant=True)

UPDATES = 60
NEAR = 0.2  # of the way from the first loss to the lowest one may be left
SMALL = 0.05  # a loss so near to the lowest one says nothing
HIGHEST = 1e-3  # learning rate that is tried where the run's own is too careful for so few updates


@runtime_checkable
class Learnable(Task[B_in], Protocol[B_in]):
    """A task that knows what a batch allows."""

    def floor(self, batch: B_in) -> Floor:
        """The lowest loss that any model could reach on `batch`."""


@dataclass(frozen=True)
class Sanity:
    """What came of it.

    wrong        what is wrong, in one sentence; "" where nothing is
    first        the loss before the first update
    last         the loss after `updates` of them
    floor        the lowest loss that the batch allows
    updates      how many were made
    rate         the learning rate at which it was learned: the run's own, or ten or a hundred times that
    """

    wrong: str
    first: float = math.nan
    last: float = math.nan
    floor: float = 0.0
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
    floor = task.floor(batch)
    for factor in (1, 10, 100):
        rate = settings.learning_rate * factor
        if factor == 1 or rate <= HIGHEST:
            found = _learned(task, batch, floor, names, rate, settings)
            if not found.wrong:
                break
    return found


def _learned(task: Task[B], batch: B, floor: Floor, names: list[str], rate: float, settings: Settings) -> Sanity:
    """Updates at a constant rate until the batch is known, `UPDATES` at most. Then all of them are undone."""
    constant = replace(settings, learning_rate=rate, warmup=0, steps=1_000_000)
    silent, losses = dict.fromkeys(names), list[float]()
    with undone(task.module):
        optimizer = adamw(task.module, constant)
        for step in range(UPDATES):
            try:
                found, _ = update(task, batch, optimizer, constant, step)
            except TrainingError as error:
                return Sanity(error.reason, floor=floor.loss, updates=step, rate=rate)
            losses.append(found["loss"])
            for name, parameter in trained(task.module):
                if parameter.grad is not None and name in silent and parameter.grad.any():
                    del silent[name]
            if losses[-1] - floor.loss <= NEAR * (losses[0] - floor.loss):
                break
    made = Sanity("", losses[0], losses[-1], floor.loss, len(losses), rate)
    return replace(made, wrong=_wrong(made, floor, [*silent]))


def _wrong(made: Sanity, floor: Floor, silent: list[str]) -> str:
    if made.first - floor.loss <= SMALL:
        return ""  # known before the first update: a trained model
    if floor.loss >= (1 - NEAR) * made.first:
        return f"the loss is {made.first:.3g} and cannot fall below {floor.loss:.3g}: {floor.why}"
    if silent:
        others = f" and {len(silent) - 1} others" * (len(silent) > 1)
        return f"no gradient reaches {silent[0]}{others}"
    if made.last - floor.loss > NEAR * (made.first - floor.loss):
        lowest = f" ({floor.loss:.3g} is possible)"
        return f"{made.updates} updates on one batch bring the loss from {made.first:.3g} to {made.last:.3g}{lowest}"
    return ""
