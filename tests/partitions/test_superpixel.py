"""SLIC: the literal assignment, colours as scikit-image has them, regions that are connected and tile the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab
from skimage.segmentation import slic

from lexel import box
from lexel.errors import BadArguments, TokensError
from lexel.partitions._components import components
from lexel.partitions.patch import Patch
from lexel.partitions.superpixel import Superpixel, assign, lab, seeds
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box
from lexel.ragged.plan import Plan
from tests.partitions.test_patch import noise

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
counts = st.integers(1, 60)


def photo(name="coffee", size=(96, 144)):
    [picture] = read(box.path(name))
    return Picture(pillow_box(picture.pixels, size), picture.name, size, picture.digest)


def error(picture, pixels):
    return float(np.square(picture.pixels.astype(float) - pixels).mean())


def test_lab_is_that_of_scikit_image():
    pixels = photo().pixels
    assert np.abs(np.moveaxis(lab(pixels), 0, 2) - rgb2lab(pixels)).max() < 2e-4


@given(sizes, counts, st.floats(0.001, 100), st.integers(1, 20), st.integers(0, 5))
def test_pixels_go_to_the_nearest_centre_in_reach(size, n, weight, reach, seed):
    planes = lab(noise(size, seed=seed).pixels)
    centres, _ = seeds(planes, n)
    rng = np.random.default_rng(seed)
    limits = np.array([100, 100, 100, size[0] - 1, size[1] - 1])[:, None]
    centres = (centres + rng.uniform(-3, 3, centres.shape)).clip(-limits * [[0], [1], [1], [0], [0]], limits)
    labels = np.full(size, -1, np.int32)
    assign(planes, centres, labels, reach=reach, weight=weight)
    away = np.abs(np.mgrid[: size[0], : size[1]][:, None] - centres[3:, :, None, None])
    colour = np.square(planes[:, None] - centres[:3, :, None, None]).sum(axis=0)
    distance = np.where((away <= reach).all(axis=0), colour + weight * np.square(away).sum(axis=0), np.inf)
    least = distance.min(axis=0)
    assert np.array_equal(labels < 0, np.isinf(least))
    reached = labels >= 0
    chosen = np.take_along_axis(distance, np.maximum(labels, 0)[None], axis=0)[0]
    assert (chosen[reached] <= least[reached] * 1.0001 + 1e-3).all()  # float32


@given(sizes, st.integers(1, 2000), st.integers(0, 5))
def test_seeds_reach_every_pixel(size, n, seed):
    planes = lab(noise(size, seed=seed).pixels)
    centres, step = seeds(planes, n)
    labels = np.full(size, -1, np.int32)
    assign(planes, centres, labels, reach=int(step) + 1, weight=1.0)
    assert labels.min() >= 0


def test_seeds_leave_edges_and_stay_where_nothing_differs():
    pixels = np.zeros((30, 30, 3), np.uint8)
    centres, step = seeds(lab(pixels), 9)
    assert step == 10
    assert centres[3:].T.tolist() == [[y, x] for y in (5, 15, 25) for x in (5, 15, 25)]
    pixels[:, 15:] = 255  # an edge between columns 14 and 15: both have a high gradient
    assert seeds(lab(pixels), 9)[0][4].tolist() == [5, 16, 25] * 3


@given(sizes, counts, st.integers(0, 9))
@settings(max_examples=40)
def test_regions_are_connected_and_tile_the_picture(size, n, seed):
    tokens = Superpixel(n).tokenize([noise(size, seed=seed)])
    labels = tokens.pictures.maps[0].raster()
    assert labels.shape == size
    assert np.array_equal(labels, components(labels))  # one piece each, numbered by the first pixel
    assert np.isclose(tokens.mass.sum(), n, rtol=1e-5)


def test_tokens_are_mean_colours_with_area_and_box():
    picture = photo()
    tokens = Superpixel(40).tokenize([picture])
    labels = tokens.pictures.maps[0].raster()
    for row in range(tokens.total):
        inside = labels == row
        assert np.array_equal(tokens.data[row], np.floor(picture.pixels[inside].mean(axis=0) + 0.5))
        assert np.isclose(tokens.mass[row], inside.sum() * 40 / labels.size)
        (y,), (x,) = (np.nonzero(inside.any(axis=axis)) for axis in (1, 0))
        expected = np.array([x[0] / 144, y[0] / 96, (x[-1] + 1) / 144, (y[-1] + 1) / 96])
        assert np.array_equal(tokens.boxes[row], expected.astype(np.float32))


def test_superpixels_follow_things():
    pixels = np.zeros((60, 60, 3), np.uint8)
    y, x = np.mgrid[:60, :60]
    pixels[(y - 28) ** 2 + (x - 33) ** 2 < 300] = (200, 40, 30)
    picture = Picture(pixels, "disc.png", (60, 60), "00" * 16)
    [back] = Superpixel(30).detokenize(Superpixel(30).tokenize([picture]))
    assert np.array_equal(back.pixels, pixels)  # no region holds pixels of both colours


@pytest.mark.parametrize("name", ["coffee", "astronaut", "brick"])
def test_superpixels_lose_no_more_than_those_of_scikit_image(name):
    picture = photo(name)
    tokens = Superpixel(100).tokenize([picture])
    [back] = Superpixel(100).detokenize(tokens)
    theirs = slic(picture.pixels, n_segments=tokens.total, compactness=10, start_label=0)
    area = np.bincount(theirs.ravel())
    means = [np.bincount(theirs.ravel(), picture.pixels[..., c].ravel()) / area for c in range(3)]
    lost = error(picture, np.stack(means, axis=-1)[theirs]) * len(area) / tokens.total  # for as many regions
    assert error(picture, back.pixels) < 1.05 * lost


def test_a_compactness_without_end_gives_squares():
    tokens = Superpixel(24, compactness=1e6).tokenize([photo()])
    assert tokens.total == 24
    assert np.ptp(tokens.mass) < 0.2


def test_large_pictures_are_worked_at_a_smaller_size():
    tokens = Superpixel(10, size=48).tokenize([photo()])
    assert tokens.pictures.grids.tolist() == [[32, 48]]
    assert Superpixel(10, size=48).detokenize(tokens)[0].pixels.shape == (32, 48, 3)


def test_merged_regions_are_painted_in_their_common_colour():
    picture = photo()
    tokens = Superpixel(30).tokenize([picture])
    target = np.arange(tokens.total) // 2
    merged = tokens.apply(Plan.assign(target, tokens.splits, np.array([0, target[-1] + 1])))
    [back] = Superpixel(30).detokenize(merged)
    labels = merged.pictures.maps[0].raster()
    for row in range(merged.total):
        inside = labels == row
        assert np.abs(back.pixels[inside] - picture.pixels[inside].mean(axis=0)).max() <= 1.01


def test_dropped_regions_cannot_be_painted():
    tokens = Superpixel(30).tokenize([photo()])
    with pytest.raises(TokensError, match="do not cover"):
        Superpixel(30).detokenize(tokens.where(np.arange(tokens.total) > 0))


def test_tokens_without_a_map_cannot_be_painted():
    with pytest.raises(TokensError, match="do not cover"):
        Superpixel(30).detokenize(Patch(1).tokenize([noise((3, 3))]))


def test_superpixels_refuse_tokens_of_another_space():
    with pytest.raises(TokensError, match="gives back"):
        Superpixel(30).detokenize(Patch(2).tokenize([noise((3, 3))]))


@pytest.mark.parametrize("compactness", [0, -1.0, float("nan"), float("inf"), True])
@pytest.mark.usefixtures("unchecked_shapes")
def test_a_compactness_is_above_zero(compactness):
    with pytest.raises(BadArguments, match="compactness"):
        Superpixel(10, compactness=compactness)


def test_there_is_one_region_or_more():
    with pytest.raises(BadArguments, match="from 1"):
        Superpixel(0)
