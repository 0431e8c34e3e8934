"""Probes: what can be read off an encoder's vectors, by a line between classes or by the nearest neighbours.

    vectors of labelled pictures ─┬─► linear   one weight a class and number; how strongly they are held down (penalty)
                                  │            is searched on held-out pictures
                                  └─► k-NN     the 20 nearest vote, nearer ones more; nothing is fitted
                                        │
    vectors of others ──────────────────┴─► scores [B, C] ─► zero_shot.accuracy

Source   linear: L-BFGS logistic regression and search of CLIP (Radford et al. 2021, arXiv 2103.00020, A.3); k-NN: Wu et
         al. 2018, arXiv 1805.01978, as DINO has it (Caron et al. 2021, arXiv 2104.14294)
Cost     linear: 15 fits to choose and one to keep, each up to 1,000 walks over N · D · C multiply-adds, in float64
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.loaded import changed
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Bool, Float, Int
from lexel.towers._backbone import Backbone, unit
from lexel.towers.clip import ClipImage

STEPS = 1000  # of L-BFGS at most
STATIONARY = 1e-5  # largest number of the gradient, of the mean over pictures, where a fit is done
COARSE, FINE = 2.0, 1 / 8  # decades between penalties: at first, and at last
ENDS = (-6.0, 6.0)  # the first penalties, as powers of ten
NEIGHBOURS, TEMPERATURE = 20, 0.07  # of DINO's k-NN
TILE = 512  # pictures whose neighbours are looked for at once


def features(model: Backbone, pictures: Iterable[Picture]) -> Float[Array, "B D"]:
    """What probes look at: the pooled vectors, of CLIP's transformers before the projection, float32.

    The projection keeps what captions say; there is more before it.
    """
    if isinstance(model.image, ClipImage):
        model = changed(model, image=changed(model.image, projection=None))
    return model.features(pictures)


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier.

    weight    float64 `[C, D]`
    bias      float64 `[C]`
    penalty   what `weight` was held down with
    """

    weight: Float[Array, "C D"]
    bias: Float[Array, "C"]
    penalty: float

    @classmethod
    def fitted(
        cls, vectors: Float[Array, "N D"], labels: Int[Array, "N"], classes: int, *, penalty: float
    ) -> "LinearProbe":
        """The minimum of Σ cross-entropy + penalty / 2 · ‖weight‖², from zero; the bias is free.

        So `penalty` is 1 / C of scikit-learn. Raises `BadArguments` where labels are not one a vector, or no classes.
        """
        _check(vectors, labels, classes)
        x, y = torch.from_numpy(vectors).double(), torch.from_numpy(labels)
        # What is looked for is weight / scale, whose curvature is about 1 whatever the penalty and the vectors are.
        scale = 1 / math.sqrt(penalty / len(x) + float(x.square().mean()))
        scaled = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [scaled, bias],
            max_iter=STEPS,
            tolerance_grad=STATIONARY * min(1, scale),
            tolerance_change=0,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

        def objective() -> Float[torch.Tensor, ""]:
            optimizer.zero_grad()
            weight = scale * scaled
            wrong = torch.nn.functional.cross_entropy(torch.addmm(bias, x, weight.T), y)
            value = wrong + penalty / (2 * len(x)) * weight.square().sum()
            value.backward()
            return value

        optimizer.step(objective)
        return cls((scale * scaled).detach().numpy(), bias.detach().numpy(), penalty)

    @classmethod
    def searched(
        cls, vectors: Float[Array, "N D"], labels: Int[Array, "N"], classes: int, *, held_out: Bool[Array, "N"]
    ) -> "LinearProbe":
        """The probe of all vectors, with the penalty that was right most often on the held-out ones.

        First a penalty every second power of ten from 10⁻⁶ to 10⁶; then around the best one half as far apart, and
        again, until there are eight a decade. Of equal ones the first that was tried. Raises `BadArguments` where
        nothing or everything is held out.
        """
        _check(vectors, labels, classes)
        if held_out.all() or not held_out.any():
            raise BadArguments(f"{held_out.sum()} of {len(held_out)} vectors are held out: some, and not all, must be")
        seen, y, others, truth = vectors[~held_out], labels[~held_out], vectors[held_out], labels[held_out]

        def right(penalty: float) -> int:
            probe = cls.fitted(seen, y, classes, penalty=penalty)
            return int((probe.scores(others).argmax(axis=1) == truth).sum())

        return cls.fitted(vectors, labels, classes, penalty=best_penalty(right))

    def scores(self, vectors: Float[Array, "B D"]) -> Float[Array, "B C"]:
        """Logits, float64."""
        return vectors.astype(np.float64) @ self.weight.T + self.bias


def best_penalty(score: Callable[[float], float]) -> float:
    """Where `score` is largest, as `LinearProbe.searched` looks for it."""
    step = COARSE
    tried = {power: score(10**power) for power in np.arange(ENDS[0], ENDS[1] + step, step).tolist()}
    best = max(tried, key=tried.__getitem__)
    while step > FINE:
        step /= 2
        for power in (best - step, best + step):
            tried[power] = score(10**power)
        best = max(tried, key=tried.__getitem__)
    return float(10**best)


def knn_scores(
    vectors: Float[Array, "N D"],
    labels: Int[Array, "N"],
    classes: int,
    queries: Float[Array, "B D"],
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Float[Array, "B C"]:
    """The votes of the k nearest by cosine for each query: exp(cosine / temperature), summed by class. Float32.

    Of neighbours that are equally near the first counts. Raises `BadArguments` where labels are not one a vector or no
    classes.
    """
    _check(vectors, labels, classes)
    known, k = unit(vectors), min(k, len(vectors))
    votes = np.zeros((len(queries), classes), np.float32)
    for start in range(0, len(queries), TILE):
        nearness = unit(queries[start : start + TILE]) @ known.T
        last = np.partition(nearness, -k, axis=1)[:, -k, None]  # the k-th largest
        nearer, level = nearness > last, nearness == last
        chosen = nearer | (level & (level.cumsum(axis=1) <= k - nearer.sum(axis=1, keepdims=True)))
        rows, columns = np.nonzero(chosen)
        np.add.at(votes, (start + rows, labels[columns]), np.exp(nearness[rows, columns] / np.float32(temperature)))
    return votes


def _check(vectors: Float[Array, "N D"], labels: Int[Array, "N"], classes: int) -> None:
    if not len(vectors) or len(vectors) != len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise BadArguments(f"{len(labels)} labels of {len(vectors)} vectors: each has one of {classes} classes")
