"""Zero-shot accuracy against `Dual.zero_shot` and a literal sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.evals.zero_shot import accuracy, zero_shot_accuracy

CLASSES = ["tench", "goldfish", "great white shark", "hen", "ostrich", "jay", "magpie"]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 99))
def test_accuracy_is_a_literal_sort_ties_included(pictures, classes, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (pictures, classes)).astype(np.float32)
    labels = rng.integers(0, classes, pictures)
    orders = [sorted(range(classes), key=lambda c: (-row[c], c)) for row in scores]
    right = {n: [label in order[:n] for label, order in zip(labels, orders, strict=True)] for n in (1, 5)}
    by_class = [np.mean([hit for hit, y in zip(right[1], labels, strict=True) if y == c]) for c in set(labels.tolist())]
    assert accuracy(scores, labels) == {
        "acc1": np.mean(right[1]),
        "acc5": np.mean(right[5]),
        "mean_per_class_recall": pytest.approx(np.mean(by_class)),
    }


def test_the_accuracy_of_a_dual_encoder_is_that_of_its_zero_shot_classifier(clip, unchecked_shapes):
    pictures = [make_picture(30, 20 + seed, seed=seed) for seed in range(12)]
    labels = np.arange(12) % len(CLASSES)
    for templates in ("imagenet-7", "a {}.", ["{}", "the {}"]):
        probabilities = clip.zero_shot(CLASSES, templates)(pictures)
        five = np.argsort(-probabilities, axis=1)[:, :5]
        found = zero_shot_accuracy(clip, pictures, labels, CLASSES, templates)
        assert found["acc1"] == np.mean(five[:, 0] == labels)
        assert found["acc5"] == np.mean((five == labels[:, None]).any(axis=1))
        assert zero_shot_accuracy(clip, clip.embed(pictures), labels, CLASSES, templates) == found


def test_one_score_for_everything_is_chance():
    labels = np.repeat(np.arange(10), 3)
    found = accuracy(np.zeros((30, 10), np.float32), labels)
    assert found == {"acc1": 0.1, "acc5": 0.5, "mean_per_class_recall": 0.1}


@pytest.mark.parametrize("labels", [[], [0, 7], [0, -1], [0]])
def test_labels_that_are_no_class_or_not_one_a_picture_are_refused(labels, unchecked_shapes):
    with pytest.raises(BadArguments, match="each has one of 7 classes"):
        accuracy(np.zeros((2 if labels else 0, 7), np.float32), np.array(labels, np.int64))


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(BadArguments, match="not finite"):
        accuracy(np.full((1, 2), np.nan, np.float32), np.zeros(1, np.int64))
