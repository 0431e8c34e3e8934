"""Zero-shot classification: how often the right class is the best one by words alone, or among the best five.

    pictures ─► vectors ─┐
                         ├─► cosines ─► places of the right classes ─► acc1, acc5, mean_per_class_recall
    classes × templates ─┘

Source   the protocol of CLIP (Radford et al. 2021, arXiv 2103.00020): a class is the mean of its prompts, made unit
         (`towers/_zero_shot.py`); measures under the names of CLIP_benchmark
Rule     ranks are strict: among equal scores the lower class stands first
"""

from collections.abc import Iterable, Sequence

import numpy as np

from lexel.errors import BadArguments
from lexel.evals.retrieval import ahead
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.towers._dual import Dual


def zero_shot_accuracy(
    dual: Dual,
    pictures: Iterable[Picture] | Float[Array, "B E"],
    labels: Int[Array, "B"],
    classes: Sequence[str],
    templates: str | Sequence[str] = "imagenet",
) -> dict[str, float]:
    """`acc1`, `acc5` and `mean_per_class_recall`, 0 to 1, of pictures or of their vectors.

    labels      the class of each picture, 0 to C − 1
    classes     C names, as a caption would say them
    templates   as `Dual.zero_shot` takes them

    Raises `BadArguments` as `accuracy`.
    """
    return accuracy(dual.zero_shot(classes, templates).scores(pictures), labels)


def accuracy(scores: Float[Array, "B C"], labels: Int[Array, "B"]) -> dict[str, float]:
    """`acc1`, `acc5` and `mean_per_class_recall` of any classifier's scores, the larger the better.

    The last is the mean over the classes that are there of the share of each that was right.

    Raises `BadArguments` where there is no picture, where a label is no class, and for scores that are not finite.
    """
    if not len(scores) or len(scores) != len(labels) or labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise BadArguments(f"{len(labels)} labels of {len(scores)} pictures: each has one of {scores.shape[1]} classes")
    if not np.isfinite(scores).all():
        raise BadArguments("the scores are not finite: there is nothing to rank")
    place = ahead(scores, scores[np.arange(len(labels)), labels], labels)
    right = np.bincount(labels, weights=place == 0)
    there = np.bincount(labels)
    return {
        "acc1": float((place < 1).mean()),
        "acc5": float((place < 5).mean()),
        "mean_per_class_recall": float((right[there > 0] / there[there > 0]).mean()),
    }
