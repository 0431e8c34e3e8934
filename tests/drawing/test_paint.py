"""What is painted on a picture: which cells get which colour, and what is said of it."""

import numpy as np
import pytest

from lexel.drawing.marks import Fill
from lexel.drawing.paint import attention, pca, stages
from lexel.drawing.pca import Components
from lexel.drawing.views import Ramp
from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.pipelines.compose import Trace, pipeline
from lexel.ragged.plan import Plan
from lexel.tokens.meaning import Kind, PictureTable, Space, implied_boxes
from lexel.tokens.value import Tokens


def picture(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(pixels, "a.png", (height, width), "00")


def tokens(pictures, grid, *, width=5, level=0, classed=True, seed=0, **columns):
    """As a tower makes them: a class token and a raster a picture."""
    rng = np.random.default_rng(seed)
    each = grid[0] * grid[1] + classed
    kind = np.tile(np.repeat([Kind.CLASS, Kind.REGION], [classed, each - classed]), len(pictures)).astype(np.int8)
    splits = np.arange(len(pictures) + 1) * each
    table = PictureTable.of(pictures, [(0.0, 0.0, 1.0, 1.0)] * len(pictures), [grid] * len(pictures))
    return Tokens(
        data=rng.normal(size=(len(kind), width)).astype(np.float32),
        boxes=implied_boxes(table, kind, splits),
        kind=kind,
        mass=np.ones(len(kind), np.float32),
        level=np.full(len(kind), level, np.int16),
        splits=splits,
        pictures=table,
        space=Space("vectors", width),
        columns=columns,
    )


def fill(view):
    [fill] = [mark for mark in view.drawing.marks if isinstance(mark, Fill)]
    return fill


def test_every_cell_has_the_colour_of_its_token_and_the_background_is_black():
    shown = [picture(20, 30)]
    made = tokens(shown, (2, 3))
    _, everything, foreground = pca(Trace(made, Plan.identity(made.splits), made), shown)
    found = Components.of(made.data[1:])
    assert (fill(everything).colours == found.rgb).all()
    assert (fill(foreground).colours[~found.foreground] == 0).all()
    assert (fill(foreground).colours[found.foreground] == Components.of(made.data[1:][found.foreground]).rgb).all()
    assert everything.caption.startswith("6 tokens in the colours")


def test_colours_of_several_pictures_compare():
    shown = [picture(20, 30), picture(40, 30)]
    made = tokens(shown, (2, 3))
    views = pca(Trace(made, Plan.identity(made.splits), made), shown)
    assert [view.title for view in views] == ["Picture", "Components", "Foreground"] * 2
    together = Components.of(made.data[made.kind == Kind.REGION]).rgb
    assert (np.concatenate([fill(views[1]).colours, fill(views[4]).colours]) == together).all()


def test_cells_that_were_merged_share_a_colour_and_dropped_ones_are_black():
    shown = picture(8, 32)
    how = pipeline("patch(8)")
    before = how([shown])
    plan = Plan.assign(np.array([0, 1, 0, -1]), before.splits, np.array([0, 2]))
    _, everything, _ = pca(Trace(before, plan, before.apply(plan)), [shown])
    colours = fill(everything).colours
    assert (colours[0] == colours[2]).all()
    assert (colours[0] != colours[1]).any()
    assert (colours[3] == 0).all()


def test_cells_that_give_to_several_tokens_have_a_colour_between():
    shown = picture(24, 24)
    _, everything, _ = pca(pipeline("patch(8) | pool(2, 2)").trace([shown]), [shown])
    assert len(np.unique(fill(everything).colours, axis=0)) > 4


def test_codes_have_no_components():
    shown = picture(32, 32)
    made = tokens([shown], (2, 2), classed=False)
    codes = made.with_(data=np.arange(4), space=Space("codes", 0, codebook=(8,)))
    with pytest.raises(BadArguments, match="colours are for vectors"):
        pca(Trace(codes, Plan.identity(codes.splits), codes), [shown])


def test_a_picture_without_tokens_is_painted_with_nothing():
    shown = picture(16, 16)
    _, everything, foreground = pca(pipeline("patch(8) | random_drop(0)").trace([shown]), [shown])
    assert (fill(everything).colours == 0).all()
    assert foreground.caption.startswith("0 tokens")


def test_attention_is_heat_from_the_least_to_the_most_said_as_multiples_of_the_mean():
    shown = picture(10, 100)
    looks = np.array([0.5, *([0.0] * 5), *([0.1] * 5)], np.float32)
    made = tokens([shown], (1, 10), **{"attention.received": looks})
    _, view = attention(made, shown)
    dark, bright = fill(view).colours[[0, 9]].tolist()
    assert dark == [0x44, 0x01, 0x54]
    assert bright == [0xFD, 0xE7, 0x25]
    assert view.legend == Ramp("0.00 ×", "2.00 × the mean")
    assert view.caption == "How much all tokens look at each cell in the last block."


def test_every_head_has_a_view_behind_the_mean_of_all():
    shown = picture(20, 20)
    looks = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    views = attention(tokens([shown], (2, 2), **{"attention.cls.joined@-2": looks}), shown)
    assert [view.title for view in views] == ["Picture", "Class token", "Head 0", "Head 1", "Head 2"]
    assert views[1].caption.endswith("in block -2, the mean of 3 heads.")
    plain = attention(tokens([shown], (2, 2), **{"attention.cls": looks[:, 1]}), shown)[1]
    assert (fill(views[3]).colours == fill(plain).colours).all()


def test_a_heavy_token_shares_what_it_gets_among_its_cells():
    shown = picture(10, 30)
    even = np.array([0.0, 0.4, 0.1, 0.1], np.float32)
    made = tokens([shown], (1, 3), **{"attention.cls": even}).with_(mass=np.array([1, 4, 1, 1], np.float32))
    _, view = attention(made, shown)
    assert view.legend == Ramp("1.00 ×", "1.00 × the mean")
    rollout = tokens([shown], (1, 3), **{"attention.rollout": even}).with_(mass=made.mass)
    assert attention(rollout, shown)[1].legend != view.legend  # is of one cell already


@pytest.mark.parametrize(("classed", "end"), [(True, "the class token"), (False, "the mean of all tokens")])
def test_rollout_says_where_it_ends(classed, end):
    shown = picture(20, 20)
    made = tokens([shown], (2, 2), classed=classed)
    made = made.with_(columns={"attention.rollout": np.ones(made.total, np.float32), "keys": made.data})
    _, view = attention(made, shown)
    assert view.caption == f"How much of each cell attention can carry into {end}, up to the last block."


def test_attention_of_no_tokens_is_drawn_too():
    shown = picture(20, 20)
    made = tokens([shown], (0, 0), **{"attention.cls": np.ones(1, np.float32)})
    assert len(fill(attention(made, shown)[1]).boxes) == 0


def test_tokens_without_attention_are_refused():
    shown = picture(20, 20)
    with pytest.raises(BadArguments, match="keep no attention: they have no columns"):
        attention(tokens([shown], (2, 2)), shown)


def test_stages_stand_side_by_side_each_with_its_own_cells():
    shown = picture(32, 48)
    fine, coarse = tokens([shown], (4, 6), classed=False), tokens([shown], (2, 3), width=8, level=1, classed=False)
    views = stages([fine, coarse], shown)
    assert [view.title for view in views] == ["Picture", "Stage 0", "Stage 1"]
    assert views[2].caption.startswith("2 × 3 cells, 8 wide, in the colours")
    for view, made in zip(views[1:], (fine, coarse), strict=True):
        boxes = fill(view).boxes
        assert ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).sum() == view.drawing.height * view.drawing.width
        assert (fill(view).colours == Components.of(made.data).rgb).all()
