"""Maps of which token owns each pixel: exact as runs, right after every plan, refused where they are wrong."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lexel.errors import TokensError
from lexel.ragged.plan import Plan
from lexel.tokens.files import assemble, header, tensors
from lexel.tokens.labels import LabelMap
from lexel.tokens.value import Tokens
from tests.ragged.test_plan import plans
from tests.tokens.test_value import on_grids

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
rasters = arrays(np.int32, sizes, elements=st.integers(-1, 3))


def mapped(counts, seed=0):
    """Tokens of pictures with so many tokens each, and a map of 4 × 5 cells over each picture that has any."""
    tokens = on_grids(*[(count, min(count, 1)) for count in counts])
    rng = np.random.default_rng(seed)
    maps = tuple(LabelMap.of(rng.integers(-1, count, (4, 5))) for count in counts)
    return tokens.with_(pictures=dataclasses.replace(tokens.pictures, maps=maps))


@given(rasters)
def test_runs_are_their_raster_and_as_long_as_can_be(raster):
    runs = LabelMap.of(raster)
    assert np.array_equal(runs.raster(), raster)
    assert (np.diff(runs.label) != 0).all()
    assert not runs.fault(4)
    assert runs == LabelMap.of(raster.copy())


@given(rasters, st.lists(st.integers(-1, 2), min_size=4, max_size=4))
def test_renaming_is_renaming_each_cell(raster, names):
    literal = [[names[label] if label >= 0 else -1 for label in row] for row in raster.tolist()]
    assert LabelMap.of(raster).renamed(np.array(names)) == LabelMap.of(np.array(literal))


@given(plans())
def test_after_a_plan_every_pixel_belongs_to_what_its_token_became(plan):
    tokens = mapped(np.diff(plan.splits_in).tolist())
    after = tokens.apply(plan)
    for b in range(len(tokens)):
        before, now = tokens.pictures.maps[b].raster(), after.pictures.maps[b].raster()
        for old, new in zip(before.ravel().tolist(), now.ravel().tolist(), strict=True):
            target = -1 if old < 0 else plan.home[plan.splits_in[b] + old]
            assert new == (-1 if target < 0 else target - plan.splits_out[b])


def test_maps_follow_their_pictures():
    tokens = mapped([2, 3, 1])
    turned = tokens[[2, 0]]
    assert turned.pictures.maps == (tokens.pictures.maps[2], tokens.pictures.maps[0])
    assert Tokens.concat([tokens[2], tokens[0]]).equals(turned)
    assert not turned.equals(turned.with_(pictures=dataclasses.replace(turned.pictures, maps=())))


def test_dropped_tokens_leave_their_pixels_to_nobody():
    tokens = mapped([3])
    [kept] = tokens.where(np.array([False, True, False])).pictures.maps
    assert np.array_equal(kept.raster(), np.where(tokens.pictures.maps[0].raster() == 1, 0, -1))


@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 9))
def test_maps_are_saved_and_loaded(counts, seed):
    tokens = mapped(counts, seed)
    assert assemble(tensors(tokens), header(tokens)).equals(tokens)


def test_maps_of_some_pictures_are_saved_and_loaded():
    tokens = mapped([2, 2])
    tokens = tokens.with_(pictures=dataclasses.replace(tokens.pictures, maps=(None, tokens.pictures.maps[1])))
    assert assemble(tensors(tokens), header(tokens)).equals(tokens)


def test_runs_are_stored_in_the_smallest_integers_that_hold_them():
    stored = tensors(mapped([200]).where(np.arange(200) < 150))
    assert stored["map.label"].dtype == np.int16  # −1 for the dropped ones
    assert stored["map.length"].dtype == np.uint8


def runs(label, length, height=1, width=4):
    return LabelMap(height, width, np.array(label, np.int32), np.array(length, np.int32))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (runs([0, 1], [2, 1]), "cells together"),
        (runs([0, 0], [2, 2]), "as long as can be"),
        (runs([0, 2], [2, 2]), "below 2"),
        (runs([0, -2], [2, 2]), "from −1"),
        (runs([0, 1], [4, 0]), "from 1"),
        (runs([], [], 0, 0), "cells together"),
    ],
)
def test_a_wrong_map_is_refused(wrong, said):
    tokens = on_grids((2, 1))
    with pytest.raises(TokensError, match=said):
        tokens.with_(pictures=dataclasses.replace(tokens.pictures, maps=(wrong,)))


def test_a_map_too_many_is_refused():
    tokens = on_grids((2, 1))
    with pytest.raises(TokensError, match="expected 1, got 2"):
        tokens.with_(pictures=dataclasses.replace(tokens.pictures, maps=(runs([0], [4]),) * 2))


@pytest.mark.parametrize("change", [{"map.label": np.zeros(3)}, {"map.length": np.ones(1, np.int32)}])
def test_a_file_with_broken_runs_is_refused(change):
    tokens = mapped([2])
    with pytest.raises(TokensError, match="maps"):
        assemble(tensors(tokens) | change, header(tokens))


def test_a_plan_that_keeps_everything_keeps_the_maps():
    tokens = mapped([2, 3])
    assert tokens.apply(Plan.identity(tokens.splits)).equals(tokens)
