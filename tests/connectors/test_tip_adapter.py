"""Tip-Adapter against its formula, its ends, and the published search."""

from dataclasses import replace

import numpy as np
import pytest
from connectors.few import CLASSES, accuracy, clouds, words
from tolerances import close

from lexel.connectors.tip_adapter import TipAdapter
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.towers._backbone import unit


def remembered(each=4, **settings):
    keys, labels = clouds(each, seed=1)
    return TipAdapter(words(), keys, labels, **settings)


def test_tip_adapter_is_the_published_formula():
    tip, (x, _) = remembered(alpha=0.7, beta=3.0), clouds(3, seed=2)
    for vector, found in zip(x, tip.logits(x), strict=True):
        expected = tip.zero_shot.scale * tip.zero_shot.weights @ vector
        for key, label in zip(tip.keys, tip.labels, strict=True):
            expected[label] += 0.7 * np.exp(-3.0 * (1 - key @ vector))
        assert close(found, expected)
    odds = np.exp(tip.logits(x).astype(np.float64))
    assert close(tip(x), odds / odds.sum(axis=1, keepdims=True))


def test_tip_adapter_without_votes_is_zero_shot():
    tip, (x, _) = remembered(alpha=0.0), clouds(3, seed=2)
    assert close(tip(x), tip.zero_shot(x))


def test_tip_adapter_of_sharp_votes_is_the_label_of_the_key():
    """β → ∞: a remembered picture votes for itself alone."""
    tip = remembered(alpha=1e6, beta=1e6)
    sharp = replace(tip, zero_shot=replace(tip.zero_shot, scale=0.0))
    assert close(sharp(tip.keys), np.eye(CLASSES)[tip.labels])


def test_the_search_is_the_published_grid():
    tip, (x, labels) = remembered(), clouds(30, seed=3, spread=1.2)
    words_alone, nearness = tip.zero_shot.scale * x @ tip.zero_shot.weights.T, x @ tip.keys.T
    best, found = (words_alone.argmax(axis=1) == labels).sum(), None
    for i in range(200):
        beta = i * (7 - 0.1) / 200 + 0.1
        votes = np.exp(np.float32(-beta) * (1 - nearness)) @ np.eye(CLASSES, dtype=np.float32)[tip.labels]
        for j in range(20):
            alpha = j * (3 - 0.1) / 20 + 0.1
            right = ((words_alone + np.float32(alpha) * votes).argmax(axis=1) == labels).sum()
            if right > best:
                best, found = right, (alpha, beta)
    searched = tip.searched(x, labels)
    assert found == pytest.approx((searched.alpha, searched.beta))
    assert accuracy(searched, x, labels) > accuracy(tip.zero_shot, x, labels)


def test_a_search_that_finds_nothing_better_leaves_the_words_alone():
    tip = remembered()
    x, _ = clouds(5, seed=2)
    assert tip.searched(x, tip.zero_shot(x).argmax(axis=1)).alpha == 0


def test_keys_are_unit_means_of_random_crops_by_seed():
    """`embed` tells the crops: the mean colour of each, and a constant."""
    seen = []

    def embed(pictures):
        if isinstance(pictures, np.ndarray):
            return unit(pictures)
        seen.append([picture.pixels.mean(axis=(0, 1)) / 255 for picture in pictures])
        return unit(np.array([[*color, 0.1] for color in seen[-1]]))

    zero_shot = replace(words(), embed=embed)
    pictures = [make_picture(40, 60, seed=seed) for seed in range(3)]
    tip = TipAdapter.of(zero_shot, pictures, [4, 0, 4], views=3, seed=1)
    rows = np.array([unit(np.array([[*color, 0.1] for color in crops])) for crops in seen])
    assert len(seen) == 3
    assert len({tuple(color) for crops in seen for color in crops}) == 9
    assert close(tip.keys, unit(rows.mean(axis=0)))
    assert tip.labels.tolist() == [4, 0, 4]
    assert (TipAdapter.of(zero_shot, pictures, [4, 0, 4], views=3, seed=1).keys == tip.keys).all()
    assert (TipAdapter.of(zero_shot, pictures, [4, 0, 4], views=3, seed=2).keys != tip.keys).any()


@pytest.mark.parametrize("labels", [[0], [0, 9], [0, -1]])
def test_labels_that_fit_no_picture_or_no_class_are_refused(labels):
    zero_shot = replace(words(), embed=lambda pictures: unit(np.ones((len(list(pictures)), 16))))
    with pytest.raises(BadArguments, match="2 pictures need as many labels, 0 to 4"):
        TipAdapter.of(zero_shot, [make_picture(9, 9), make_picture(8, 8)], labels, views=1)
