"""WiSE-FT: the straight line between the weights before and after fine-tuning, and where on it is best.

    zero-shot  o─────────●──────────o  fine-tuned         weights = (1 − alpha) · before + alpha · after
    alpha      0        0.4         1

Paper    Wortsman et al. 2021, arXiv 2109.01903
Cost     one model more while it is mixed; what is measured, once for each alpha
Rule     every number is mixed, temperature included; counters are those after. The ends are exact

Fine-tuning gains on the pictures that it saw and loses on others. Half way most of the gain is there and little of the
loss, at no cost when the model runs. Where there is nothing to measure on, the paper takes 0.5.

    steps = wise.along(clip, tuned, measure=lambda model: {"acc1": accuracy(model)})
    better = wise.interpolate(clip, tuned, wise.best(steps).alpha)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.towers._backbone import Backbone

M = TypeVar("M", bound=Backbone)

ALPHAS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True)
class Step:
    """What a mixture was found to be worth; the first measure counts, more is better."""

    alpha: float
    measures: dict[str, float]


def interpolate(zero_shot: M, fine_tuned: M, alpha: float) -> M:
    """The model at `alpha`: a copy, in `eval()`, without gradients.

    Raises `BadArguments` for models of two architectures, and for an alpha outside 0 … 1.
    """
    if not 0 <= alpha <= 1:
        raise BadArguments(f"alpha lies between 0 and 1, not at {alpha}")
    before, after = zero_shot.state_dict(), fine_tuned.state_dict()
    if before.keys() != after.keys() or any(before[name].shape != after[name].shape for name in before):
        hint = "adapters are merged first" if any(name.endswith(".down") for name in after) else ""
        raise BadArguments(f"{zero_shot.name} and {fine_tuned.name} are not of one architecture", hint=hint)
    mixed = fine_tuned.trainable().eval().requires_grad_(False)
    for name, value in mixed.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.lerp(before[name].to(value), value, alpha))
    mixed.digest = f"{zero_shot.digest} to {fine_tuned.digest} {alpha}"
    return mixed


def along(
    zero_shot: M, fine_tuned: M, measure: Callable[[M], dict[str, float]], *, alphas: Sequence[float] = ALPHAS
) -> tuple[Step, ...]:
    """Measure the mixture at each alpha, on pictures that neither was trained on; 0 and 1 are before and after."""
    return tuple(Step(alpha, measure(interpolate(zero_shot, fine_tuned, alpha))) for alpha in alphas)


def best(steps: Sequence[Step]) -> Step:
    """The step whose first measure is the largest; of equal ones the one nearest to the model before."""
    return max(steps, key=lambda step: (next(iter(step.measures.values())), -step.alpha))
