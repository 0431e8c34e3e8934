"""What a trainer asks of what it trains, and what it gives in return.

    Loader   loader[step] → the batch of this process        data, order and augmentation: functions of the step
    Task     gradients(batch) → losses, .grad filled         model and loss
    Watch    told of every step                              log, terminal, curve

Dual encoders, autoencoders and learned reducers are tasks; the loop is the same.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from lexel.needs import torch

B_in = TypeVar("B_in", contravariant=True)
B_out = TypeVar("B_out", covariant=True)


@runtime_checkable
class Loader(Protocol[B_out]):
    """Batches by the number of their step. The same step gives the same batch, whatever was asked for before."""

    def __getitem__(self, step: int) -> B_out:
        """What this process sees at `step`."""


@runtime_checkable
class Task(Protocol[B_in]):
    """A model and its loss."""

    @property
    def module(self) -> torch.nn.Module:
        """Everything that is trained, in `train()` and with gradients."""

    def gradients(self, batch: B_in, chunk: int) -> dict[str, float]:
        """Losses by name, "loss" first. Fills `.grad`: the mean over processes is the gradient of the whole batch.

        chunk   samples that go through the model at once; 0: all
        """

    def after_step(self) -> None:
        """What keeps parameters in their range."""

    def measure(self) -> dict[str, float]:
        """How well it does on samples that it does not train on; the first counts, more is better. May be empty."""


@runtime_checkable
class Watch(Protocol):
    """Somebody who is told how it goes."""

    def step(self, step: int, losses: dict[str, float], facts: dict[str, float]) -> None:
        """After the update number `step`, counted from 1."""

    def measured(self, step: int, measures: dict[str, float]) -> None:
        """When the task was measured after `step` updates."""

    def saved(self, step: int) -> None:
        """When the checkpoint of `step` is on the disk."""


@dataclass(frozen=True)
class Bounds:
    """What a batch allows.

    lowest   the loss that no model can beat
    blind    the loss of a model that sees nothing, at its best
    why      why nothing can be learned from the batch; "" where something can
    """

    lowest: float
    blind: float
    why: str = ""


def drawn(seed: int, *parts: int | str) -> int:
    """A number below 2⁶³ for this purpose, the same on every machine: what generators are seeded with."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
