"""What a run keeps beside its step: weights, moments, the average of weights, the best ones. Its checkpoints hold that.

    model        as the last update left them
    optimizer    both moments of AdamW, a tensor a parameter each
    ema          average ← past · average + (1 − past) · model, where one is kept: of what the optimizer moves. Buffers
                 are those of the model: counters, and codebooks, which are averages already
    best         the weights whose measure was the best, where somebody loses patience

What is measured is what the run is for: the average where there is one. So the best are the best of the average.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lexel.errors import TrainingError
from lexel.needs import torch
from lexel.training import state

PARTS = ("exp_avg", "exp_avg_sq")  # the moments of AdamW


class Kept:
    """A module in training and what belongs to it.

    past       weight of the past in the average; 0: none is kept
    patience   measurements without a better one before it is `tired`; 0: it never is, and no best weights are kept
    """

    def __init__(
        self, module: torch.nn.Module, optimizer: torch.optim.AdamW, *, past: float = 0.0, patience: int = 0
    ) -> None:
        self.module, self.optimizer, self.past, self.patience = module, optimizer, past, patience
        self.average = _copy(module.state_dict()) if past else {}
        self.best: dict[str, torch.Tensor] = {}
        self.record, self.stale = -math.inf, 0  # the measure of the best, and how many came since

    def restore(self, run: Path) -> int:
        """Bring the newest checkpoint back; returns how many updates it has, 0 where there is none."""
        found = state.newest(run)
        if found is None:
            return 0
        try:
            self.module.load_state_dict(found.tensors("model"))
            moments = found.tensors("optimizer")
            for name, parameter in trained(self.module):
                own = {part: moments[f"{part}.{name}"].to(parameter) for part in PARTS}
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(found.step), device=parameter.device),
                    **own,
                }
            if self.past:
                self.average |= {name: value.to(self.average[name]) for name, value in found.tensors("ema").items()}
            if self.patience and "record" in found.facts:
                self.best = found.tensors("best")
                self.record, self.stale = float(str(found.facts["record"])), int(str(found.facts["stale"]))
        except (KeyError, RuntimeError, OSError) as error:
            reason = f"{found.folder.name} is of another model: {str(error).splitlines()[0]}"
            raise TrainingError(reason, subject=str(run)) from error
        return found.step

    def save(self, run: Path, step: int, facts: Mapping[str, object], *, keep: int) -> None:
        """A checkpoint after `step` updates, see `state.save`."""
        moments = {
            f"{part}.{name}": self.optimizer.state[parameter][part]
            for name, parameter in trained(self.module)
            for part in PARTS
        }
        parts = {"model": self.module.state_dict(), "optimizer": moments, "ema": self.average, "best": self.best}
        judged = {"record": self.record, "stale": self.stale} if self.best else {}
        state.save(run, step, {part: x for part, x in parts.items() if x}, {**facts, **judged}, keep=keep)

    def blend(self) -> None:
        """After an update: parameters are averaged, buffers copied."""
        learned = {name for name, _ in self.module.named_parameters(remove_duplicate=False)}
        for name, value in self.module.state_dict().items() if self.past else ():
            if name in learned:
                self.average[name].lerp_(value, 1 - self.past)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The module with the weights that the run is for, to be measured; afterwards with its own."""
        if not self.past:
            yield
            return
        own = _copy(self.module.state_dict())
        self.module.load_state_dict(self.average)
        try:
            yield
        finally:
            self.module.load_state_dict(own)

    def judge(self, measures: Mapping[str, float]) -> None:
        """Keep the weights that were measured where they are the best. Without a measure there is no judgement."""
        if not (self.patience and measures):
            return
        first = next(iter(measures.values()))
        self.stale += 1
        if first > self.record:
            self.record, self.stale = first, 0
            self.best = _copy(self.average or self.module.state_dict())

    def tired(self) -> bool:
        """Whether going on has not helped for too long."""
        return 0 < self.patience <= self.stale


@contextmanager
def undone(module: torch.nn.Module) -> Iterator[None]:
    """Whatever happens to the numbers of a module in here, they are what they were afterwards; without gradients."""
    before = _copy(module.state_dict())
    try:
        yield
    finally:
        module.load_state_dict(before)
        module.zero_grad(set_to_none=True)


def trained(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters that learn, by name."""
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)


def _copy(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items()}
