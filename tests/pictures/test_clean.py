import re
import struct

import pytest
from pictures.samples import SOI, encode, exif, gif, photo, segment

from lexel.errors import MetadataTooLarge, TooLarge, TooManyPixels, Truncated
from lexel.pictures.clean import clean
from lexel.pictures.header import read_header
from lexel.pictures.read import read

FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\2\2\x44\1\0"
COMMENT = b"\x21\xfe\1c\0"
CONTROL = b"\x21\xf9\4\1\0\0\0\0"


def cleaned(data: bytes) -> bytes:
    return clean(data, read_header(data))


def test_metadata_are_cut_out_of_a_jpeg_and_what_decides_colours_stays() -> None:
    data = encode(photo(mode="CMYK"), "JPEG", icc_profile=b"profile", comment=b"comment", exif=exif(6))
    assert b"comment" in data
    result = cleaned(SOI + segment(0xE1, b"http://ns.adobe.com/xap") + data[2:])
    assert not [word for word in (b"Exif", b"adobe.com", b"comment") if word in result]
    assert not [word for word in (b"JFIF", b"Adobe", b"ICC_PROFILE") if word in data and word not in result]


def test_what_follows_the_end_of_a_jpeg_is_cut() -> None:
    data = encode(photo(), "JPEG")
    assert cleaned(data + b"<html>") == cleaned(data)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_clean_jpeg_stays_as_it_is(progressive: bool) -> None:
    data = encode(photo(), "JPEG", progressive=progressive)
    assert cleaned(data) == data


def scans(data: bytes, count: int) -> bytes:
    """`data` with its first scan repeated."""
    first, second = (match.start() for match in list(re.finditer(b"\xff\xda", data))[:2])
    return data[:-2] + data[first:second] * count + data[-2:]


def test_too_many_scans_are_refused() -> None:
    small = encode(photo(), "JPEG", progressive=True)
    cleaned(scans(small, 90))
    with pytest.raises(TooManyPixels, match="scans"):
        cleaned(scans(small, 100))


def test_scans_are_counted_by_the_pixels_that_each_passes_over() -> None:
    data = encode(photo(), "JPEG", progressive=True)
    frame = data.index(b"\xff\xc2")
    large = data[: frame + 5] + struct.pack(">HH", 7_000, 7_000) + data[frame + 9 :]
    cleaned(large)
    with pytest.raises(TooManyPixels, match="7000"):
        cleaned(scans(large, 15))


def test_only_the_first_frame_of_a_gif_is_kept() -> None:
    assert cleaned(gif(COMMENT + CONTROL + FRAME + CONTROL + FRAME + COMMENT)) == gif(CONTROL + FRAME)


def test_a_gif_without_its_trailer_is_truncated() -> None:
    data = encode(photo(), "GIF")
    with pytest.raises(Truncated, match="trailer"):
        cleaned(data[:-1])
    assert cleaned(data + b"zip") == cleaned(data)


def test_a_gif_of_endless_blocks_is_refused() -> None:
    for blocks in (b"\x21\xfe" + b"\1c" * 1_000_001 + b"\0", b"\x21\xfe\0" * 1_000_001):
        with pytest.raises(MetadataTooLarge):
            cleaned(gif(FRAME + blocks))


def test_a_large_run_length_bmp_is_refused() -> None:
    header = b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 8, 8, 1, 8, 1) + bytes(20)
    assert cleaned(header) == header
    with pytest.raises(TooLarge, match="run lengths"):
        cleaned(header + bytes(1_000_000))


def test_twenty_megabytes_of_exif_do_not_hide_the_picture() -> None:
    plain = encode(photo(), "JPEG")
    (picture,) = read(SOI + segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 300 + plain[2:])
    (expected,) = read(plain)
    assert (picture.pixels == expected.pixels).all()


@pytest.mark.parametrize("bits", [1, 4, 8, 24, 32])
def test_a_bmp_without_its_last_padding_is_truncated(bits: int) -> None:
    row = -(-7 * bits // 32) * 4
    head = struct.pack("<IHHIIiiHHI", 0, 0, 0, 54, 40, 7, -3, 1, bits, 0)
    data = b"BM" + head + bytes(20) + bytes(3 * row)
    assert cleaned(data) == data
    with pytest.raises(Truncated, match="rows"):
        cleaned(data[:-1])
