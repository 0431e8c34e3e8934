"""The known ways in which a training fails, each called by its name when its signs are there.

    batch too small      the captions of a batch are told apart with ease before all pairs were seen once
    temperature stuck    cosines are multiplied by 100, as much as is allowed, and by no less any more
    collapse             all pictures, or all texts, have become one vector
    not finite           the trainer's own: it stops there, and its checkpoints stay

A sign has to stay for a while, so that one odd step is no failure, and each failure is said once.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from lexel.training.contrastive import MAX_LOGIT_SCALE

STAYS = 50  # steps in a row with the sign
EASY = 0.05  # of the loss of a guess, ln(batch)
ALIKE = 0.98  # mean cosine of two; new towers begin near 0.9
STUCK = 0.999 * math.exp(MAX_LOGIT_SCALE)


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
        if step <= self._warmup or "scale" not in losses:
            return []
        self._losses.append(losses["loss"])
        easy = sum(self._losses) / len(self._losses) < EASY * math.log(self._batch)
        alike = max(losses.get("images_alike", 0.0), losses.get("texts_alike", 0.0))
        which = "pictures" if alike == losses.get("images_alike") else "texts"
        signs = {
            "batch too small": easy and step * self._batch <= self._pairs,
            "temperature stuck": losses["scale"] >= STUCK,
            "collapse": alike > ALIKE,
        }
        said = {
            "batch too small": f"{self._batch} captions are told apart with ease, and no pair was seen twice yet. A "
            "larger run.batch teaches more, and run.chunk keeps it in memory.",
            "temperature stuck": "Cosines are multiplied by 100, the most that is allowed. Captions that fit several "
            "pictures do that, pairs that are there twice, and too high an optimizer.learning_rate.",
            "collapse": f"All {which} have become one vector (cosine {alike:.3f}). A lower optimizer.learning_rate "
            "and a longer optimizer.warmup help; so does data with more than one kind of picture and caption.",
        }
        found = []
        for name, shows in signs.items():
            self._count[name] = self._count.get(name, 0) + 1 if shows else 0
            if self._count[name] == STAYS:
                found.append(Failure(name, said[name]))
        return found
