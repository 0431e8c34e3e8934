"""What is seen of a trace: which views there are, and that areas, masses and values agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexel.drawing.canvas import LONGEST
from lexel.drawing.difference import psnr
from lexel.drawing.marks import Fill, Raster
from lexel.drawing.views import Ramp, Swatches, undone, views
from lexel.partitions.patch import Patch
from lexel.pictures.picture import Picture
from lexel.pipelines.compose import Trace, pipeline
from lexel.ragged.plan import Plan
from lexel.tokens.meaning import Kind


def picture(height, width, *, seed=0, smooth=False):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if smooth:
        pixels[: height // 2] = 90
    return Picture(pixels, "a.png", (height, width), "00")


def seen(text, shown, **options):
    how = pipeline(text)
    trace = how.trace([shown])
    return trace, {view.title: view for view in views(trace, shown, how.tokenizer, **options)}


def fills(view):
    return [mark for mark in view.drawing.marks if isinstance(mark, Fill)]


def area(boxes):
    return int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("patch(8)", ["Picture", "Tokens", "Reconstruction"]),
        ("patch(8) | tome(r=5)", ["Picture", "Tokens", "Merged", "Reconstruction", "Error"]),
        ("patch(8) | random_drop(0.5)", ["Picture", "Tokens", "Kept", "Reconstruction", "Error"]),
        ("patch(8) | tome(r=20) | random_drop(0.9)",
         ["Picture", "Tokens", "Merged and dropped", "Reconstruction", "Error"]),
        ("pyramid(8, 16)", ["Picture", "Tokens", "Level 1", "Level 0", "Reconstruction"]),
        ("superpixel(20)", ["Picture", "Tokens", "Reconstruction", "Error"]),
        ("quadtree(4, 16)", ["Picture", "Tokens", "Levels", "Entropy", "Reconstruction", "Error"]),
    ],
)  # fmt: skip
def test_there_are_as_many_views_as_there_is_to_see(text, titles):
    _, by_title = seen(text, picture(48, 64, smooth="quadtree" in text), longest=64)
    assert list(by_title) == titles


@settings(max_examples=30)
@given(st.integers(0, 24), st.integers(0, 5))
def test_the_area_of_merged_regions_is_their_mass(r, seed):
    trace, by_title = seen(f"patch(8) | tome(r={r})", picture(48, 64, seed=seed), longest=128)
    if r == 0:
        assert "Merged" not in by_title
        return
    view = by_title["Merged"]
    merged, lost = fills(view)
    cell = (view.drawing.width // 8) * (view.drawing.height // 6)
    several = np.diff(trace.plan.edges) > 1
    assert area(merged.boxes) == cell * trace.after.mass[several].sum()
    assert len(np.unique(merged.colours, axis=0)) <= several.sum()
    assert len(lost.boxes) == 0


def test_a_merged_region_has_the_mean_colour_of_its_cells_and_not_of_its_box():
    shown = picture(8, 24)
    trace = pipeline("patch(8)").trace([shown])
    plan = Plan.assign(np.array([0, 1, 0]), np.array([0, 3]), np.array([0, 2]))  # the outer two
    trace = Trace(trace.before, plan, trace.before.apply(plan))
    merged = fills(next(view for view in views(trace, shown, Patch(8)) if view.title == "Merged"))[0]
    outer = np.concatenate([shown.pixels[:, :8], shown.pixels[:, 16:]], axis=1)
    assert (merged.colours == np.rint(outer.reshape(-1, 3).mean(axis=0))).all()
    scale = 1024 // 24
    assert merged.boxes.tolist() == [[0, 0, 8 * scale, 8 * scale], [16 * scale, 0, 24 * scale, 8 * scale]]


def test_dropped_cells_are_the_dark_ones():
    trace, by_title = seen("patch(8) | random_drop(10)", picture(48, 64))
    _, lost = fills(by_title["Kept"])
    assert len(lost.boxes) == trace.plan.dropped.sum() == 38
    assert by_title["Kept"].caption == "48 tokens became 10. 38 were dropped: the dark cells."
    assert by_title["Reconstruction"].caption.endswith("the nearest cell that was kept.")


def test_nothing_kept_can_be_drawn_too():
    _, by_title = seen("patch(8) | random_drop(0)", picture(16, 16))
    assert by_title["Kept"].caption == "4 tokens became 0. 4 were dropped: the dark cells."


def test_cells_with_several_targets_are_drawn_with_the_one_they_give_most_to():
    trace, by_title = seen("patch(8) | pool(2, 2)", picture(24, 24))  # windows of 2 overlap on 3 cells
    merged, _ = fills(by_title["Merged"])
    assert not trace.plan.hard
    assert len(merged.boxes) == 9
    assert "more than one token" in by_title["Merged"].caption


def test_levels_and_columns_have_legends():
    _, by_title = seen("quadtree(4, 16)", picture(48, 64, smooth=True))
    levels, entropy = by_title["Levels"].legend, by_title["Entropy"].legend
    assert isinstance(levels, Swatches)
    assert levels.names[0].startswith("level 0: ")
    assert isinstance(entropy, Ramp)
    assert entropy.low == "0"


def test_tokens_that_are_no_regions_are_counted_and_not_drawn():
    shown = picture(16, 16)
    trace = pipeline("patch(8)").trace([shown])
    kind = trace.before.kind.copy()
    kind[0] = Kind.CLASS
    tokens = trace.before.with_(kind=kind)
    trace = Trace(tokens, Plan.identity(tokens.splits), tokens)
    assert (
        _without_undoing(trace, shown)["Tokens"].caption == "3 tokens, one for 85 pixels. 1 more stands for no region."
    )


def _without_undoing(trace, shown):
    class Blind:
        space = trace.before.space

        def tokenize(self, pictures):
            raise AssertionError("nothing is tokenized to be drawn")

    return {view.title: view for view in views(trace, shown, Blind())}


def test_a_tokenizer_that_cannot_be_undone_has_no_reconstruction():
    shown = picture(16, 16)
    trace = pipeline("patch(8) | tome(r=1)").trace([shown])
    assert list(_without_undoing(trace, shown)) == ["Picture", "Tokens", "Merged"]


def test_an_exact_tokenizer_says_so():
    shown = picture(17, 23)
    _, by_title = seen("patch(8)", shown)
    assert by_title["Reconstruction"].caption == "Exact: the tokens give back every pixel."


def test_merged_values_are_given_back_to_every_cell():
    shown = picture(8, 24)
    trace = pipeline("patch(8)").trace([shown])
    plan = Plan.assign(np.array([0, 1, 0]), np.array([0, 3]), np.array([0, 2]))
    [back] = undone(Trace(trace.before, plan, trace.before.apply(plan)), Patch(8))
    mean = np.rint((shown.pixels[:, :8].astype(np.float32) + shown.pixels[:, 16:]) / 2)
    assert (back.pixels == np.concatenate([mean, shown.pixels[:, 8:16], mean], axis=1)).all()


def test_the_caption_says_the_psnr_of_the_picture_and_not_of_the_drawing():
    shown = picture(48, 64)
    trace, by_title = seen("patch(8) | pool(2)", shown, longest=20)
    [back] = undone(trace, Patch(8))
    assert f"PSNR {psnr(shown, back):.1f} dB" in by_title["Reconstruction"].caption


def test_small_pictures_are_enlarged_by_a_whole_factor_and_large_ones_reduced():
    for shown, size in ((picture(64, 48), (1024, 768)), (picture(40, 2000), (32, LONGEST))):
        drawing = seen("patch(16)", shown)[1]["Picture"].drawing
        assert (drawing.height, drawing.width) == size
        [raster] = drawing.marks
        assert isinstance(raster, Raster)
        assert max(raster.pixels.shape[:2]) <= LONGEST


def test_a_trace_of_two_pictures_is_refused():
    how = pipeline("patch(8)")
    with pytest.raises(ValueError, match="the trace is of 2"):
        views(how.trace([picture(8, 8), picture(8, 8)]), picture(8, 8), how.tokenizer)
