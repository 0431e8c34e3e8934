"""A few labelled vectors, for the tests of adapters: words point a little beside the clouds of pictures."""

import numpy as np

from lexel.towers._backbone import unit
from lexel.towers._zero_shot import ZeroShot

WIDTH, CLASSES = 16, 5


def clouds(each, *, seed, spread=0.6):
    """Unit vectors `[classes · each, D]` and their labels: a cloud a class."""
    middle = unit(np.random.default_rng(0).standard_normal((CLASSES, WIDTH)))
    labels = np.repeat(np.arange(CLASSES), each)
    noise = np.random.default_rng(seed).standard_normal((len(labels), WIDTH))
    return unit(middle[labels] + spread * noise / np.sqrt(WIDTH)), labels


def words(*, scale=20.0, beside=1.6):
    """A classifier of words, which lie beside the middles of the clouds."""
    rng = np.random.default_rng(0)
    middle = unit(rng.standard_normal((CLASSES, WIDTH)))
    weights = unit(middle + beside * rng.standard_normal((CLASSES, WIDTH)) / np.sqrt(WIDTH))
    return ZeroShot(tuple("abcde"), weights, scale, None, unit)


def accuracy(classifier, vectors, labels):
    return float(np.mean(classifier(vectors).argmax(axis=1) == labels))
