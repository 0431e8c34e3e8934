"""Probes against their definitions: the gradient of the objective, the published search, literal neighbours."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close
from towers.duals import PICTURES

from lexel.errors import BadArguments
from lexel.evals.probes import STATIONARY, LinearProbe, best_penalty, features, knn_scores
from lexel.evals.zero_shot import accuracy


def clouds(count, *, seed, classes=4, width=6, spread=0.8):
    middle = np.random.default_rng(0).standard_normal((classes, width))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    return (middle[labels] + spread * rng.standard_normal((count, width))).astype(np.float32), labels


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 300.0])
def test_a_linear_probe_is_where_its_objective_is_flat(penalty):
    """The objective is convex: a point without slope is its minimum. Slopes from the formula, in float64."""
    x, y = clouds(60, seed=1)
    probe = LinearProbe.fitted(x, y, 4, penalty=penalty)
    by_weight, by_bias = penalty * probe.weight, np.zeros(4)
    for vector, label in zip(x.astype(np.float64), y, strict=True):
        odds = np.exp(probe.weight @ vector + probe.bias)
        wrong = odds / odds.sum() - np.eye(4)[label]
        by_weight = by_weight + np.outer(wrong, vector)
        by_bias = by_bias + wrong
    assert np.abs(by_weight / len(x)).max() <= STATIONARY
    assert np.abs(by_bias / len(x)).max() <= STATIONARY


def test_a_linear_probe_finds_the_classes_of_others():
    probe = LinearProbe.fitted(*clouds(200, seed=1), 4, penalty=1.0)
    x, y = clouds(200, seed=2)
    assert accuracy(probe.scores(x), y)["acc1"] > 0.8


def test_an_endless_penalty_leaves_how_often_each_class_is_there():
    x, y = clouds(80, seed=1)
    probe = LinearProbe.fitted(x, y, 4, penalty=1e9)
    odds = np.exp(probe.bias)
    assert close(odds / odds.sum(), np.bincount(y) / len(y), tolerance=1e-3)


@pytest.mark.parametrize("top", [-6.0, -1.0, 0.3, 3.7, 6.0])
def test_the_search_ends_an_eighth_of_a_decade_from_the_best_penalty(top):
    asked = []

    def score(penalty):
        asked.append(penalty)
        return -abs(math.log10(penalty) - top)

    assert abs(math.log10(best_penalty(score)) - top) <= 1 / 8
    assert len(asked) == 15
    assert [math.log10(penalty) for penalty in asked[:7]] == pytest.approx([-6, -4, -2, 0, 2, 4, 6])


def test_a_searched_probe_has_seen_everything_with_the_penalty_of_the_held_out():
    x, y = clouds(60, seed=1, spread=1.5)
    held_out = np.arange(60) % 3 == 0

    def right(penalty):
        probe = LinearProbe.fitted(x[~held_out], y[~held_out], 4, penalty=penalty)
        return (probe.scores(x[held_out]).argmax(axis=1) == y[held_out]).sum()

    found = LinearProbe.searched(x, y, 4, held_out=held_out)
    assert found.penalty == best_penalty(right)
    again = LinearProbe.fitted(x, y, 4, penalty=found.penalty)
    assert (found.weight == again.weight).all()


@pytest.mark.parametrize("held_out", [np.zeros(9, bool), np.ones(9, bool)])
def test_a_search_needs_some_held_out_and_not_all(held_out):
    with pytest.raises(BadArguments, match="some, and not all"):
        LinearProbe.searched(*clouds(9, seed=1), 4, held_out=held_out)


@given(st.integers(1, 12), st.integers(0, 5), st.integers(1, 15), st.integers(0, 99))
def test_neighbours_vote_as_in_a_literal_loop_ties_included(known, queries, k, seed):
    """Vectors along axes, so that cosines are exact and many are equal."""
    rng = np.random.default_rng(seed)
    vectors, asking = (np.eye(3, dtype=np.float32)[rng.integers(0, 3, rows)] for rows in (known, queries))
    labels = rng.integers(0, 4, known)
    expected = np.zeros((queries, 4))
    for q, query in enumerate(asking):
        for n in sorted(range(known), key=lambda n: (-float(vectors[n] @ query), n))[:k]:
            expected[q, labels[n]] += math.exp(float(vectors[n] @ query) / 0.07)
    assert close(knn_scores(vectors, labels, 4, asking, k=k), expected)


def test_neighbours_are_near_by_direction_and_not_by_length():
    vectors = np.array([[100, 0], [0, 1]], np.float32)
    query = np.array([[0.1, 0.2]], np.float32)
    assert knn_scores(vectors, np.array([0, 1]), 2, query, k=1).argmax() == 1


def test_many_queries_are_those_of_a_tile():
    x, y = clouds(40, seed=1)
    many, _ = clouds(1100, seed=2)
    assert close(knn_scores(x, y, 4, many)[1000:], knn_scores(x, y, 4, many[1000:]))


@pytest.mark.parametrize("labels", [[], [0], [0, 4], [-1, 0]])
def test_labels_that_are_no_class_or_not_one_a_vector_are_refused(labels, unchecked_shapes):
    vectors = np.ones((2 if labels else 0, 3), np.float32)
    for probe in (LinearProbe.fitted, lambda *a, penalty: knn_scores(*a, vectors)):
        with pytest.raises(BadArguments, match="each has one of 4 classes"):
            probe(vectors, np.array(labels, np.int64), 4, penalty=1.0)


def test_features_of_clip_are_those_before_the_projection(clip, peer, unchecked_shapes):
    found = features(clip, PICTURES)
    assert found.shape == (3, clip.image.width)
    projected = found @ clip.image.projection.weight.T.numpy()
    assert close(projected, clip.features(PICTURES))
    assert close(projected / np.linalg.norm(projected, axis=1, keepdims=True), clip.embed(PICTURES))
