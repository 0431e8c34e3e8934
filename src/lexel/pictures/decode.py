"""Bytes → Picture: one function, the same for files, archives, arrays and uploads; safe on any thread.

    bytes ─ header.py: format, size ─► limits ─► clean.py ─► Pillow, that one format ─► convert.py ─► Picture

Nothing is decoded before its size is known to be within the limits. Pillow is told which format it may open, its
process-global limits stay as they are, and whatever it raises becomes an error of `lexel.errors` with the input's name.
"""

import contextlib
import hashlib
import importlib
import io
import logging
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from lexel.errors import (
    Corrupt,
    LexelError,
    MetadataTooLarge,
    MissingExtra,
    PictureError,
    TooLarge,
    TooManyPixels,
    Truncated,
    UnknownFormat,
)
from lexel.pictures.clean import clean
from lexel.pictures.convert import Color, array_rgb, upright_rgb
from lexel.pictures.header import DEFAULT_LIMITS, Header, Limits, read_header
from lexel.pictures.picture import Picture, Source
from lexel.shapes import Array, UInt8


def decode(
    source: Source, *, limits: Limits = DEFAULT_LIMITS, color: Color = "encoded", shrink: int | None = None
) -> Picture:
    """Decode one input, whatever it is: a path, encoded bytes, a PIL image, an array, or a `Picture` (as it is).

    shrink    the longest side that the caller wants: a JPEG is decoded at 1/2, 1/4 or 1/8 while its longest side stays
              at least twice that; other formats decode in full. `Picture.size` is the original's either way.

    Raises `PictureError` (which kind says why), `MissingExtra` for HEIC without pillow-heif; `subject` is the name.
    """
    content = source.content
    try:
        if isinstance(content, Picture):
            return content
        if isinstance(content, np.ndarray):
            return _made(source.name, array_rgb(content))
        if isinstance(content, Image.Image):
            return _made(source.name, _from_pillow(content, limits, color))
        data = _read(content, limits) if isinstance(content, Path) else content
        if len(data) > limits.encoded:
            raise TooLarge(f"{len(data) / 1e6:,.0f} MB; the limit is {limits.encoded / 1e6:,.0f} MB")
        header = read_header(data)
        limits.check(header.format, header.size)
        pixels, size = _from_bytes(clean(data, header), header, limits, color, shrink)
        return Picture(pixels, source.name, size, hashlib.blake2b(data, digest_size=16).hexdigest())
    except LexelError as error:
        raise error.about(source.name) from error.__cause__


def _made(name: str, pixels: UInt8[Array, "H W 3"]) -> Picture:
    """A picture that was never encoded: its digest is of shape and pixels."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    return Picture(pixels, name, (pixels.shape[0], pixels.shape[1]), digest.hexdigest())


def _read(path: Path, limits: Limits) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PictureError("not a regular file")
            if status.st_size > limits.encoded:
                raise TooLarge(f"{status.st_size / 1e6:,.0f} MB; the limit is {limits.encoded / 1e6:,.0f} MB")
            return file.readall()
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or type(error).__name__}") from error


def _from_pillow(image: Image.Image, limits: Limits, color: Color) -> UInt8[Array, "H W 3"]:
    limits.check(image.format or image.mode, (image.height, image.width))
    with _pillow():
        image.load()
        return upright_rgb(image, orientation=image.getexif().get(274, 1), color=color)


def _from_bytes(
    data: bytes, header: Header, limits: Limits, color: Color, shrink: int | None
) -> tuple[UInt8[Array, "H W 3"], tuple[int, int]]:
    """The pixels, and the (height, width) that they would have without `shrink`."""
    with _pillow():
        image = _heif(data) if header.format == "HEIC" else _open(data, header.format)
        limits.check(header.format, (image.height, image.width))  # a header and its decoder may disagree
        turned = header.format in ("TIFF", "HEIC")  # by their decoders
        orientation = 1 if turned else header.orientation
        size = (image.width, image.height) if orientation >= 5 else (image.height, image.width)
        if header.format == "JPEG" and shrink is not None:
            scale = max(s for s in (1, 2, 4, 8) if s == 1 or max(size) >= 2 * shrink * s)
            image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        image.info.pop("xmp", None)  # Pillow would turn a TIFF by it
        image.load()
        return upright_rgb(image, orientation=orientation, color=color), size


logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors would be printed

_PLUGINS = {"JPEG": "Jpeg", "PNG": "Png", "GIF": "Gif", "WEBP": "WebP", "BMP": "Bmp", "TIFF": "Tiff", "AVIF": "Avif"}


def _open(data: bytes, file_format: str) -> Image.Image:
    importlib.import_module(f"PIL.{_PLUGINS[file_format]}ImagePlugin")  # else Pillow would load all of its plug-ins
    if file_format in ("WEBP", "AVIF") and not features.check(file_format.lower()):
        raise UnknownFormat(f"this Pillow was built without {file_format}")
    return Image.open(io.BytesIO(data), formats=[file_format])


def _heif(data: bytes) -> Image.Image:
    try:
        from lexel.needs import pillow_heif
    except MissingExtra as error:
        raise MissingExtra("a HEIC picture needs pillow-heif, which is not installed", hint=error.hint) from error
    image: Image.Image = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True).to_pillow()
    return image


class _Inside(threading.local):
    """A warnings filter for the threads that are inside Pillow, and only for these.

    `warnings.catch_warnings` swaps the filters of the whole process, and two threads would restore each other's. This
    is one entry in that list whose module pattern says yes on threads that are decoding.
    """

    decoding = False

    def match(self, module: str) -> bool:
        return self.decoding


_INSIDE = _Inside()
_FILTER = ("ignore", None, Warning, _INSIDE, 0)


@contextlib.contextmanager
def _pillow() -> Iterator[None]:
    """Inside, Pillow's warnings are silent and its exceptions are ours."""
    filters = cast(list[object], warnings.filters)
    if filters[:1] != [_FILTER]:
        with contextlib.suppress(ValueError):
            filters.remove(_FILTER)
        filters.insert(0, _FILTER)  # first again, after somebody else's
    _INSIDE.decoding = True
    try:
        yield
    except LexelError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixels("beyond Pillow's own limit") from error
    except Exception as error:  # decoders raise anything: KeyError, struct.error, MemoryError, …
        raise _named(error) from error
    finally:
        _INSIDE.decoding = False


def _named(error: Exception) -> PictureError:
    if isinstance(error, UnidentifiedImageError):
        return Corrupt("the decoder does not know it by its header")
    text = re.sub(r"<[^<>]* at 0x[^<>]*>", "it", str(error)).strip() or type(error).__name__
    if "truncated" in text.lower() or "end of file" in text:
        return Truncated("the file ends before its picture does")
    if "MAX_TEXT" in text or "text chunks" in text:
        return MetadataTooLarge("text or profile chunks that unpack beyond Pillow's limit")
    return Corrupt(f"the decoder gave up: {text[:200]}")
