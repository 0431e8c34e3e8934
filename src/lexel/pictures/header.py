"""Content → format, size, orientation, from the first bytes of a file; limits before any pixel.

    sniff          first bytes     →  "JPEG" "PNG" "GIF" "WEBP" "BMP" "TIFF" "AVIF" "HEIC", or None; never the suffix
    read_header    bytes or file   →  Header(format, size, orientation); a walk over markers, without Pillow
    upright_size   bytes or path   →  (height, width) as a person sees it
    Limits.check   format, size    →  TooManyPixels, before a decoder has seen a byte

Rules: only what is on this list is ever given to a decoder. A walk takes at most `MAX_STEPS` steps and skips what it
does not need, so that a photo costs a few short reads. Orientation is that of EXIF (JPEG APP1, PNG eXIf, WebP EXIF,
TIFF tag 274) or of HEIF's own `irot` and `imir`; values outside 1…8 count as 1, as do those of broken EXIF.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lexel.errors import Corrupt, MetadataTooLarge, PictureError, TooManyPixels, Truncated, UnknownFormat
from lexel.pictures import heif, tiff

HEAD = 512  # bytes that tell every format, and a tar
MAX_STEPS = 100_000  # markers, chunks or blocks of one walk; a 64-MB PNG in libpng's 8-KB chunks has 8,000
MAX_METADATA = 1_000_000  # bytes of comments and the like

# fmt: off
SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif", ".hif",
])
# fmt: on

Reader = Callable[[int, int], bytes]
"""`at(offset, count)`: exactly `count` bytes, or `Truncated`."""


@dataclass(frozen=True)
class Header:
    """What the head of a file says. `size` is (height, width) as stored; `orientation` is EXIF's 1…8."""

    format: str
    size: tuple[int, int]
    orientation: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """(height, width) after the orientation is applied."""
        height, width = self.size
        return (width, height) if self.orientation >= 5 else (height, width)


@dataclass(frozen=True)
class Limits:
    """What is refused before it is decoded. The numbers keep a picture below about 512 MB of memory.

    pixels         of most formats
    webp_pixels    WebP decodes whole, at 16 bytes a pixel
    heif_pixels    AVIF and HEIC decode whole, at 27 bytes a pixel
    encoded        bytes of a file or of an archive member
    """

    pixels: int = 50_000_000
    webp_pixels: int = 30_000_000
    heif_pixels: int = 16_000_000
    encoded: int = 64_000_000

    def check(self, file_format: str, size: tuple[int, int]) -> None:
        """Raise `TooManyPixels` if `size` (height, width) is beyond the limit of the format, `Corrupt` if it is 0."""
        height, width = size
        limit = {"WEBP": self.webp_pixels, "AVIF": self.heif_pixels, "HEIC": self.heif_pixels}.get(
            file_format, self.pixels
        )
        if height < 1 or width < 1:
            raise Corrupt(f"{width} × {height} pixels")
        if height * width > limit:
            megapixels = f"{width} × {height} is {height * width / 1e6:,.1f} megapixels"
            raise TooManyPixels(f"{megapixels}; the limit for {file_format} is {limit / 1e6:,.1f}")


DEFAULT_LIMITS = Limits()


def upright_size(source: bytes | Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the head of a file; no pixel is decoded.

    Raises `UnknownFormat`, `Truncated`, `Corrupt`, `MetadataTooLarge`; `PictureError` where the file cannot be opened.
    A size is what the file claims: `Limits` are not asked.

        upright_size(Path("phone.jpg"))          # (4032, 3024)
    """
    if isinstance(source, bytes):
        return read_header(source).upright
    try:
        with open(source, "rb", buffering=0) as file:
            return read_header(file).upright
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or type(error).__name__}") from error


def sniff(head: bytes) -> str | None:
    """The format that the first bytes say, in Pillow's spelling, or None for anything that lexel does not read."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM"):
        return "BMP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[4:8] == b"ftyp":
        return heif.brand(head)
    return None


def read_header(source: bytes | io.RawIOBase | io.BufferedIOBase) -> Header:
    """Walk the head of `source` (bytes, or an open file at its start). Raises like `upright_size`."""
    if isinstance(source, bytes):
        head, file = source, None
    else:
        head, file = source.read(4096) or b"", source

    def at(offset: int, count: int) -> bytes:
        data = head[offset : offset + count]
        if len(data) < count and file is not None:
            file.seek(offset)
            data = file.read(count) or b""
        if len(data) < count:
            raise Truncated("the file ends before its header says")
        return data

    if not head:
        raise Truncated("the file is empty")
    file_format = sniff(head[:HEAD])
    if file_format is None:
        raise UnknownFormat("the content is no picture that lexel reads (JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC)")
    size, orientation = _WALKS[file_format](at)
    return Header(file_format, size, orientation if 1 <= orientation <= 8 else 1)


Walked = tuple[tuple[int, int], int]  # (height, width), orientation


def jpeg_segments(at: Reader) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of every segment up to and with the first SOS; `start` is its 0xFF. Skips junk between."""
    position = 2
    for _ in range(MAX_STEPS):
        marker = at(position, 2)
        if marker[0] != 0xFF or marker[1] in (0x00, 0xFF):
            position += 1
            continue
        if marker[1] == 0xD9:
            raise Corrupt("no picture before the end marker")
        length = 0 if 0xD0 <= marker[1] <= 0xD8 or marker[1] == 0x01 else int.from_bytes(at(position + 2, 2), "big")
        yield marker[1], position, position + 2 + length
        if marker[1] == 0xDA:
            return
        position += 2 + length
    raise MetadataTooLarge(f"more than {MAX_STEPS:,} segments before the picture")


def _jpeg(at: Reader) -> Walked:
    size, orientation = None, 0
    for marker, start, _ in jpeg_segments(at):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = at(start + 5, 4)
            size = (int.from_bytes(frame[:2], "big"), int.from_bytes(frame[2:], "big"))
        elif marker == 0xE1 and not orientation and at(start + 4, 6) == b"Exif\0\0":
            orientation = tiff.orientation(at, start + 10)
    if size is None:
        raise Corrupt("no frame before the first scan")
    return size, orientation


def _png(at: Reader) -> Walked:
    if at(12, 4) != b"IHDR":
        raise Corrupt("no IHDR")
    width, height = int.from_bytes(at(16, 4), "big"), int.from_bytes(at(20, 4), "big")
    orientation, position = 1, 8
    for _ in range(MAX_STEPS):
        chunk = at(position, 12)  # the shortest: length, type, checksum
        if chunk[4:8] == b"IEND":
            return (height, width), orientation
        if chunk[4:8] == b"eXIf":
            orientation = tiff.orientation(at, position + 8)
        position += 12 + int.from_bytes(chunk[:4], "big")
    raise MetadataTooLarge(f"more than {MAX_STEPS:,} chunks")


def _gif(at: Reader) -> Walked:
    screen = at(6, 7)
    width, height = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little")
    position = 13 + (3 << (screen[4] & 7) + 1 if screen[4] & 0x80 else 0)
    end_of_metadata = position + MAX_METADATA
    while at(position, 1) == b"\x21":
        position += 2
        while (block := at(position, 1)[0]) and position <= end_of_metadata:
            position += 1 + block
        position += 1
        if position > end_of_metadata:
            raise MetadataTooLarge("more than 1 MB of comments before the picture")
    if at(position, 1) != b"\x2c":
        raise Corrupt("no frame")
    left, top, w, h = (int.from_bytes(at(position + i, 2), "little") for i in (1, 3, 5, 7))
    return (max(height, top + h), max(width, left + w)), 1  # decoders grow the screen to hold the frame


def _webp(at: Reader) -> Walked:
    end = 8 + int.from_bytes(at(4, 4), "little")
    at(end - 1, 1)  # there, or truncated
    kind = at(12, 4)
    if kind == b"VP8 ":
        frame = at(23, 7)
        if frame[:3] != b"\x9d\x01\x2a":
            raise Corrupt("no VP8 start code")
        return (int.from_bytes(frame[5:], "little") & 0x3FFF, int.from_bytes(frame[3:5], "little") & 0x3FFF), 1
    if kind == b"VP8L":
        bits = int.from_bytes(at(21, 4), "little")
        return ((bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1), 1
    if kind != b"VP8X":
        raise Corrupt("no VP8 chunk")
    canvas = at(20, 10)
    size = int.from_bytes(canvas[7:], "little") + 1, int.from_bytes(canvas[4:7], "little") + 1
    if not canvas[0] & 0x08:  # it says that there is no EXIF
        return size, 1
    position = 12
    for _ in range(MAX_STEPS):
        if position + 8 > end:
            return size, 1
        chunk = at(position, 8)
        if chunk[:4] == b"EXIF":
            prefix = 6 if at(position + 8, 6) == b"Exif\0\0" else 0
            return size, tiff.orientation(at, position + 8 + prefix)
        length = int.from_bytes(chunk[4:], "little")
        position += 8 + length + length % 2
    raise MetadataTooLarge(f"more than {MAX_STEPS:,} chunks")


def _bmp(at: Reader) -> Walked:
    if int.from_bytes(at(14, 4), "little") == 12:  # OS/2
        return (int.from_bytes(at(20, 2), "little"), int.from_bytes(at(18, 2), "little")), 1
    height = int.from_bytes(at(22, 4), "little", signed=True)  # negative: rows from the top
    return (abs(height), int.from_bytes(at(18, 4), "little", signed=True)), 1


_WALKS: dict[str, Callable[[Reader], Walked]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "BMP": _bmp,
    "TIFF": tiff.walk,
    "AVIF": heif.walk,
    "HEIC": heif.walk,
}
