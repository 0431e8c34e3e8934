"""Failures are named when their signs stay, once, and not before."""

import pytest

from lexel.training.failures import STAYS, Failures

FINE = {"loss": 2.0, "scale": 20.0, "images_alike": 0.5, "texts_alike": 0.5}


def watched(losses, *, steps=4 * STAYS, batch=16, pairs=10**6, warmup=10):
    """(step, name) of every failure in a run of the same losses."""
    failures = Failures(batch=batch, pairs=pairs, warmup=warmup)
    return [(step, found.name) for step in range(1, steps + 1) for found in failures.seen(step, losses)]


def test_a_run_that_goes_well_has_no_failure():
    assert watched(FINE) == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"loss": 0.1}, "batch too small"),
        ({"scale": 100.0}, "temperature stuck"),
        ({"images_alike": 0.999}, "collapse"),
        ({"texts_alike": 0.999}, "collapse"),
    ],
)
def test_a_failure_is_named_once_when_its_sign_has_stayed(changed, name):
    assert watched(FINE | changed) == [(10 + STAYS, name)]


def test_a_sign_that_goes_away_is_no_failure():
    failures = Failures(batch=16, pairs=10**6, warmup=0)
    stuck = FINE | {"scale": 100.0}
    assert not any(failures.seen(step, stuck if step % STAYS else FINE) for step in range(1, 5 * STAYS))


def test_an_easy_batch_is_no_failure_once_every_pair_was_seen():
    assert watched(FINE | {"loss": 0.01}, pairs=16 * STAYS) == []


def test_what_has_no_temperature_has_none_of_these_failures():
    assert watched({"loss": 0.0}) == []


def test_a_collapse_says_what_collapsed():
    failures = Failures(batch=16, pairs=100, warmup=0)
    for step in range(1, STAYS + 1):
        found = failures.seen(step, FINE | {"texts_alike": 0.99})
    assert "All texts have become one vector (cosine 0.990)" in found[0].said


@pytest.mark.parametrize(
    ("losses", "name"),
    [({"loss": 0.1, "used": 0.05}, "codebook collapse"), ({"loss": 0.1, "judge": 0.01}, "judge too strong")],
)
def test_a_failure_of_a_vocabulary_is_named(losses, name):
    assert watched(losses) == [(10 + STAYS, name)]
    assert watched({"loss": 0.1, "used": 0.9, "judge": 0.8}) == []
