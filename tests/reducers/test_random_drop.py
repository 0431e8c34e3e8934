"""The random baseline: fair, seeded, the same whatever the batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.reducers.random_drop import RandomDrop
from tests.reducers.test_tome import evidence, groups

counts = st.lists(st.integers(0, 12), max_size=4)


@given(counts, st.integers(0, 12))
def test_random_drop_does_not_depend_on_the_batch(counts, keep):
    plan = RandomDrop(keep).plan(evidence(counts))
    for b, count in enumerate(counts):
        assert groups(plan, b) == groups(RandomDrop(keep).plan(evidence([count])))


@given(counts, st.integers(0, 12))
def test_a_number_keeps_that_many(counts, keep):
    assert np.diff(RandomDrop(keep).plan(evidence(counts)).splits_out).tolist() == [min(keep, n) for n in counts]


def test_a_share_is_rounded_up_and_protected_tokens_are_not_counted():
    plan = RandomDrop(0.5).plan(evidence([8], protected=(0,)))
    assert np.diff(plan.splits_out).tolist() == [1 + 4]
    assert plan.source[0] == 0


def test_random_drop_keeps_every_token_equally_often():
    kept = np.zeros(16)
    for seed in range(2000):
        kept[RandomDrop(4, seed=seed).plan(evidence([16])).source] += 1
    assert abs(kept / 2000 - 0.25).max() < 0.05


def test_raster_order_stays():
    source = RandomDrop(5).plan(evidence([12])).source
    assert source.tolist() == sorted(source)


def test_keep_is_a_number_or_a_share(unchecked_shapes):
    for arguments in ((-1,), (1.5,), (True,), ("all",)):
        with pytest.raises(BadArguments, match="keep"):
            RandomDrop(*arguments)
    with pytest.raises(BadArguments, match="seed"):
        RandomDrop(1, seed=-1)
