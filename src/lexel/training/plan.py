"""What a run will cost, measured on its first steps and put in one line.

    3 steps, as the run will make them ─►  1,204 samples/s · 96,000 tokens/s · 3.1 GB · 4 h 10 min for 20,000 steps

The steps are undone afterwards. On an accelerator the memory is its own, elsewhere that of the process.
"""

import importlib
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from lexel.measures.meter import metered
from lexel.needs import torch
from lexel.training.kept import undone
from lexel.training.ranks import Ranks
from lexel.training.task import Loader, Task
from lexel.training.trainer import Settings, adamw, update

B = TypeVar("B")
B_in = TypeVar("B_in", contravariant=True)

STEPS = 3


@runtime_checkable
class Sized(Task[B_in], Protocol[B_in]):
    """A task that knows how large a batch is."""

    def size(self, batch: B_in) -> tuple[int, int]:
        """Samples and tokens."""


@dataclass(frozen=True)
class Plan:
    """What one step costs, and all of them.

    steps      of the run
    seconds    of one step, its data included
    samples    of one step, over all processes
    tokens     …and what goes through the towers
    flops      floating-point operations of one step on this process, as torch counts them: products of matrices and
               convolutions, on accelerators attention too; what gradient caching computes twice counts twice
    peak       bytes of memory at most; None on systems that do not say
    """

    steps: int
    seconds: float
    samples: int
    tokens: int
    flops: int
    peak: int | None

    def __str__(self) -> str:
        rates = f"{self.samples / self.seconds:,.0f} samples/s · {self.tokens / self.seconds:,.0f} tokens/s"
        memory = "" if self.peak is None else f" · {self.peak / 1e9:.1f} GB"
        return f"{rates}{memory} · {duration(self.seconds * self.steps)} for {self.steps:,} steps"


def line(task: Sized[B], loader: Loader[B], settings: Settings) -> Plan:
    """Make the first steps of a run, and undo them. Every process must ask at the same time.

    print(plan.line(task, loader, settings))     # 1,204 samples/s · 96,000 tokens/s · 3.1 GB · …
    """
    device = next(task.module.parameters()).device
    accelerator = None if device.type == "cpu" else torch.get_device_module(device)
    steps = iter(range(2 + STEPS))
    with undone(task.module):
        optimizer = adamw(task.module, settings)

        def step() -> None:
            number = next(steps)
            update(task, loader[number], optimizer, settings, number)

        counting = importlib.import_module("torch.utils.flop_counter")  # which torch does not import by itself
        with counting.FlopCounterMode(display=False) as counter:
            step()
        if accelerator:
            accelerator.reset_peak_memory_stats(device)
        _, cost = metered(step, repeats=STEPS)
        peak = accelerator.max_memory_allocated(device) if accelerator else cost.peak
    samples, tokens = (n * Ranks.here().count for n in task.size(loader[0]))
    return Plan(settings.steps, cost.ms / 1e3, samples, tokens, counter.get_total_flops(), peak)


def duration(seconds: float) -> str:
    """`15000` → `"4 h 10 min"`: two units, the larger first."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    left, said = round(seconds), list[str]()
    for name, length in units:
        count, left = divmod(left, length)
        if count or said or name == "s":
            said.append(f"{count} {name}")
    return " ".join(said[:2])
