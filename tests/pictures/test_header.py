import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures.samples import FORMATS, SOI, chunk, encode, exif, gif, photo, png, segment, tiff
from PIL import Image

from lexel.errors import Corrupt, MetadataTooLarge, PictureError, TooManyPixels, Truncated, UnknownFormat
from lexel.pictures import header, heif
from lexel.pictures import tiff as tiff_module
from lexel.pictures.header import Limits, read_header, sniff, upright_size


class Counting(io.BytesIO):
    """A file that says how much of it was read."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.total += len(data)
        return data


@pytest.mark.parametrize("file_format", FORMATS)
def test_format_and_size_are_read_from_the_content(file_format: str) -> None:
    found = read_header(encode(photo(61, 93), file_format))
    assert (found.format, found.size, found.orientation) == (file_format, (61, 93), 1)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["PNG", "GIF", "WEBP", "BMP", "TIFF", "JPEG"]))
def test_every_size_is_the_one_that_pillow_says(height: int, width: int, file_format: str) -> None:
    assert read_header(encode(Image.new("L", (width, height)), file_format)).size == (height, width)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_three_kinds_of_webp_are_read(lossless: bool, mode: str) -> None:
    assert upright_size(encode(photo(61, 93, mode), "WEBP", lossless=lossless)) == (61, 93)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_upright_size_counts_the_orientation(file_format: str, orientation: int) -> None:
    if file_format == "TIFF":
        data = encode(photo(61, 93), "TIFF", tiffinfo={274: orientation})
    else:
        data = encode(photo(61, 93), file_format, exif=exif(orientation))
    assert read_header(data).orientation == orientation
    assert upright_size(data) == ((93, 61) if orientation >= 5 else (61, 93))


@pytest.mark.parametrize("orientation", [0, 9, 99, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    assert read_header(encode(photo(), "JPEG", exif=exif(orientation))).orientation == 1


@pytest.mark.parametrize(
    "broken", [b"", b"II", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"]
)
def test_broken_exif_is_ignored(broken: bytes) -> None:
    data = encode(photo(), "JPEG")
    assert read_header(SOI + segment(0xE1, b"Exif\0\0" + broken) + data[2:]).orientation == 1


def test_only_the_first_exif_segment_counts() -> None:
    data = encode(photo(), "JPEG")
    two = segment(0xE1, exif(6)) + segment(0xE1, exif(3))
    assert read_header(SOI + two + data[2:]).orientation == 6


def test_exif_behind_the_pixels_of_a_png_counts() -> None:
    assert upright_size(png(9, 6, after=chunk(b"eXIf", exif(6)[6:]))) == (9, 6)


def test_junk_between_jpeg_segments_is_skipped() -> None:
    data = encode(photo(61, 93), "JPEG")  # SOI and an APP0 of 18 bytes
    assert read_header(data[:20] + b"\0junk\xff" + data[20:]).size == (61, 93)


def test_big_tiff_and_big_endian_are_read() -> None:
    assert upright_size(encode(photo(61, 93), "TIFF", big_tiff=True)) == (61, 93)
    entries = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in ((256, 93), (257, 61), (274, 6)))
    assert upright_size(b"MM\0*\0\0\0\x08" + struct.pack(">H", 3) + entries + bytes(4)) == (93, 61)


def test_a_bmp_from_the_top_down_and_one_of_os2_are_read() -> None:
    windows = b"BM" + bytes(12) + struct.pack("<Iii", 40, 93, -61)
    assert upright_size(windows) == (61, 93)
    assert upright_size(b"BM" + bytes(12) + struct.pack("<IHH", 12, 93, 61)) == (61, 93)


def test_a_gif_frame_beyond_its_screen_counts() -> None:
    frame = b"\x2c" + struct.pack("<HHHHB", 2, 1, 60_000, 50_000, 0)
    assert upright_size(gif(frame)) == (50_001, 60_002)


@pytest.mark.parametrize("mirror", [None, 0, 1])
@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_and_mirrors_of_heif_are_exif_orientations(turns: int, mirror: int | None) -> None:
    literal = np.rot90(np.arange(6).reshape(2, 3), turns)  # against the clock
    if mirror is not None:
        literal = np.flip(literal, mirror)  # 0: top to bottom, 1: left to right
    by_exif = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
        6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).T, 8: np.rot90,
    }  # fmt: skip
    orientation = heif._ORIENTATION[turns, mirror]
    assert np.array_equal(by_exif[orientation](np.arange(6).reshape(2, 3)), literal)


def test_a_film_is_no_picture() -> None:
    assert sniff(b"\0\0\0\x18ftypisom" + bytes(12)) is None
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic" + bytes(4)) == "HEIC"
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + bytes(4)) == "AVIF"


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"<svg/>", b"PK\3\4", b"\0\0\1\0", b"hello", b"\xff\xd8\xfe"])
def test_content_that_is_not_on_the_list_is_unknown(data: bytes) -> None:
    with pytest.raises(UnknownFormat):
        read_header(data)


def test_a_photo_costs_a_few_short_reads() -> None:
    metadata = segment(0xE1, exif(6)) + segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)) * 20
    file = Counting(SOI + metadata + encode(photo(), "JPEG")[2:] + bytes(10_000_000))
    assert read_header(file).upright == (90, 60)
    assert file.total < 5_000


def test_a_file_and_its_bytes_have_one_size(tmp_path: Path) -> None:
    for file_format in FORMATS:
        path = tmp_path / "picture"
        path.write_bytes(encode(photo(61, 93), file_format))
        assert upright_size(path) == upright_size(path.read_bytes()) == (61, 93)
    with pytest.raises(PictureError, match="No such file"):
        upright_size(tmp_path / "absent")


def test_an_empty_file_is_truncated() -> None:
    with pytest.raises(Truncated, match="empty"):
        read_header(b"")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (SOI + b"\xff\xd9", Corrupt),
        (SOI + segment(0xDA, b""), Corrupt),
        (png(1, 1).replace(b"IHDR", b"JHDR"), Corrupt),
        (gif(b"?"), Corrupt),
        (b"RIFF\x20\0\0\0WEBPVP9 " + bytes(30), Corrupt),
        (b"RIFF\xff\xff\0\0WEBPVP8L" + bytes(30), Truncated),
        (tiff({256: (4, 1, 8)}), Corrupt),
        (tiff({256: (4, 1, 9), 257: (4, 1, 9), 258: (3, 1, 8), 322: (4, 1, 40_000), 323: (4, 1, 9000)}), TooManyPixels),
        (tiff({256: (4, 1, 8), 257: (4, 1, 8), 273: (4, 15_000_000, 8)}, bytes(99)), MetadataTooLarge),
        (b"\0\0\0\x10ftypavif\0\0\0\0" + struct.pack(">I", 2_000_000) + b"meta", MetadataTooLarge),
        (b"\0\0\0\x10ftypavif\0\0\0\0" + struct.pack(">I", 12) + b"meta" + bytes(4), Corrupt),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused_by_name(data: bytes, error: type[PictureError]) -> None:
    with pytest.raises(error):
        read_header(data)


CHUNKS = b"WEBPVP8X\n\0\0\0\x08\0\0\0\7\0\0\7\0\0" + b"XMP \0\0\0\0" * 50


@pytest.mark.parametrize(
    "data",
    [
        SOI + b"\xff\xe5\0\2" * 50,
        png(1, 1, before=chunk(b"IDAT", b"") * 50),
        b"RIFF" + struct.pack("<I", len(CHUNKS)) + CHUNKS,
    ],
)
def test_a_walk_of_too_many_steps_is_refused(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_STEPS", 50)
    with pytest.raises(MetadataTooLarge, match="more than 50"):
        read_header(data)


@pytest.mark.parametrize(
    "blocks", [b"\x21\xfe" + b"\1c" * 50 + b"\0", b"\x21\xfe\0" * 50, b"\x21\xfe\xff" + bytes(256)]
)
def test_comments_before_a_gif_are_counted(blocks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_METADATA", 99)
    with pytest.raises(MetadataTooLarge, match="comments"):
        read_header(gif(blocks))


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0+"]),
    st.binary(max_size=200),
)
def test_no_bytes_raise_anything_but_a_picture_error(magic: bytes, rest: bytes) -> None:
    for data in (magic + rest, b"RIFF" + rest[:4] + b"WEBP" + rest[4:], b"\0\0\0\x10ftypavif" + rest):
        with contextlib.suppress(PictureError):
            read_header(data)


@pytest.mark.parametrize(
    ("file_format", "limit"), [("PNG", 50_000_000), ("WEBP", 30_000_000), ("AVIF", 16_000_000), ("HEIC", 16_000_000)]
)
def test_each_format_has_its_limit_of_pixels(file_format: str, limit: int) -> None:
    Limits().check(file_format, (1, limit))
    with pytest.raises(TooManyPixels, match=file_format):
        Limits().check(file_format, (1, limit + 1))


def test_a_picture_without_pixels_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        Limits().check("PNG", (0, 5))
    assert 4 * Limits().pixels == tiff_module.MAX_UNPACKED
