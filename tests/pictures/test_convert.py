from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures.samples import encode, photo, pixels, swapped_profile
from PIL import Image, ImageCms

from lexel.errors import Corrupt, PictureError
from lexel.pictures import convert
from lexel.pictures.convert import array_rgb, upright_rgb
from lexel.pictures.decode import decode
from lexel.pictures.picture import Source

# EXIF's table: where the pixel (y, x) of the upright picture lies in the stored one of height H and width W
LITERAL: dict[int, Callable[[int, int, int, int], tuple[int, int]]] = {
    1: lambda y, x, H, W: (y, x),
    2: lambda y, x, H, W: (y, W - 1 - x),
    3: lambda y, x, H, W: (H - 1 - y, W - 1 - x),
    4: lambda y, x, H, W: (H - 1 - y, x),
    5: lambda y, x, H, W: (x, y),
    6: lambda y, x, H, W: (H - 1 - x, y),
    7: lambda y, x, H, W: (H - 1 - x, W - 1 - y),
    8: lambda y, x, H, W: (x, W - 1 - y),
}


def turned(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    height, width = stored.shape[:2]
    upright = np.empty((width, height, 3) if orientation >= 5 else stored.shape, np.uint8)
    for y in range(upright.shape[0]):
        for x in range(upright.shape[1]):
            upright[y, x] = stored[LITERAL[orientation](y, x, height, width)]
    return upright


@given(st.integers(1, 8), st.integers(1, 12), st.integers(1, 12), st.integers(1, 40))
def test_every_orientation_is_the_literal_one_whatever_the_bands(
    orientation: int, height: int, width: int, band: int
) -> None:
    stored = pixels(height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "BAND", band)
        result = upright_rgb(Image.fromarray(stored), orientation=orientation)
    assert np.array_equal(result, turned(stored, orientation))


def test_the_result_is_read_only_and_contiguous() -> None:
    result = upright_rgb(photo(), orientation=6)
    assert result.flags.c_contiguous
    assert not result.flags.writeable


def over_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = alpha[..., None] / 255
    return np.floor(rgb * share + 255 * (1 - share) + 0.5).astype(np.uint8)


@given(st.integers(0, 1000))
def test_alpha_is_composited_on_white(seed: int) -> None:
    rgb, alpha = pixels(seed=seed), pixels(seed=seed + 1)[..., 0]
    image = Image.fromarray(np.dstack([rgb, alpha]))
    assert np.array_equal(upright_rgb(image), over_white(rgb, alpha))
    grey = np.dstack([rgb[..., 0]] * 3)
    assert np.array_equal(upright_rgb(image.getchannel("R").convert("LA")), grey)
    la = Image.merge("LA", (image.getchannel("R"), image.getchannel("A")))
    assert np.array_equal(upright_rgb(la), over_white(grey, alpha))


def test_a_palette_with_transparency_is_composited() -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert upright_rgb(image).tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    image.info["transparency"] = bytes([255, 0, 102])
    assert upright_rgb(image).tolist() == [[[255, 0, 0], [255, 255, 255], [153, 153, 255]]]
    image.info["transparency"] = 2
    assert upright_rgb(image).tolist() == [[[255, 0, 0], [0, 255, 0], [255, 255, 255]]]


@pytest.mark.parametrize(("mode", "key"), [("1", 255), ("L", 0), ("L", 255), ("RGB", (0, 0, 0))])
def test_a_colour_key_is_white(mode: str, key: int | tuple[int, ...]) -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode)
    image.info["transparency"] = key
    expected = [255, 255] if key != 255 else [0, 255]
    assert upright_rgb(image)[0, :, 0].tolist() == expected


def test_the_key_of_a_sixteen_bit_colour_png_is_no_key_of_eight_bits() -> None:
    image = photo()
    plain = upright_rgb(image)
    image.info["transparency"] = (65_535, 0, 0)
    assert np.array_equal(upright_rgb(image), plain)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=20))
def test_sixteen_bit_grey_is_its_high_byte(values: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.uint16))
    assert image.mode == "I;16"
    assert upright_rgb(image)[0].tolist() == [[v >> 8] * 3 for v in values]
    image.info["transparency"] = values[0]
    assert upright_rgb(image)[0].tolist() == [[255 if v == values[0] else v >> 8] * 3 for v in values]


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=20))
def test_deep_values_are_clipped_and_never_scaled(values: list[float]) -> None:
    expected = [[int(min(max(v, 0), 255))] * 3 for v in values]
    assert upright_rgb(Image.fromarray(np.array([values], np.float32)))[0].tolist() == expected
    integers = np.array([values], np.int32)
    assert upright_rgb(Image.fromarray(integers))[0, :, 0].tolist() == integers[0].clip(0, 255).tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(Corrupt, match="finite"):
        upright_rgb(Image.fromarray(np.array([[1, value]], np.float32)))


def test_lab_goes_through_the_colour_engine() -> None:
    image = Image.merge("LAB", photo().split())
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    expected = np.asarray(ImageCms.applyTransform(image, transform))
    assert np.array_equal(upright_rgb(image), expected)
    assert not np.array_equal(expected, np.asarray(photo()))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_other_modes_are_as_pillow_converts_them(mode: str) -> None:
    image = photo().convert(mode)
    assert np.array_equal(upright_rgb(image), np.asarray(image.convert("RGB")))


def test_a_profile_counts_only_when_asked_for() -> None:
    red = Image.new("RGB", (4, 3), (255, 0, 0))
    red.info["icc_profile"] = swapped_profile()
    assert upright_rgb(red)[0, 0].tolist() == [255, 0, 0]
    converted = upright_rgb(red, color="srgb")[0, 0].astype(int)
    assert np.abs(converted - [0, 0, 255]).max() <= 2
    for mode in ("P", "RGBX", "RGBA"):
        image = red.convert(mode)
        image.info["icc_profile"] = red.info["icc_profile"]
        assert np.abs(upright_rgb(image, color="srgb")[0, 0].astype(int) - converted).max() <= 1


@pytest.mark.parametrize("profile", [b"", b"garbage", swapped_profile()[:200]])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    image = photo()
    plain = upright_rgb(image)
    image.info["icc_profile"] = profile
    assert np.array_equal(upright_rgb(image, color="srgb"), plain)


def test_a_profile_of_another_kind_of_colour_is_ignored() -> None:
    image = photo(mode="CMYK")
    plain = upright_rgb(image)
    image.info["icc_profile"] = swapped_profile()
    assert np.array_equal(upright_rgb(image, color="srgb"), plain)


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [(name, mode) for name in ("PNG", "BMP", "TIFF", "WEBP") for mode in ("1", "L", "P", "RGB")]
    + [(name, "RGBA") for name in ("PNG", "TIFF", "WEBP")],  # Pillow writes a BMP without its alpha
)
def test_the_same_pixels_come_out_of_every_lossless_format(file_format: str, mode: str) -> None:
    image = photo().convert(mode)
    if mode == "RGBA":
        image.putalpha(photo().convert("L"))
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    picture = decode(Source("it", encode(image, file_format, **options)))
    assert np.array_equal(picture.pixels, upright_rgb(image))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_arrays_follow_the_same_rules(shape: tuple[int, ...]) -> None:
    deep = np.random.RandomState(0).randint(0, 65_536, shape).astype(np.uint16)
    flat = (deep >> 8).astype(np.uint8)
    assert np.array_equal(array_rgb(deep), array_rgb(flat))
    assert np.array_equal(array_rgb(deep.byteswap().view(deep.dtype.newbyteorder())), array_rgb(flat))
    expected = flat if shape[2:] == (3,) else np.dstack([flat] * 3) if len(shape) == 2 else None
    if expected is None:
        expected = over_white(flat[..., :3], flat[..., 3])
    assert np.array_equal(array_rgb(flat), expected)
    assert np.array_equal(array_rgb(flat[::-1, ::-1]), expected[::-1, ::-1])
    assert set(np.unique(array_rgb(flat > 127))) <= {0, 255}


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0, 3), (3, 5, 7), (2, 5, 7, 3)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match="shape"):
        array_rgb(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int8", "complex64", "U3"])
def test_an_array_whose_range_is_unknown_is_refused(kind: str) -> None:
    with pytest.raises(PictureError, match="range"):
        array_rgb(np.zeros((4, 5, 3), kind))
