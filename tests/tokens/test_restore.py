"""Tokens undone: merged ones give their mean back, dropped ones look like the nearest that is left."""

import numpy as np
from hypothesis import given

from lexel.ragged.plan import Plan
from lexel.tokens.meaning import Space
from lexel.tokens.restore import restored
from tests.ragged.test_plan import plans
from tests.tokens.test_value import on_grids

CODES = Space("codes", 0, (99,))


@given(plans())
def test_what_is_kept_or_merged_gives_back_what_it_became(plan):
    before = on_grids(*[(count, 1) for count in np.diff(plan.splits_in).tolist()])
    after = before.apply(plan)
    back = restored(before, plan, after)
    kept = ~plan.dropped
    assert np.array_equal(back.data[kept], plan.scatter(after.data)[kept])
    assert back.with_(data=before.data).equals(before)


@given(plans())
def test_dropped_tokens_look_like_the_nearest_kept_one_of_their_picture(plan):
    before = on_grids(*[(1, count) if count else (0, 0) for count in np.diff(plan.splits_in).tolist()])
    back = restored(before, plan, before.apply(plan))
    for b in range(len(before)):
        rows = np.arange(before.splits[b], before.splits[b + 1])
        kept = rows[~plan.dropped[rows]]
        for row in rows[plan.dropped[rows]]:
            nearest = min(kept.tolist(), key=lambda other: (abs(other - row), other), default=None)
            assert back.data[row].tolist() == ([0, 0, 0] if nearest is None else back.data[nearest].tolist())


def test_near_is_near_in_pixels_not_in_the_unit_square():
    before = on_grids((3, 3))  # of 20 × 30 pixels: the cell above the middle is nearer than the one left of it
    kept = np.isin(np.arange(9), [1, 3])
    plan = Plan.keep(kept, before.splits)
    assert restored(before, plan, before.apply(plan)).data[4].tolist() == before.data[1].tolist()


def test_bytes_are_rounded():
    before = on_grids((1, 3), dtype=np.uint8)
    plan = Plan.assign(np.array([0, 0, 1]), before.splits, np.array([0, 2]))
    back = restored(before, plan, before.apply(plan))
    assert back.data.dtype == np.uint8
    assert back.data.tolist() == [[2, 2, 4], [2, 2, 4], [6, 7, 8]]  # 1.5, 2.5, 3.5 to even


def test_codes_are_never_averaged():
    before = on_grids((1, 4)).with_(data=np.array([5, 7, 9, 11]), space=CODES)
    source, target = np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])
    plan = Plan(source, target, np.array([1, 1, 3, 2], np.float32), before.splits, np.array([0, 2]))
    assert restored(before, plan, before.apply(plan)).data.tolist() == [5, 7, 7, 7]
