"""The boxes of AVIF and HEIC: brand, size and orientation of the primary picture.

    ftyp brands │ meta ─ pitm  which item is the picture
                │        iprp ─ ipco  properties: ispe width height · irot quarter turns · imir axis
                │               ipma  which properties belong to which item
                │ mdat …

Orientation is `irot` and `imir`, which the standard puts above EXIF.
"""

from collections.abc import Callable, Iterator

from lexel.errors import Corrupt, MetadataTooLarge

MAX_META = 1_000_000  # bytes of the meta box; a phone's HEIC with 48 tiles has about 4,000

# quarter turns against the clock, then mirrored: None, top to bottom (imir 0) or left to right (imir 1) → EXIF
_ORIENTATION = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def brand(head: bytes) -> str | None:
    """ "AVIF" or "HEIC" by the brands of an `ftyp` box, else None (a film, for instance)."""
    end = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, min(end, len(head)), 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}:
        return "HEIC"
    return None


def walk(at: Callable[[int, int], bytes]) -> tuple[tuple[int, int], int]:
    """((height, width), orientation) of the primary item. Raises `Corrupt`, `Truncated`, `MetadataTooLarge`."""
    position = 0
    for _ in range(64):  # top-level boxes before `meta`; ftyp is nearly always the only one
        size, kind = int.from_bytes(at(position, 4), "big"), at(position + 4, 4)
        head = 8
        if size == 1:
            size, head = int.from_bytes(at(position + 8, 8), "big"), 16
        if kind == b"meta":
            if size > MAX_META:
                raise MetadataTooLarge("more than 1 MB of boxes before the picture")
            return _primary(at(position + head + 4, max(size - head - 4, 0)))
        if size < head:
            break
        position += size
    raise Corrupt("no meta box")


def _primary(meta: bytes) -> tuple[tuple[int, int], int]:
    boxes = dict(_boxes(meta))
    inner = dict(_boxes(boxes.get(b"iprp", b"")))
    properties = list(_boxes(inner.get(b"ipco", b"")))
    pitm = boxes.get(b"pitm", b"")
    item = int.from_bytes(pitm[4 : 8 if pitm[:1] == b"\1" else 6], "big")
    size, turns, mirror = None, 0, None
    for index in _associations(inner.get(b"ipma", b""), item):
        kind, value = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
        if kind == b"ispe" and len(value) >= 12:
            size = int.from_bytes(value[8:12], "big"), int.from_bytes(value[4:8], "big")
        elif kind == b"irot" and value:
            turns = value[0] & 3
        elif kind == b"imir" and value:
            mirror = value[0] & 1
    if size is None:
        raise Corrupt("no size for the primary item")
    return size, _ORIENTATION[turns, mirror]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each box; a size that does not fit ends the walk."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size < 8 or position + size > len(data):
            return
        yield data[position + 4 : position + 8], data[position + 8 : position + size]
        position += size


def _associations(ipma: bytes, item: int) -> list[int]:
    """The property numbers (from 1) of `item`."""
    wide_ids, wide_indices = ipma[:1] >= b"\1", bool(ipma[3:4] and ipma[3] & 1)
    id_size, index_size = (4 if wide_ids else 2), (2 if wide_indices else 1)
    position = 8
    while position + id_size < len(ipma):
        found = int.from_bytes(ipma[position : position + id_size], "big")
        count = ipma[position + id_size]
        position += id_size + 1
        if found == item:
            mask = 0x7FFF if wide_indices else 0x7F  # the top bit says "essential"
            rows = range(position, position + count * index_size, index_size)
            return [int.from_bytes(ipma[i : i + index_size], "big") & mask for i in rows]
        position += count * index_size
    return []
