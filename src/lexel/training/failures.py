"""The known ways in which a training fails, each called by its name when its signs are there.

    batch too small      the captions of a batch are told apart with ease before all pairs were seen once
    temperature stuck    cosines are multiplied by 100, as much as is allowed, and by no less any more
    collapse             all pictures, or all texts, have become one vector
    codebook collapse    nearly all pictures are made of the same few codes
    judge too strong     it tells what comes back from pictures without a mistake
    not finite           the trainer's own: it stops there, and its checkpoints stay

A sign has to stay for a while, so that one odd step is no failure, and each failure is said once.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lexel.training.contrastive import MAX_LOGIT_SCALE

STAYS = 50  # steps in a row with the sign
EASY = 0.05  # of the loss of a guess, ln(batch)
ALIKE = 0.98  # mean cosine of two; new towers begin near 0.9
STUCK = 0.999 * math.exp(MAX_LOGIT_SCALE)
FEW = 0.1  # share of the codes; a sound vocabulary uses more than half of them
CERTAIN = 0.1  # loss of a judge that is always right; guessing costs 1.0 (hinge) or 1.39 (logistic)

Signs: TypeAlias = dict[str, tuple[bool, str]]  # by name: whether it shows, and what is said then


@dataclass(frozen=True)
class Failure:
    """One that was seen: its name, and a sentence that says what to do."""

    name: str
    said: str


class Failures:
    """Looks at every step of a run.

    batch    pairs a step, of all processes
    pairs    that are trained on
    warmup   steps in which anything may happen
    """

    def __init__(self, *, batch: int, pairs: int, warmup: int) -> None:
        self._batch, self._pairs, self._warmup = batch, pairs, warmup
        self._losses: deque[float] = deque(maxlen=STAYS)
        self._count: dict[str, int] = {}

    def seen(self, step: int, losses: Mapping[str, float]) -> list[Failure]:
        """What the step number `step`, counted from 1, has made certain. `losses` as `Task.gradients` gives them."""
        if step <= self._warmup:
            return []
        signs = self._of_pairs(step, losses) if "scale" in losses else _of_codes(losses)
        found = []
        for name, (shows, said) in signs.items():
            self._count[name] = self._count.get(name, 0) + 1 if shows else 0
            if self._count[name] == STAYS:
                found.append(Failure(name, said))
        return found

    def _of_pairs(self, step: int, losses: Mapping[str, float]) -> Signs:
        self._losses.append(losses["loss"])
        easy = sum(self._losses) / len(self._losses) < EASY * math.log(self._batch)
        alike = max(losses.get("images_alike", 0.0), losses.get("texts_alike", 0.0))
        which = "pictures" if alike == losses.get("images_alike") else "texts"
        return {
            "batch too small": (
                easy and step * self._batch <= self._pairs,
                f"{self._batch} captions are told apart with ease, and no pair was seen twice yet. A larger run.batch "
                "teaches more, and run.chunk keeps it in memory.",
            ),
            "temperature stuck": (
                losses["scale"] >= STUCK,
                "Cosines are multiplied by 100, the most that is allowed. Captions that fit several pictures do that, "
                "pairs that are there twice, and too high an optimizer.learning_rate.",
            ),
            "collapse": (
                alike > ALIKE,
                f"All {which} have become one vector (cosine {alike:.3f}). A lower optimizer.learning_rate and a "
                "longer optimizer.warmup help; so does data with more than one kind of picture and caption.",
            ),
        }


def _of_codes(losses: Mapping[str, float]) -> Signs:
    used, judge = losses.get("used", 1.0), losses.get("judge", 1.0)
    return {
        "codebook collapse": (
            used < FEW,
            f"Only {100 * used:.1f} % of the codes are used. fsq(…) cannot collapse; vq(…) of 4 to 16 numbers with "
            "decay = 0.99 hardly does; a lower optimizer.learning_rate and a longer optimizer.warmup help.",
        ),
        "judge too strong": (
            judge < CERTAIN,
            f"The judge is always right (loss {judge:.3f}): nothing can be learned from it, and colors may run. A "
            "later discriminator.after, a lower weight and a smaller width help.",
        ),
    }
