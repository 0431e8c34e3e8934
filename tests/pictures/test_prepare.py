"""Prepared pixels equal the Pillow backend of `transformers` bit by bit, and the view says what they show."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tolerances import close
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.pvt.image_processing_pil_pvt import PvtImageProcessorPil
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from lexel.errors import BadArguments
from lexel.pictures import prepare
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import (
    Longest,
    LongestEdge,
    Patches,
    Preparation,
    Shortest,
    Squash,
)
from lexel.pictures.published import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    clip,
    deit,
    dinov2,
    dinov3,
    imagenet,
    naflex,
    sam,
    siglip,
    squashed,
    vit,
)

SIZES = [(int(h), int(w)) for h, w in np.random.default_rng(5).integers(1, 130, (300, 2))]
sides = st.integers(1, 400)


def picture(height, width, *, size=None):
    pixels = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(pixels, "a.png", size or (height, width), "")


def ramp(height, width):
    """Red says the column and green the row: 0 at one edge, 255 at the other."""
    y, x = np.mgrid[:height, :width]
    channels = (x + 0.5) / width * 255, (y + 0.5) / height * 255, 0 * x
    return Picture(np.stack(channels, axis=-1).round().astype(np.uint8), "ramp.png", (height, width), "")


@pytest.mark.parametrize("crop", [28, 37, (21, 40)])
def test_clip_is_prepared_as_by_its_processor(crop):
    square = crop if isinstance(crop, tuple) else (crop, crop)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": square[0], "width": square[1]})
    preparation = Preparation(Shortest(28), crop=square)
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(preparation.prepare(one)[0], expected), size


def test_siglip_is_prepared_as_by_its_processor():
    processor = SiglipImageProcessorPil(size={"height": 28, "width": 35})
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(Preparation(Squash((28, 35)), mean=HALF, std=HALF).prepare(one)[0], expected), size


@pytest.mark.parametrize(
    ("processor", "preparation"),
    [
        (ViTImageProcessorPil(size={"height": 28, "width": 28}), vit(28)),
        (DeiTImageProcessorPil(size={"height": 32, "width": 32}, crop_size={"height": 28, "width": 28}), deit(28)),
    ],
    ids=["vit", "deit"],
)
def test_vit_and_deit_are_prepared_as_by_their_processors(processor, preparation):
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(preparation.prepare(one)[0], expected), size


@pytest.mark.parametrize(
    "preparation", [vit(28), clip(28), Preparation(None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))]
)
def test_what_was_prepared_is_the_same_levels_again(preparation):
    one = picture(40, 30)
    levels = preparation.unprepared(preparation.prepare(one)[0].transpose(1, 2, 0))
    assert np.array_equal(levels, preparation.pixels(one)[0])
    assert preparation.unprepared(np.full((1, 3), 99, np.float32)).tolist() == [[255] * 3]
    assert preparation.unprepared(np.full((0, 3), -99, np.float32)).shape == (0, 3)


def test_dinov2_is_prepared_as_by_its_processor():
    published = {"size": {"shortest_edge": 256}, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
    processor = BitImageProcessorPil(**published)
    for size in SIZES[:40]:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(dinov2().prepare(one)[0], expected), size


def test_dinov3_is_prepared_in_the_order_of_its_processor():
    """Scaled, resized, normalised, by the function of torch that the processor calls, in float64.

    The processor itself needs torchvision. In float32, as it runs, that function keeps five digits.
    """
    preparation = replace(dinov3(224), resize=Squash((28, 35)))
    mean, std = (torch.tensor(x).double()[:, None, None] for x in (IMAGENET_MEAN, IMAGENET_STD))
    for size in SIZES:
        one = picture(*size)
        scaled = torch.from_numpy(one.pixels).permute(2, 0, 1).double() / 255
        resized = torch.nn.functional.interpolate(scaled[None], (28, 35), mode="bilinear", antialias=True)[0]
        prepared, view = preparation.prepare(one)
        assert prepared.dtype == np.float32
        assert close(prepared, (resized - mean) / std, tolerance=1e-6), size
        assert view == (0, 0, 1, 1)


def test_what_is_not_rounded_is_nearer_than_a_level_to_what_is():
    one = picture(61, 45)
    exact, _ = dinov3(28).pixels(one)
    rounded, _ = replace(dinov3(28), rounded=True).pixels(one)
    assert 0.1 < abs(exact - rounded).max() <= 1
    assert exact.dtype == np.float32


def test_pvt_is_prepared_as_by_its_processor():
    processor = PvtImageProcessorPil(size={"height": 28, "width": 28})
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(squashed(28).prepare(one)[0], expected), size


@pytest.mark.parametrize(("edge", "share"), [(28, 0.875), (29, 0.9), (383, 1.0), (384, 0.875)])
def test_resnet_is_prepared_as_by_its_processor(edge, share):
    how = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}  # as in the published file
    processor = ConvNextImageProcessorPil(size={"shortest_edge": edge}, crop_pct=share, **how)
    for size in SIZES[: 300 if edge < 100 else 4]:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(imagenet(edge, share).prepare(one)[0], expected), size


def test_naflex_is_prepared_as_by_its_processor():
    processor = Siglip2ImageProcessorPil(patch_size=4, max_num_patches=20)
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")
        prepared, view = naflex(4, 20).prepare(one)
        h, w = expected["spatial_shapes"][0]
        patches = prepared.reshape(3, h, 4, w, 4).transpose(1, 3, 2, 4, 0).reshape(h * w, -1)
        assert np.array_equal(patches, expected["pixel_values"][0, : h * w]), size
        assert view == (0, 0, 1, 1)


def test_sam_is_prepared_as_by_its_processor():
    """Sizes that the processor cannot resize, because a side would be nothing, are one pixel of that side."""
    processor = SamImageProcessorPil(size={"longest_edge": 32}, pad_size={"height": 32, "width": 32})
    for size in SIZES:
        one = picture(*size)
        prepared, view = sam(32).prepare(one)
        height, width = LongestEdge(32).target(size)
        assert view == (0, 0, 32 / width, 32 / height)
        if min(size) * 64 >= max(size):
            expected = processor(Image.fromarray(one.pixels), return_tensors="np")
            assert np.array_equal(prepared, expected["pixel_values"][0]), size
            assert (height, width) == tuple(expected["reshaped_input_sizes"][0])
        else:
            assert min(height, width) == 1


def test_tiles_of_a_tower_with_a_margin_have_none():
    tiles = sam(32).tiled(picture(30, 90), (1, 2))
    assert [tile.shape for tile, _ in tiles] == [(3, 32, 32)] * 2
    assert [view for _, view in tiles] == [(0, 0, 0.5, 1), (0.5, 0, 1, 1)]
    assert all((tile[:, -1] != 0).any() for tile, _ in tiles)


def test_a_picture_larger_than_what_it_is_filled_up_to_is_refused():
    with pytest.raises(BadArguments, match="30 × 40 is not filled up to 28 × 64"):
        Preparation(None, pad=(28, 64)).prepare(picture(30, 40))


def test_swin_is_prepared_as_by_the_processor_of_its_published_files():
    published = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3}
    processor = ViTImageProcessorPil(size={"height": 28, "width": 28}, **published)
    for size in SIZES:
        one = picture(*size)
        expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
        assert np.array_equal(squashed(28).prepare(one)[0], expected), size


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((224, 224), (16, 16)),
        ((480, 640), (14, 18)),
        ((640, 480), (18, 14)),
        ((1080, 1920), (12, 21)),
        ((300, 1000), (9, 28)),
        ((50, 2000), (3, 85)),
        ((2000, 3000), (13, 19)),
        ((33, 47), (13, 19)),
    ],
)
def test_naflex_grids_are_the_published_ones(size, grid):
    assert Patches(16, 256).target(size) == (grid[0] * 16, grid[1] * 16)


@pytest.mark.parametrize(
    ("rounding", "size", "offset"),
    [("down", 31, 1), ("even", 31, 2), ("down", 35, 3), ("even", 35, 4), ("down", 33, 2), ("even", 33, 2)],
)
def test_an_odd_margin_is_cut_by_the_rule_of_its_source(rounding, size, offset):
    one = ramp(28, size)
    pixels, view = Preparation(None, crop=(28, 28), rounding=rounding).pixels(one)
    assert np.array_equal(pixels, one.pixels[:, offset : offset + 28])
    assert view == (offset / size, 0, (offset + 28) / size, 1)


@pytest.mark.parametrize("rounding", ["down", "even"])
@given(height=sides, width=sides)
def test_a_crop_shows_what_its_view_says(rounding, height, width):
    """Two points of a ramp, read in the prepared pixels, stand where the view puts them."""
    pixels, (x0, y0, x1, y1) = Preparation(Shortest(32), crop=(32, 32), rounding=rounding).pixels(ramp(height, width))
    middle = pixels[16, 16].astype(float)
    step = 255 / min(height, width) + 8  # a picture of few pixels has coarse ramps
    assert abs(middle[0] / 255 - (x0 + (x1 - x0) * 16.5 / 32)) * 255 <= step
    assert abs(middle[1] / 255 - (y0 + (y1 - y0) * 16.5 / 32)) * 255 <= step
    assert max(x1 - x0, y1 - y0) == 1


def test_a_letterbox_shows_the_whole_picture_and_a_margin_outside_it():
    preparation = Preparation(Longest((40, 40)), crop=(40, 40), rounding="even", fill=7)
    pixels, view = preparation.pixels(ramp(30, 60))
    assert view == (0, -0.5, 1, 1.5)
    assert (pixels[:10] == 7).all()
    assert (pixels[30:] == 7).all()
    assert np.array_equal(pixels[10:30], np.asarray(Image.fromarray(ramp(30, 60).pixels).resize((40, 20), 3)))


def test_a_crop_beyond_the_picture_is_black_before_it_is_normalised():
    prepared, view = Preparation(None, crop=(4, 4)).prepare(picture(2, 4))
    black = (0 - np.array(prepare.CLIP_MEAN)) / np.array(prepare.CLIP_STD)
    assert np.allclose(prepared[:, 0], black[:, None], atol=1e-6)
    assert view == (0, -0.5, 1, 1.5)


def test_a_picture_shrunk_while_decoding_is_prepared_to_the_size_of_its_original():
    prepared, view = clip(28).prepare(picture(38, 50, size=(301, 397)))
    assert prepared.shape == (3, 28, 28)
    assert view == clip(28).prepare(picture(301, 397))[1]


def test_a_picture_like_a_thread_is_prepared_without_its_whole_length(monkeypatch):
    """Shortest edge 28 of 1 × 300 would be 28 × 8,400; the crop alone is the same within one level."""
    one = picture(1, 300)
    whole, view = clip(28).pixels(one)
    monkeypatch.setattr(prepare, "RESIZED_PIXELS", 1000)
    alone, same = clip(28).pixels(one)
    assert same == view
    assert abs(alone.astype(int) - whole).max() <= 1
    monkeypatch.undo()
    assert clip(224).prepare(picture(1, 200_000))[0].shape == (3, 224, 224)  # whole: 30 GB


def test_the_families_are_their_published_settings():
    assert clip(224) == Preparation(Shortest(224), crop=(224, 224))
    assert vit(224) == Preparation(Squash((224, 224)), kernel=Image.Resampling.BILINEAR, mean=HALF, std=HALF)
    assert deit(384).resize == Squash((438, 438))
    assert siglip(384).prepare(picture(5, 9))[0].shape == (3, 384, 384)
    white = Picture(np.full((2, 2, 3), 255, np.uint8), "white.png", (2, 2), "")
    assert (siglip(8).prepare(white)[0] == 1).all()
