"""Tip-Adapter: a few labelled pictures are remembered, and vote beside the words; nothing is trained.

    vector f ─┬─ · classes of words ──────────────────────────────────────── · scale ─ + ─► logits
              └─ · keys of n pictures ─ exp(−beta · (1 − cosine)) ─ · labels ─ · alpha ─┘

Paper      Zhang et al. 2022, arXiv 2207.09519
Kind       connector; not learned: keys are the vectors of the pictures, values their labels
Needs      a zero-shot classifier of a dual encoder
Cost       n · D multiply-adds a picture, beside C · D of the words
Checked by test_tip_adapter_is_the_published_formula, test_tip_adapter_without_votes_is_zero_shot,
           test_tip_adapter_of_sharp_votes_is_the_label_of_the_key, test_the_search_is_the_published_grid

alpha is how much the pictures count against the words, beta how near a picture must be to vote. 1.17 and 1 are where
the paper starts on ImageNet; `searched` finds them on held-out pictures.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lexel.errors import BadArguments
from lexel.pictures.augment import Augmentation
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.towers._backbone import unit
from lexel.towers._zero_shot import ZeroShot

VIEWS = Augmentation(crop=(0.5, 1.0), flip=0.5)  # what a key is the mean of
BETAS = tuple(0.1 + i * (7 - 0.1) / 200 for i in range(200))  # the published grid
ALPHAS = tuple(0.1 + i * (3 - 0.1) / 20 for i in range(20))


@dataclass(frozen=True, eq=False)
class TipAdapter:
    """A classifier of words and of remembered pictures. Call it with pictures, or with their vectors.

    zero_shot   the classifier of words
    keys        float32 `[n, D]`, unit rows
    labels      int64 `[n]`: the class of each key, a row of `zero_shot.weights`
    alpha       weight of the votes
    beta        how sharply they fall off
    """

    zero_shot: ZeroShot
    keys: Float[Array, "n D"]
    labels: Int[Array, "n"]
    alpha: float = 1.17
    beta: float = 1.0

    @classmethod
    def of(
        cls,
        zero_shot: ZeroShot,
        pictures: Iterable[Picture],
        labels: Sequence[int] | Int[Array, "n"],
        *,
        views: int = 10,
        seed: int = 0,
    ) -> "TipAdapter":
        """Remember pictures: each key is the mean of `views` random crops, made unit.

        `pictures` are walked through once for each view. Raises `BadArguments` where labels are not one a picture, or
        no classes.

            tip = TipAdapter.of(clip.zero_shot(classes), pictures, labels)
            tip(others)                                      # [B, C] probabilities
        """
        rounds = [zero_shot.embed(_cropped(pictures, (seed * views + view) << 32)) for view in range(views)]
        known = np.asarray(labels, np.int64)
        if not len(known) == len(rounds[0]) or not np.isin(known, np.arange(len(zero_shot.labels))).all():
            raise BadArguments(f"{len(rounds[0])} pictures need as many labels, 0 to {len(zero_shot.labels) - 1}")
        return cls(zero_shot, unit(np.mean(rounds, axis=0)), known)

    def logits(self, pictures: Iterable[Picture] | Array) -> Float[Array, "B C"]:
        """Scaled cosines with the words, and the votes."""
        vectors = self.zero_shot.embed(pictures)
        words = self.zero_shot.scale * (vectors @ self.zero_shot.weights.T)
        return words + np.float32(self.alpha) * self._votes(vectors @ self.keys.T, self.beta)

    def __call__(self, pictures: Iterable[Picture] | Array) -> Float[Array, "B C"]:
        """Probabilities of one label a picture, float32."""
        logits = self.logits(pictures)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return odds / odds.sum(axis=1, keepdims=True)

    def searched(self, pictures: Iterable[Picture] | Array, labels: Int[Array, "V"]) -> "TipAdapter":
        """The same with the alpha and beta that are right most often on these pictures; of equal ones the first.

        Takes 200 · 20 looks at the cosines. The pictures must be others than the remembered ones, and than those that
        it is tested on. Where no point of the grid is better than the words alone, alpha is 0.
        """
        vectors = self.zero_shot.embed(pictures)
        words, nearness = self.zero_shot.scale * (vectors @ self.zero_shot.weights.T), vectors @ self.keys.T
        best, found = _right(words, labels), (0.0, self.beta)
        for beta in BETAS:
            votes = self._votes(nearness, beta)
            for alpha in ALPHAS:
                right = _right(words + np.float32(alpha) * votes, labels)
                if right > best:
                    best, found = right, (alpha, beta)
        return replace(self, alpha=found[0], beta=found[1])

    def _votes(self, nearness: Float[Array, "B n"], beta: float) -> Float[Array, "B C"]:
        values = np.eye(len(self.zero_shot.labels), dtype=np.float32)[self.labels]
        return np.exp(-np.float32(beta) * (1 - nearness)) @ values


def _cropped(pictures: Iterable[Picture], seed: int) -> Iterator[Picture]:
    return (VIEWS(picture, seed + number) for number, picture in enumerate(pictures))


def _right(logits: Float[Array, "B C"], labels: Int[Array, "B"]) -> int:
    return int(np.count_nonzero(logits.argmax(axis=1) == labels))
