"""`Tokens`: indexing, checks, joining, applying plans; zero pictures and zero tokens everywhere."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import SpaceMismatch, TokensError
from lexel.pictures.picture import Picture
from lexel.ragged.plan import Plan
from lexel.tokens.meaning import Kind, PictureTable, Space, implied_boxes
from lexel.tokens.protocols import Evidence
from lexel.tokens.raster import raster_tokens
from lexel.tokens.value import Tokens

SPACE = Space("vectors", 3, digest="test")


def picture(name="a.png", size=(20, 30)):
    return Picture(np.zeros((*size, 3), np.uint8), name, size, "00" * 16)


def on_grids(*grids, space=SPACE, dtype=np.float32):
    """Tokens on rasters, with numbers that say their row."""
    count = sum(h * w for h, w in grids)
    data = np.arange(count * 3).reshape(count, 3).astype(dtype)
    return raster_tokens(data, [picture(f"{b}.png") for b in range(len(grids))], grids, space)


def with_class(tokens):
    """A class token before the regions of each picture."""
    rows = np.insert(np.arange(tokens.total), tokens.splits[:-1], -1)
    boxes = tokens.boxes[rows]
    boxes[rows < 0] = (0, 0, 1, 1)
    return dataclasses.replace(
        tokens,
        data=tokens.data[rows],
        boxes=boxes,
        kind=np.where(rows < 0, Kind.CLASS, Kind.REGION).astype(np.int8),
        mass=np.ones(len(rows), np.float32),
        level=np.zeros(len(rows), np.int16),
        splits=tokens.splits + np.arange(len(tokens) + 1),
    )


grids = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=4)


@given(grids, st.data())
def test_indexing_by_picture_equals_a_list_of_single_pictures(grids, data):
    tokens = on_grids(*grids).with_(columns={"score": np.arange(sum(h * w for h, w in grids), dtype=np.float32)})
    picked = data.draw(st.lists(st.integers(0, len(grids) - 1), max_size=5)) if grids else []
    some = tokens[picked]
    assert some.pictures.names == tuple(f"{b}.png" for b in picked)
    assert some.data.tolist() == [row for b in picked for row in tokens[b].data.tolist()]
    assert some["score"].tolist() == [row for b in picked for row in tokens[b]["score"].tolist()]
    if picked:
        assert Tokens.concat([tokens[b] for b in picked]).equals(some)


def test_slices_masks_and_negative_numbers_pick_pictures():
    tokens = on_grids((1, 1), (1, 2), (1, 3))
    assert tokens[1:].counts.tolist() == [2, 3]
    assert tokens[::-1].counts.tolist() == [3, 2, 1]
    assert tokens[-1].counts.tolist() == [3]
    assert tokens[np.array([True, False, True])].counts.tolist() == [1, 3]
    assert tokens[[]].counts.tolist() == []


def test_a_picture_or_column_that_is_not_there_is_named():
    with pytest.raises(IndexError):
        on_grids((1, 1))[1]
    with pytest.raises(KeyError, match="score"):
        on_grids((1, 1))["score"]


def test_where_keeps_pictures_without_tokens():
    tokens = on_grids((1, 2), (1, 1))
    kept = tokens.where(tokens.data[:, 0] < 3)
    assert kept.counts.tolist() == [1, 0]
    assert kept.pictures.names == ("0.png", "1.png")
    assert kept.where(np.zeros(1, bool)).counts.tolist() == [0, 0]


def test_where_refuses_a_mask_of_another_length():
    with pytest.raises(TokensError, match=r"bool \[2\]"):
        on_grids((1, 2)).where(np.ones(3, bool))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("splits", np.array([0, 3, 2]), "rise"),
        ("splits", np.array([0, 2], np.int32), "int64"),
        ("data", np.zeros((2, 3)), "expected \\[3, 3\\]"),
        ("data", np.full((3, 3), np.nan), "finite"),
        ("data", np.zeros((3, 3), np.int64), "float or uint8"),
        ("boxes", np.zeros((3, 4), np.float32), "x0 < x1"),
        ("boxes", np.array([[0, 0, 2, 1]] * 3, np.float32), "unit square"),
        ("boxes", np.full((3, 4), np.nan, np.float32), "unit square"),
        ("kind", np.array([0, 7, 0], np.int8), "6"),
        ("mass", np.array([1, np.inf, 1], np.float32), "mass"),
        ("mass", np.ones(3), "float32"),
        ("level", np.array([0, -1, 0], np.int16), "level"),
        ("columns", {"score": np.zeros(2)}, "3 rows"),
        ("columns", {"score": np.array([0, 1, np.nan])}, "finite"),
        ("columns", {"score": np.array(["a", "b", "c"])}, "numbers"),
    ],
)
def test_a_field_that_breaks_its_rule_is_refused_by_name(field, value, says, unchecked_shapes):
    with pytest.raises(TokensError, match=says):
        on_grids((1, 2), (1, 1)).with_(**{field: value})


def test_codes_stay_inside_their_codebooks():
    codes = on_grids((1, 3)).with_(data=np.array([0, 7, 3]), space=Space("codes", 0, codebook=(8,)))
    assert codes.space.codebook == (8,)
    with pytest.raises(TokensError, match="below"):
        codes.with_(data=np.array([0, 8, 3]))
    with pytest.raises(TokensError, match="integers"):
        codes.with_(data=np.zeros(3))
    pairs = codes.with_(data=np.zeros((3, 2), np.int32), space=Space("codes", 0, codebook=(4, 4)))
    assert pairs.data.shape == (3, 2)


def test_arrays_are_read_only():
    tokens = on_grids((2, 2))
    with pytest.raises(ValueError, match="read-only"):
        tokens.data[0] = 1


def test_other_spaces_do_not_join():
    with pytest.raises(SpaceMismatch, match="cannot be joined"):
        Tokens.concat([on_grids((1, 1)), on_grids((1, 1), space=Space("vectors", 3, digest="other"))])
    with pytest.raises(TokensError, match="nothing to join"):
        Tokens.concat([])


def test_apply_averages_vectors_takes_codes_and_joins_boxes():
    tokens = on_grids((1, 3)).with_(
        mass=np.array([1, 3, 1], np.float32),
        columns={"score": np.array([0, 4, 9], np.float32), "label": np.array([5, 6, 7])},
    )
    plan = Plan.assign(np.array([0, 0, 1]), tokens.splits, np.array([0, 2]))
    merged = tokens.apply(plan)
    assert merged.data[0].tolist() == [2.25, 3.25, 4.25]
    assert merged.mass.tolist() == [4, 1]
    assert merged["score"].tolist() == [3, 9]
    assert merged["label"].tolist() == [6, 7]
    assert merged.boxes[0].tolist() == [0, 0, tokens.boxes[1, 2], 1]
    codes = tokens.with_(data=np.array([1, 2, 3]), space=Space("codes", 0, codebook=(8,)))
    assert codes.apply(plan).data.tolist() == [2, 3]


def test_a_selector_may_bring_its_own_merge():
    class Largest:
        needs = frozenset()

        def plan(self, evidence):
            return Plan.assign(np.array([0, 0, 1]), evidence.splits, np.array([0, 2]))

        def merge(self, plan, x, mass):
            return np.stack([x[plan.source[plan.target == t]].max(axis=0) for t in range(plan.splits_out[-1])])

    tokens = on_grids((1, 3))
    assert tokens.apply(Largest().plan(Evidence.of(tokens)), Largest()).data[0].tolist() == [3, 4, 5]


def test_a_plan_of_other_tokens_is_refused():
    with pytest.raises(TokensError, match="plan is for counts"):
        on_grids((1, 3)).apply(Plan.identity(np.array([0, 2])))


@given(grids)
def test_padded_puts_every_token_once(grids):
    tokens = on_grids(*grids)
    data, mask = tokens.padded()
    assert data[mask].tolist() == tokens.data.tolist()
    assert mask.sum(axis=1).tolist() == tokens.counts.tolist()
    assert not data[~mask].any()


def test_grid_is_the_raster_of_the_regions():
    tokens = with_class(on_grids((2, 3), (1, 1)))
    assert tokens.grid(0).tolist() == on_grids((2, 3)).data.reshape(2, 3, 3).tolist()
    assert [g.shape for g in tokens.grids()] == [(2, 3, 3), (1, 1, 3)]


def test_tokens_that_were_dropped_lie_on_no_raster():
    tokens = on_grids((2, 2))
    with pytest.raises(TokensError, match="raster"):
        tokens.where(tokens.data[:, 0] > 0).grid(0)
    permuted = tokens.apply(Plan.assign(np.array([3, 1, 2, 0]), tokens.splits, tokens.splits))
    with pytest.raises(TokensError, match="raster"):
        permuted.grid(0)


def test_at_finds_the_token_under_a_point():
    tokens = with_class(on_grids((1, 1), (2, 2)))
    assert tokens.at(1, 0.1, 0.9).tolist() == [5]
    assert tokens.at(1, 0.5, 0.5).tolist() == [6]
    assert tokens.at(1, 1.0, 1.0).tolist() == [6]
    assert tokens.at(-1, 0.0, 0.0).tolist() == [3]
    with pytest.raises(ValueError, match="unit square"):
        tokens.at(0, 1.5, 0.0)


def test_every_point_is_covered_once_by_a_raster():
    tokens = on_grids((3, 2))
    for x, y in [*np.random.default_rng(0).random((50, 2)).tolist(), [0.0, 1.0], [1.0, 0.0]]:
        assert len(tokens.at(0, x, y)) == 1


def test_evidence_protects_what_is_no_region_and_knows_full_rasters():
    evidence = Evidence.of(with_class(on_grids((2, 2), (1, 3))))
    assert evidence.protected().tolist() == [True, False, False, False, False, True, False, False, False]
    assert evidence.grid.tolist() == [[2, 2], [1, 3]]
    assert evidence.keys.dtype == np.float32
    tokens = on_grids((2, 2))
    assert Evidence.of(tokens.where(tokens.data[:, 0] > 0)).grid.tolist() == [[0, 0]]


def test_boxes_of_native_patches_are_pixel_over_side():
    for side, patch in ((70, 16), (1999, 14), (37, 8)):
        n = -(-side // patch)
        table = PictureTable.of(
            [picture(size=(side, side))], [(0.0, 0.0, n * patch / side, n * patch / side)], [(n, n)]
        )
        boxes = implied_boxes(table, np.zeros(n * n, np.int8), np.array([0, n * n]))
        expected = np.float32(np.minimum(np.arange(n + 1) * patch, side) / side)
        assert np.array_equal(boxes[:n, 0], expected[:-1])
        assert np.array_equal(boxes[:n, 2], expected[1:])


def test_repr_says_what_a_person_would_say():
    assert repr(on_grids((2, 2), (2, 2))) == "<8 tokens of 2 pictures, 4 each: vectors of test, 3 wide, float32>"
    assert repr(on_grids((2, 2), (1, 1))) == "<5 tokens of 2 pictures, 1–4 each: vectors of test, 3 wide, float32>"
    assert repr(on_grids()) == "<0 tokens of 0 pictures: vectors of test, 3 wide, float32>"
