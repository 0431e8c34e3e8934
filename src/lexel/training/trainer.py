"""The one loop that trains: gradients, mean over processes, clip, update, average of weights, checkpoint.

    step ─► loader[step] ─► task.gradients ─► mean over processes ─► clip ─► AdamW ─► EMA ─► checkpoint

Everything that a step does follows from the seed, the step and the data: which samples it sees, how they are changed,
what dropout draws. So a run that was killed goes on with the next sample, and on one kind of machine ends with the
weights of a run that was not, to the last bit. There is no state of generators or loaders that could be forgotten.

Gradients are averaged by one flat all-reduce a step and not by a wrapper around the module: gradient caching runs an
encoder twice, and a wrapper would have to be told. That costs the overlap of sending and computing.
"""

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal, TypeVar

from lexel.errors import TrainingError
from lexel.needs import torch
from lexel.training.kept import Kept, trained
from lexel.training.ranks import Ranks
from lexel.training.task import Loader, Task, Watch, drawn

B = TypeVar("B")


@dataclass(frozen=True)
class Settings:
    """How long and how fast.

    steps               updates in all
    learning_rate       at its highest
    warmup              steps on the way there; then a cosine down to 0
    weight_decay        of matrices; vectors, scales and biases have none
    betas, eps          of AdamW
    clip                largest norm of the gradient; 0: any
    average             weight of the past in the average of weights (EMA); 0: none is kept
    chunk               samples that go through the model at once; 0: all
    precision           "bfloat16": products in bfloat16, weights in float32
    save_every, keep    steps between checkpoints; how many stay, 0: all
    measure_every       steps between measurements, of the averaged weights where there are any; 0: at the end alone
    patience            measurements without a better first number before the run ends; 0: it never does. With it the
                        best weights are kept
    seed                of everything
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 0
    weight_decay: float = 0.2
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    clip: float = 1.0
    average: float = 0.0
    chunk: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    save_every: int = 1000
    keep: int = 2
    measure_every: int = 0
    patience: int = 0
    seed: int = 0

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    step      updates that were made
    signal    SIGINT or SIGTERM where somebody stopped it: the checkpoint of `step` is there, the same call goes on
    """

    step: int
    signal: int | None = None


def train(task: Task[B], loader: Loader[B], settings: Settings, run: Path, watch: Watch) -> Ended:
    """Train until `settings.steps`, from the newest checkpoint in the folder `run` where there is one.

    What a run is for are the `weights()` of its newest checkpoint: `state.newest(run)`. Raises `TrainingError` when a
    loss or a gradient is not finite: the checkpoints before stay.
    """
    device = next(task.module.parameters()).device
    optimizer = adamw(task.module, settings)
    kept = Kept(task.module, optimizer, past=settings.average, patience=settings.patience)
    facts = {"seed": settings.seed, "steps": settings.steps, "torch": torch.__version__}
    step = saved = kept.restore(run)
    with _asked_to_stop() as stopped:
        while step < settings.steps and not _any(bool(stopped) or kept.tired(), device):
            try:
                losses, norm = update(task, loader[step], optimizer, settings, step)
            except TrainingError as error:
                raise error.about(str(run)) from None
            kept.blend()
            step += 1
            watch.step(step, losses, {"learning_rate": settings.rate(step - 1), "gradient": norm})
            if step == settings.steps or (settings.measure_every and step % settings.measure_every == 0):
                with kept.shown():
                    measures = task.measure()
                kept.judge(measures)
                watch.measured(step, measures)
            if step == settings.steps or step % settings.save_every == 0:
                saved = _save(kept, run, step, facts, settings.keep, watch)
    if saved < step:
        _save(kept, run, step, facts, settings.keep, watch)
    return Ended(step, stopped[0] if stopped and step < settings.steps else None)


def update(
    task: Task[B], batch: B, optimizer: torch.optim.Optimizer, settings: Settings, step: int
) -> tuple[dict[str, float], float]:
    """The update that follows `step` updates: the losses, and the norm of the gradient before it was clipped.

    Raises `TrainingError` where one of them is not finite; nothing is changed then.
    """
    torch.manual_seed(drawn(settings.seed, "step", step, Ranks.here().rank))
    optimizer.zero_grad()
    for group in optimizer.param_groups:
        group["lr"] = settings.rate(step)
    device = next(task.module.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        losses = task.gradients(batch, settings.chunk)
    norm = _average_and_clip(task.module, settings.clip)
    if not (math.isfinite(norm) and all(map(math.isfinite, losses.values()))):
        said = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        hint = 'a lower learning rate helps, or precision = "float32"; what was saved before stays'
        raise TrainingError(f"step {step + 1}: not finite: {said}, gradient {norm:.4g}", hint=hint)
    optimizer.step()
    task.after_step()
    return losses, norm


def adamw(module: torch.nn.Module, settings: Settings) -> torch.optim.AdamW:
    """AdamW over two groups: matrices with weight decay, everything of fewer dimensions without."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    # Fused: one pass over the weights instead of ten, a third of the time.
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, fused=True)


def _save(kept: Kept, run: Path, step: int, facts: dict[str, object], keep: int, watch: Watch) -> int:
    """The first process writes; the others go on when it has. Returns `step`."""
    if Ranks.here().rank == 0:
        kept.save(run, step, facts, keep=keep)
        watch.saved(step)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    return step


def _average_and_clip(module: torch.nn.Module, most: float) -> float:
    """Gradients averaged over processes, then scaled down to the norm `most`; returns the norm before that.

    A parameter that nothing reached has a gradient of zeros, so that it decays on every process alike.
    """
    parameters = [parameter for _, parameter in trained(module)]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if torch.distributed.is_initialized():
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))
    norm = torch.nn.utils.get_total_norm(gradients)
    if 0 < most < norm:
        torch.nn.utils.clip_grads_with_norm_(parameters, most, norm)
    return float(norm)


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """A list that gets the number of the first SIGINT or SIGTERM. A second one ends the process as usual."""
    got: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        got.append(number)
        restore()

    if threading.current_thread() is not threading.main_thread():  # somebody else listens
        yield got
        return
    for number in before:
        signal.signal(number, note)
    try:
        yield got
    finally:
        restore()


def _any(stop: bool, device: torch.device) -> bool:
    """Whether some process was asked to stop: all end after the same step."""
    if not torch.distributed.is_initialized():
        return stop
    asked = torch.tensor(float(stop), device=device)
    torch.distributed.all_reduce(asked)
    return bool(asked)
