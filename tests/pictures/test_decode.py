import hashlib
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures.samples import FORMATS, SOI, chunk, encode, exif, photo, pixels, png, segment
from PIL import Image, ImageFile

from lexel import errors
from lexel.errors import (
    Corrupt,
    MetadataTooLarge,
    MissingExtra,
    PictureError,
    TooLarge,
    TooManyPixels,
    Truncated,
    UnknownFormat,
)
from lexel.pictures import decode as module
from lexel.pictures.convert import upright_rgb
from lexel.pictures.decode import decode
from lexel.pictures.header import Limits, read_header
from lexel.pictures.picture import Picture, Refusal, Source
from lexel.pictures.read import read

SMALL = {name: encode(photo(6, 7).quantize(4) if name == "GIF" else photo(6, 7), name) for name in FORMATS}


def decoded(data: bytes, **settings: object) -> Picture:
    return decode(Source("it", data), **settings)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_picture_carries_its_name_size_and_digest(file_format: str) -> None:
    data = SMALL[file_format]
    picture = decoded(data)
    assert (picture.name, picture.size, picture.pixels.shape) == ("it", (6, 7), (6, 7, 3))
    assert picture.digest == hashlib.blake2b(data, digest_size=16).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_format_comes_upright(file_format: str, orientation: int) -> None:
    image = photo(12, 15)
    if file_format == "TIFF":
        data, plain = encode(image, "TIFF", tiffinfo={274: orientation}), encode(image, "TIFF")
    else:
        data, plain = encode(image, file_format, exif=exif(orientation)), encode(image, file_format)
    picture = decoded(data)
    expected = upright_rgb(Image.fromarray(decoded(plain).pixels), orientation=orientation)
    assert picture.size == picture.pixels.shape[:2] == read_header(data).upright
    assert np.array_equal(picture.pixels, expected)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_cut_of_a_file_is_refused(file_format: str) -> None:
    data = SMALL[file_format]
    for end in range(len(data)):
        with pytest.raises(PictureError):
            decoded(data[:end])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_file_without_its_end_is_truncated_by_name(file_format: str) -> None:
    for missing in (1, 2):
        with pytest.raises(Truncated):
            decoded(SMALL[file_format][:-missing])


@pytest.mark.parametrize("file_format", FORMATS)
def test_bytes_after_the_end_are_allowed(file_format: str) -> None:
    data = SMALL[file_format]
    assert np.array_equal(decoded(data + b"<html>PK\5\6").pixels, decoded(data).pixels)


@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=20))
def test_flipped_bytes_raise_nothing_but_ours(file_format: str, flips: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL[file_format])
    for position, value in flips:
        data[position % len(data)] = value
    (outcome,) = read(Source("it", bytes(data))).outcomes()
    assert outcome.name == "it"
    if isinstance(outcome, Refusal):
        assert issubclass(getattr(errors, outcome.error), PictureError)
        assert " at 0x" not in outcome.reason


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (png(8_000, 6_251), TooManyPixels),
        (b"", Truncated),
        (b"hello", UnknownFormat),
        (SMALL["PNG"].replace(b"IDAT", b"JDAT"), Corrupt),
    ],
)
def test_a_refusal_has_its_name(data: bytes, error: type[PictureError]) -> None:
    with pytest.raises(error) as refused:
        decoded(data)
    assert refused.value.subject == "it"


def test_text_that_unpacks_without_end_is_refused() -> None:
    bomb = zlib.compress(bytes(2_000_000), 9)
    for kind, prefix in ((b"zTXt", b"k\0\0"), (b"iCCP", b"icc\0\0")):
        with pytest.raises(MetadataTooLarge):
            decoded(png(8, 8, before=chunk(kind, prefix + bomb)))


def test_a_decoder_that_disagrees_with_the_header_is_held_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_open", lambda data, name: Image.new("1", (10_000, 10_000)))
    with pytest.raises(TooManyPixels):
        decoded(SMALL["PNG"])


def test_too_many_bytes_are_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.touch()
    with open(path, "r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLarge, match="64 MB"):
        decode(Source("large.png", path))
    with pytest.raises(TooLarge):
        decoded(SMALL["PNG"], limits=Limits(encoded=10))


def test_a_file_that_vanished_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(PictureError) as refused:
        decode(Source("photos/a.jpg", tmp_path / "a.jpg"))
    assert str(refused.value) == "photos/a.jpg: cannot be read: No such file or directory"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be read"):
        decode(Source("photos", tmp_path))


@pytest.mark.parametrize(
    ("height", "width", "shrink", "scale"),
    [(640, 480, 100, 2), (640, 480, 40, 8), (640, 480, 80, 4), (640, 480, 81, 2), (640, 480, 161, 1),
     (640, 480, 9_000, 1), (1, 640, 10, 1), (8, 640, 10, 8), (641, 483, 40, 8)],
)  # fmt: skip
def test_shrinking_keeps_twice_the_side_and_the_original_size(height: int, width: int, shrink: int, scale: int) -> None:
    data = encode(photo(height, width), "JPEG", exif=exif(6))
    picture = decoded(data, shrink=shrink)
    assert picture.size == (width, height)
    assert picture.pixels.shape == (-(-width // scale), -(-height // scale), 3)
    assert max(picture.pixels.shape) >= min(2 * shrink, max(height, width))


def test_only_jpegs_shrink() -> None:
    for file_format in set(FORMATS) - {"JPEG"}:
        assert decoded(SMALL[file_format], shrink=1).pixels.shape == (6, 7, 3)


def test_adobe_cmyk_comes_upright_in_colour() -> None:
    data = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    assert np.abs(decoded(data).pixels.astype(int) - [255, 0, 0]).max() <= 2


def test_sixteen_bit_grey_and_colour_agree_on_the_high_byte() -> None:
    grey = np.random.RandomState(0).randint(0, 65_536, (5, 7)).astype(np.uint16)
    for file_format in ("PNG", "TIFF"):
        assert np.array_equal(decoded(encode(Image.fromarray(grey), file_format)).pixels[..., 1], grey >> 8)


def test_heic_without_its_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    ispe = b"\0\0\0\x14ispe" + bytes(4) + (15).to_bytes(4, "big") + (12).to_bytes(4, "big")
    ipco = (len(ispe) + 8).to_bytes(4, "big") + b"ipco" + ispe
    ipma = b"\0\0\0\x14ipma" + bytes(7) + b"\1\0\1\1\1"
    iprp = (len(ipco) + len(ipma) + 8).to_bytes(4, "big") + b"iprp" + ipco + ipma
    pitm = b"\0\0\0\x0epitm" + bytes(5) + b"\1"
    meta = (len(pitm) + len(iprp) + 12).to_bytes(4, "big") + b"meta" + bytes(4) + pitm + iprp
    data = b"\0\0\0\x14ftypheic\0\0\0\0heic" + meta
    assert read_header(data).size == (12, 15)
    with pytest.raises(MissingExtra) as missing:
        decoded(data)
    assert (missing.value.subject, missing.value.hint) == ("it", 'pip install "lexel[heic]"')


def test_a_pillow_image_comes_upright_and_stays_as_it_was() -> None:
    image = photo(12, 15)
    image.info["exif"] = exif(6)
    before = image.tobytes()
    picture = decode(Source("it", image))
    assert np.array_equal(picture.pixels, upright_rgb(photo(12, 15), orientation=6))
    assert (image.tobytes(), image.size) == (before, (15, 12))
    with pytest.raises(TooManyPixels):
        decode(Source("it", Image.new("1", (10_000, 10_000))))


def test_an_array_has_the_digest_of_its_pixels() -> None:
    flat, tall = decode(Source("a", pixels(2, 8))), decode(Source("b", pixels(2, 8).reshape(8, 2, 3)))
    assert flat.digest == decode(Source("c", Image.fromarray(pixels(2, 8)))).digest
    assert flat.digest != tall.digest


def test_a_picture_is_itself() -> None:
    picture = decoded(SMALL["PNG"])
    assert decode(Source("it", picture)) is picture


def test_warnings_of_pillow_are_silent_on_decoding_threads_and_only_there() -> None:
    palette = photo().convert("P")
    palette.info["transparency"] = bytes(256)
    inside, outside = threading.Event(), threading.Event()

    def decoding() -> None:
        with module._pillow():
            warnings.warn("from Pillow", stacklevel=1)
            inside.set()
            assert outside.wait(10)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(decoding)
        assert inside.wait(10)
        with pytest.warns(UserWarning, match="from the caller"):
            warnings.warn("from the caller", stacklevel=1)
        outside.set()
        running.result()
    assert np.array_equal(upright_rgb(palette), np.full((60, 90, 3), 255))


def test_decoding_is_the_same_on_many_threads() -> None:
    broken = SOI + segment(0xE1, exif(6)[:-3]) + SMALL["JPEG"][2:]
    files = [*SMALL.values(), broken, encode(photo().convert("P"), "PNG", transparency=b"\1\2\3")] * 8
    expected = [decoded(data).pixels for data in files]
    with ThreadPoolExecutor(8) as pool:
        for picture, pixel in zip(pool.map(decoded, files), expected, strict=True):
            assert np.array_equal(picture.pixels, pixel)


def test_the_settings_of_pillow_are_left_alone() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    for data in SMALL.values():
        decoded(data)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before == (89_478_485, False)
