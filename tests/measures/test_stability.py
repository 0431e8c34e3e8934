"""What disturbances do to codes, against models of which it is known."""

import math

import numpy as np
import pytest

from lexel import box
from lexel.measures.stability import stability
from lexel.partitions.kmeans import KMeans
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box
from lexel.tokens.meaning import Space
from lexel.tokens.raster import raster_tokens

CODES = Space("codes", 1, (256,), "", "means")


class Means:
    """The mean of each cell of 4 × 4 pixels in `step`s: a model whose codes can be told beforehand."""

    def __init__(self, step):
        self.step = step

    def tokenize(self, pictures):
        means = [p.pixels.reshape(p.pixels.shape[0] // 4, 4, -1, 4, 3).mean((1, 3, 4)) for p in pictures]
        codes = [(mean / self.step + 0.5).astype(np.uint8) for mean in means]
        data = np.concatenate([code.reshape(-1) for code in codes])
        return raster_tokens(data, pictures, [code.shape for code in codes], CODES)

    def detokenize(self, tokens):
        pixels = [np.kron(g.astype(np.uint8) * self.step, np.ones((4, 4), np.uint8)) for g in tokens.grids()]
        return [Picture(np.repeat(p[..., None], 3, -1).astype(np.uint8), "", p.shape, "") for p in pixels]


def picture(pixels):
    return Picture(pixels, "p", pixels.shape[:2], "")


@pytest.fixture(scope="module")
def photo():
    [found] = read(box.path("coffee"))
    return picture(pillow_box(found.pixels, (64, 96)))


def test_each_disturbance_has_its_share_of_flips_and_its_psnr(photo):
    found = stability(Means(1), photo)
    assert list(found) == ["noise", "jpeg", "resize", "again", "shift"]
    for change in found.values():
        assert 0 <= change.flips <= 1
        assert (change.mse == 0) == (change.psnr == math.inf)
        assert change.distance is None
    noise = np.clip(photo.pixels + np.random.default_rng(0).integers(-1, 2, photo.pixels.shape), 0, 255)
    codes = [Means(1).tokenize([picture(x.astype(np.uint8))]).data for x in (photo.pixels, noise)]
    assert found["noise"].flips == (codes[0] != codes[1]).mean() > 0


def test_a_model_that_sees_cells_alone_is_steady_under_shifts_and_again(photo):
    found = stability(Means(16), photo)
    for name in ("shift", "again"):
        assert (found[name].flips, found[name].mse) == (0.0, 0.0)
    assert stability(KMeans(8, 16), photo)["shift"].flips == 0


def test_coarser_codes_are_steadier(photo):
    fine, coarse = stability(Means(1), photo), stability(Means(32), photo)
    assert all(coarse[name].flips < fine[name].flips for name in ("noise", "jpeg", "resize"))


def test_the_distance_is_that_of_the_codes_that_flipped(photo):
    found = stability(Means(1), photo, distance=lambda a, b: np.abs(a.astype(float) - b))
    assert found["noise"].distance == 1.0
    assert found["again"].distance is None


def test_a_picture_of_one_row_of_cells_is_not_shifted(photo):
    assert "shift" not in stability(Means(4), picture(photo.pixels[:4]))


def test_the_picture_is_judged_at_the_size_that_the_model_gives_back(photo):
    class Half(Means):
        def tokenize(self, pictures):
            halves = [picture(pillow_box(p.pixels, (32, 48))) for p in pictures]
            return super().tokenize(halves)

    asked = []
    half = Half(8)
    whole = half.tokenize
    half.tokenize = lambda pictures: asked.append(pictures[0].pixels.shape) or whole(pictures)
    stability(half, photo)
    assert set(asked) == {(64, 96, 3), (32, 48, 3)}
    assert asked.count((64, 96, 3)) == 1
