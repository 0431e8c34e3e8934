"""Vectors as colours: against the singular value decomposition, on planted clusters, and where nothing is to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import close

from lexel.drawing.pca import Components


def planted(*, seed=0, dims=40, each=30):
    """Three clusters in many dimensions, and the cluster of every row; the first is the largest."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat([0, 0, 0, 1, 2], each)
    centres = np.stack([rng.normal(size=dims) * 0.5, *(rng.normal(size=(2, dims)) * 3)])
    return (centres[cluster] + rng.normal(size=(len(cluster), dims)) * 0.3).astype(np.float32), cluster


def literal(x):
    """Components by the singular value decomposition, a sign at a time."""
    x = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    scores = [column if column.max() > -column.min() else -column for column in (u * s).T[:3]]
    return np.stack(scores, axis=1), (s[:3] ** 2).sum() / (s**2).sum()


@pytest.mark.parametrize("shape", [(60, 5), (20, 50), (7, 3)])
def test_components_equal_those_of_the_singular_value_decomposition(shape):
    x = np.random.default_rng(1).normal(size=shape) * np.linspace(3, 1, shape[1])
    scores, share = literal(x)
    found = Components.of(x)
    assert close(found.scores, scores, dtype="float64", tolerance=1e-9)
    assert found.share == pytest.approx(share)


def test_planted_clusters_have_colours_that_are_apart():
    x, cluster = planted()
    rgb = Components.of(x).rgb.astype(int)
    means = np.stack([rgb[cluster == c].mean(axis=0) for c in range(3)])
    inside = max(np.linalg.norm(rgb[cluster == c] - means[c], axis=1).mean() for c in range(3))
    apart = min(np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 3 * inside


def test_what_differs_from_the_rest_is_foreground():
    x, cluster = planted()
    few = x[(cluster == 0) | (cluster == 1)]
    for mirrored in (few, -few):
        assert (Components.of(mirrored).foreground == (cluster[cluster < 2] == 1)).all()


@given(st.integers(0, 20))
def test_turning_mirroring_and_moving_the_space_changes_nothing(seed):
    x, _ = planted(seed=seed)
    x = x.astype(np.float64)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1], x.shape[1])))
    plain, turned = Components.of(x), Components.of(x @ turn + 3)
    assert close(turned.scores, plain.scores, dtype="float64", tolerance=1e-9)
    assert (turned.foreground == plain.foreground).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e30])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_equal_vectors_are_grey_and_no_foreground(value, count):
    found = Components.of(np.full((count, 9), value, np.float32) * np.linspace(1, 2, 9, dtype=np.float32))
    assert (found.scores == 0).all()
    assert (found.rgb == 128).all()
    assert not found.foreground.any()
    assert found.share == 1


@pytest.mark.parametrize(("count", "dims"), [(0, 5), (0, 0), (3, 0), (1, 1), (2, 1), (2, 7), (5, 2)])
def test_few_vectors_and_few_dimensions_have_the_components_that_there_are(count, dims):
    x = np.random.default_rng(0).integers(0, 255, (count, dims), dtype=np.uint8)
    found = Components.of(x)
    assert found.rgb.shape == found.scores.shape == (count, 3)
    assert not found.scores[:, max(0, min(dims, count - 1)) :].any()
    assert 0 < found.share <= 1 + 1e-12


def test_colours_run_from_the_second_to_the_98th_percentile():
    x = np.arange(101.0)[:, None]
    x[-1] = 300  # far out, and no reason to make the others dark
    red = Components.of(x).rgb[:, 0]
    assert red[:3].tolist() == [0, 0, 0]
    assert red[50] == 128
    assert red[98:].tolist() == [255, 255, 255]
