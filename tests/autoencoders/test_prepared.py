"""How autoencoders are given pictures: no larger than they were made for, in whole cells, none cut."""

import numpy as np
import pytest
from diffusers.image_processor import VaeImageProcessor
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

from lexel.contracts.making import make_picture
from lexel.pictures.prepare import Preparation, Within
from lexel.pictures.published import HALF, chameleon, convolutional

sides = st.integers(1, 400)


def test_autoencoders_are_prepared_as_by_the_processor_of_diffusers():
    """Where nothing has to be resized or filled up: it resizes to whole cells, and loses the aspect."""
    processor = VaeImageProcessor(vae_scale_factor=8)
    for size in [(8, 8), (48, 64), (120, 8)]:
        one = make_picture(*size)
        expected = processor.preprocess(Image.fromarray(one.pixels))[0].numpy()
        prepared, view = convolutional(128, 8).prepare(one)
        assert np.array_equal(prepared, expected), size
        assert view == (0, 0, 1, 1)


@given(sides, sides, st.integers(1, 300), st.sampled_from([1, 2, 8, 13]))
def test_a_picture_is_shrunk_in_proportion_and_filled_up_to_whole_cells(height, width, edge, cell):
    one = make_picture(height, width)
    preparation = Preparation(Within(edge), mean=HALF, std=HALF, multiple=cell)
    pixels, (x0, y0, x1, y1) = preparation.pixels(one)
    h, w = Within(edge).target((height, width))
    assert max(h, w) == min(max(height, width), edge)
    assert (pixels.shape[0] - h, pixels.shape[1] - w) == (-h % cell, -w % cell)
    assert (x0, y0, x1, y1) == pytest.approx((0, 0, pixels.shape[1] / w, pixels.shape[0] / h))
    assert (pixels[h:] == pixels[h - 1]).all()
    assert (pixels[:, w:] == pixels[:, w - 1 : w]).all()
    if (h, w) == (height, width):
        assert np.array_equal(pixels[:h, :w], one.pixels)


@pytest.mark.parametrize("size", [(600, 800), (300, 40), (512, 512)])
def test_chameleon_is_prepared_as_by_its_processor(size):
    one = make_picture(*size)
    expected = ChameleonImageProcessorPil()(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
    assert np.array_equal(chameleon(512).prepare(one)[0], expected)
