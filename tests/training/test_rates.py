"""A vocabulary beside codecs and blocks: the same pictures, and no more bits."""

import numpy as np
import pytest
from training.sets import Numbers
from training.visual import Photographs, model

from lexel.measures.codecs import ladder
from lexel.measures.pixels import mse, psnr, ssim
from lexel.training.crops import Several
from lexel.training.rates import rates

SMALL = Several(Photographs(), 1, edge=64)


@pytest.fixture(scope="module")
def found():
    return rates(model().eval(), SMALL, SMALL)


def test_the_vocabulary_comes_first_and_nobody_has_more_bits(found):
    assert [one.way for one in found] == ["this vocabulary", "JPEG", "WebP", "k-means of 8 × 8 blocks, K = 16"]
    ours, _, _, blocks = found
    area = [SMALL.picture(at).pixels.shape[0] * 64 for at in range(2)]
    assert ours.bits_per_pixel == pytest.approx(np.mean([-(-a // 64 // 8) * 8 * 4 / a for a in area]))
    assert blocks.bits_per_pixel == 4 / 64


def test_the_vocabulary_is_measured_as_its_pictures_come_back(found):
    made, quality = model().eval(), []
    for picture in map(SMALL.picture, range(2)):
        [shown] = made.detokenize(made.tokenize([picture]))
        quality.append((psnr(mse(picture.pixels, shown.pixels)), ssim(picture.pixels, shown.pixels)))
    assert (found[0].psnr, found[0].ssim) == pytest.approx(tuple(np.mean(quality, axis=0)))


def test_codecs_are_at_the_best_quality_of_as_many_bits(found):
    made, errors = model().eval(), []
    for picture in map(SMALL.picture, range(2)):
        tokens = made.tokenize([picture])
        file = ladder(picture.pixels, "jpeg")(tokens.total * 4)
        errors.append(psnr(mse(picture.pixels, file.pixels(picture.pixels.shape[:2]))))
    assert found[1].psnr == pytest.approx(np.mean(errors))


def test_more_blocks_are_better_and_as_many_as_there_are_lose_nothing():
    few, many = (rates(model(quantizer=f"fsq({levels}, 5)").eval(), SMALL, SMALL)[-1] for levels in (3, 11))
    assert many.psnr > few.psnr + 1
    flat = Numbers(3)
    several = Several(Large(flat), 1, edge=64)
    assert rates(model().eval(), several, several)[-1].psnr > 50


class Large:
    """Pictures of one colour each."""

    def __init__(self, data):
        self.data, self.name, self.digest, self.refused = data, data.name, data.digest, ()

    def __len__(self):
        return len(self.data)

    def key(self, index):
        return self.data.key(index)

    def captions(self, index):
        return ()

    def picture(self, index):
        from dataclasses import replace

        one = self.data.picture(index)
        return replace(one, pixels=np.repeat(np.repeat(one.pixels, 16, 0), 24, 1), size=(16, 24))


def test_vectors_stand_alone():
    [one] = rates(model("vae").eval(), SMALL, SMALL)
    assert one.bits_per_pixel is None
    assert one.psnr > 5


def test_pictures_without_a_window_are_left_out():
    assert rates(model().eval(), Numbers(2), SMALL) == ()
