"""Codecs at a rate: never more bits than allowed, never a lower quality than need be."""

import io

import numpy as np
import pytest
from PIL import Image

from lexel import box
from lexel.measures.codecs import CODECS, encode, ladder
from lexel.measures.pixels import mse
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box

each_codec = pytest.mark.parametrize("codec", CODECS)


@pytest.fixture(scope="module")
def pixels():
    [picture] = read(box.path("chelsea"))
    return pillow_box(picture.pixels, (100, 150))


@each_codec
@pytest.mark.parametrize("rate", [0.4, 1.0, 2.5])
def test_the_highest_quality_that_fits_is_found(pixels, codec, rate):
    bits = int(rate * 100 * 150)
    found = ladder(pixels, codec)(bits)
    assert found.bits <= bits
    assert encode(pixels, codec, found.quality + 1, scale=found.scale).bits > bits


@each_codec
def test_more_bits_never_give_a_worse_picture(pixels, codec):
    at_most = ladder(pixels, codec)
    errors = [mse(pixels, at_most(int(rate * 15_000)).pixels((100, 150))) for rate in (0.05, 0.3, 1.0, 3.0, 9.0)]
    assert errors == sorted(errors, reverse=True)


@each_codec
def test_below_the_lowest_quality_the_picture_is_averaged_down(pixels, codec):
    assert encode(pixels, codec, 1).bits > 600
    found = ladder(pixels, codec)(600)
    assert found.scale > 1
    assert found.bits <= 600
    assert found.pixels((100, 150)).shape == (100, 150, 3)


@each_codec
def test_one_pixel_is_the_least_there_is(codec):
    found = ladder(np.full((4, 4, 3), 90, np.uint8), codec)(0)
    assert found.bits > 0
    assert found.pixels((4, 4)).shape == (4, 4, 3)


def test_from_eight_bits_a_pixel_on_codecs_are_at_their_best(pixels):
    jpeg, webp = (ladder(pixels, codec)(8 * 15_000) for codec in CODECS)
    assert jpeg.quality is webp.quality is None
    assert mse(pixels, webp.pixels((100, 150))) == 0
    assert 0 < mse(pixels, jpeg.pixels((100, 150))) < 1


@each_codec
@pytest.mark.parametrize("quality", [None, 1, 60])
def test_the_header_is_what_a_picture_of_nothing_would_need_too(pixels, codec, quality):
    """The bytes after the header decode to another picture, so they are the picture; those before are its form."""
    found = encode(pixels, codec, quality)
    tail = 2 if codec == "jpeg" else 0  # its end marker
    assert 20 <= found.header <= 1_000
    assert found.bits == 8 * (len(found.data) - found.header)
    start = found.header - tail
    marker = {"jpeg": b"\xff\xda", "webp": b"VP8"}[codec]
    assert found.data.rindex(marker, 0, start) >= start - 20


def test_the_header_of_a_jpeg_holds_its_tables(pixels):
    found = encode(pixels, "jpeg", 50)
    with Image.open(io.BytesIO(found.data)) as image:
        assert len(image.quantization) == 2
    assert found.data[: found.header].count(b"\xff\xc4") >= 1
    assert found.data[-2:] == b"\xff\xd9"


@each_codec
def test_a_side_that_the_format_cannot_hold_is_refused(codec):
    with pytest.raises(ValueError, match="holds sides up to"):
        encode(np.zeros((1, 70_000, 3), np.uint8), codec, 50)
