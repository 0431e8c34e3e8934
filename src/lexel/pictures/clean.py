"""What a decoder is given: the picture without what only wastes its time.

    JPEG   FFD8 │ APP0 │ APP1 Exif ✂ │ APP1 XMP ✂ │ APP2 ICC │ APP14 │ COM ✂ │ SOF … SOS ▒▒▒▒▒▒▒▒ FFD9
    GIF    screen │ comments ✂ │ control │ frame 0 │ frame 1 ✂ │ … │ ;

JPEG: Pillow joins APP1 segments in quadratic time and follows them into further pictures, so metadata are cut out
first (the orientation is already read). APP0, ICC and APP14 stay: they decide colours. Scans are counted, because each
one costs a pass over the whole picture: 400 of them in a small file keep a decoder busy for seconds.
GIF: frame 0 only. Pillow joins comments in quadratic time, and accepts a file whose trailer is missing.
BMP: nothing is cut. Pillow unpacks run lengths in Python, a second a megabyte, and does not miss the last padding.

Truncated means that the container's end marker is missing; bytes after the end are allowed. PNG and WebP are walked
to their end by `header.py`; the decoders of TIFF, AVIF and HEIC refuse every cut themselves.
"""

from lexel.errors import Corrupt, MetadataTooLarge, TooLarge, TooManyPixels, Truncated
from lexel.pictures.header import Header, jpeg_segments

MAX_SCANS = 100  # a progressive JPEG has about 10; libvips draws the line here too
MAX_SCANNED = 1_000_000_000  # pixels of all scans together: 20 passes over the largest picture
MAX_BLOCKS = 1_000_000  # of a GIF; 64 MB in full blocks are 260,000
MAX_RUNS = 1_000_000  # bytes of a run-length encoded BMP


def clean(data: bytes, header: Header) -> bytes:
    """`data` as the decoder of `header.format` shall see it.

    Raises `Truncated`, `Corrupt`, `TooManyPixels` for too many scans, `MetadataTooLarge`, `TooLarge`.
    """
    if header.format == "JPEG":
        return _jpeg(data, header)
    if header.format == "GIF":
        return _gif(data)
    if header.format == "BMP":
        _check_bmp(data, header)
    return data


def _jpeg(data: bytes, header: Header) -> bytes:
    kept, scan, components, progressive = [data[:2]], 2, b"", False
    for marker, start, end in jpeg_segments(lambda offset, count: data[offset : offset + count]):
        icc = marker == 0xE2 and data[start + 4 : start + 16] == b"ICC_PROFILE\0"
        metadata = marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE)
        if marker == 0xDA:
            scan = start
        elif icc or not metadata:
            kept.append(data[start:end])
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            components, progressive = data[start + 9 : start + 10], marker in (0xC2, 0xCA)

    one_scan = not progressive and data[scan + 4 : scan + 5] == components
    end = data.rfind(b"\xff\xd9", scan) if one_scan else data.find(b"\xff\xd9", scan)
    if end < 0:
        raise Truncated("the end marker is missing")
    if not one_scan:  # a search through all the bytes, 1 ms a megabyte
        scans = data.count(b"\xff\xda", scan, end)
        if scans > MAX_SCANS or scans * header.size[0] * header.size[1] > MAX_SCANNED:
            raise TooManyPixels(f"{scans} scans over {header.size[1]} × {header.size[0]} pixels")
    return b"".join([*kept, memoryview(data)[scan : end + 2]])


def _gif(data: bytes) -> bytes:
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    kept, framed, blocks = [data[:position]], False, 0
    try:
        while data[position] != 0x3B:
            start, kind, label = position, data[position], data[position + 1]
            if kind == 0x21:
                position += 2
            elif kind == 0x2C:
                colours = data[position + 9]
                position += 11 + (3 << (colours & 7) + 1 if colours & 0x80 else 0)
            else:
                raise Corrupt("neither a frame nor an extension")
            while (size := data[position]) and blocks <= MAX_BLOCKS:
                position += 1 + size
                blocks += 1
            position += 1
            blocks += 1
            if blocks > MAX_BLOCKS:
                raise MetadataTooLarge(f"more than {MAX_BLOCKS:,} blocks")
            if not framed and (kind == 0x2C or label == 0xF9):
                kept.append(data[start:position])
                framed = kind == 0x2C
    except IndexError:
        raise Truncated("the trailer is missing") from None
    return b"".join([*kept, b";"])


def _check_bmp(data: bytes, header: Header) -> None:
    os2 = data[14] == 12
    compression = 0 if os2 else int.from_bytes(data[30:34], "little")
    if compression in (1, 2) and len(data) > MAX_RUNS:
        raise TooLarge(f"{len(data) / 1e6:,.0f} MB of run lengths; the limit is {MAX_RUNS / 1e6:,.0f} MB")
    height, width = header.size
    bits = int.from_bytes(data[24:26] if os2 else data[28:30], "little")
    row = (width * bits + 31) // 32 * 4
    if compression == 0 and int.from_bytes(data[10:14], "little") + row * height > len(data):
        raise Truncated("the file ends before its rows do")
