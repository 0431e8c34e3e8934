"""TIFF's first directory: the size of a TIFF, and the orientation that EXIF keeps in the same structure.

    II*\\0 offset │ count │ tag type n value │ tag type n value │ … │ next

EXIF in a JPEG, PNG or WebP is a TIFF without pixels, so one reader serves both. BigTIFF is the same with wider fields.

A TIFF is stored in strips or tiles of any size, and decoders unpack one of them whole: 280 bytes can claim a tile of
1.6 GB for a picture of 100 × 100, and a list of 15 million strips for one of 8 × 8. Both are refused here.
"""

import struct
from collections.abc import Callable
from typing import Literal

from lexel.errors import Corrupt, MetadataTooLarge, PictureError, TooManyPixels

WIDTH, HEIGHT, BITS, STRIPS, ORIENTATION, SAMPLES, ROWS = 256, 257, 258, 273, 274, 277, 278
TILE_WIDTH, TILE_HEIGHT, TILES = 322, 323, 324

MAX_UNPACKED = 200_000_000  # bytes of one strip or tile; 50 megapixels of RGBA are that
MAX_PARTS = 100_000  # strips or tiles; rows of the tallest scans are fewer

_INTEGERS = {1: 1, 3: 2, 4: 4, 16: 8}  # field type → bytes: BYTE, SHORT, LONG, LONG8


def walk(at: Callable[[int, int], bytes]) -> tuple[tuple[int, int], int]:
    """((height, width), orientation) of a TIFF. Raises `Corrupt`, `Truncated`, `TooManyPixels`, `MetadataTooLarge`."""
    tags = _directory(at, 0)
    if WIDTH not in tags or HEIGHT not in tags:
        raise Corrupt("no width or height in the first directory")
    (_, width), (_, height) = tags[WIDTH], tags[HEIGHT]

    def first(tag: int, default: int) -> int:
        return tags.get(tag, (1, default))[1]

    part = first(TILE_WIDTH, width) * first(TILE_HEIGHT, min(first(ROWS, height), height))
    unpacked = part * first(SAMPLES, 1) * first(BITS, 1) // 8
    if unpacked > MAX_UNPACKED:
        raise TooManyPixels(f"a strip or tile of {unpacked / 1e6:,.0f} MB; the limit is {MAX_UNPACKED / 1e6:,.0f} MB")
    if max(tags.get(STRIPS, (0, 0))[0], tags.get(TILES, (0, 0))[0]) > MAX_PARTS:
        raise MetadataTooLarge(f"more than {MAX_PARTS:,} strips or tiles")
    return (height, width), first(ORIENTATION, 1)


def orientation(at: Callable[[int, int], bytes], start: int) -> int:
    """The orientation in the EXIF that begins at `start`; 1 where it is broken, cut or silent."""
    try:
        return _directory(at, start).get(ORIENTATION, (1, 1))[1]
    except PictureError:
        return 1


def _directory(at: Callable[[int, int], bytes], start: int) -> dict[int, tuple[int, int]]:
    """{tag: (how many values, the first of them)} of the integers in the first directory."""
    mark = at(start, 4)
    order = {b"II": "<", b"MM": ">"}.get(mark[:2])
    if order is None:
        raise Corrupt("no byte order")
    if 43 in mark[2:]:
        offset, head, entry, room = struct.unpack(f"{order}Q", at(start + 8, 8))[0], f"{order}Q", f"{order}HHQ8s", 8
    else:
        offset, head, entry, room = struct.unpack(f"{order}I", at(start + 4, 4))[0], f"{order}H", f"{order}HHI4s", 4
    position = start + offset
    count: int = min(struct.unpack(head, at(position, struct.calcsize(head)))[0], 65_535)
    table = at(position + struct.calcsize(head), count * struct.calcsize(entry))
    endian: Literal["little", "big"] = "little" if order == "<" else "big"
    tags: dict[int, tuple[int, int]] = {}
    for tag, kind, number, value in struct.iter_unpack(entry, table):
        if WIDTH <= tag <= TILES and kind in _INTEGERS and number:
            size = _INTEGERS[kind]
            if number * size > room:  # the values are elsewhere
                value = at(start + int.from_bytes(value, endian), size)
            tags[tag] = number, int.from_bytes(value[:size], endian)
    return tags
