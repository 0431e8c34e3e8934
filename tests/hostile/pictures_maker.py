"""A seeded set of hostile pictures and archives: what each is, and what must become of it.

    made(seed)  →  [(name, bytes, "accept" | "reject" | "either"), …]

"reject" is failed or skipped by name; "either" may be decoded or refused, but never crashes. `bombs` are small files
that ask for much time or memory.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from pictures.samples import SOI, chunk, encode, exif, gif, photo, png, segment, tar, tiff, zipped
from PIL import Image

Entry = tuple[str, bytes, str]
FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}
HTML = b"<html><script>alert(1)</script></html>"


def made(seed: int) -> list[Entry]:
    rnd = random.Random(seed)
    return [*legal(), *polyglots(), *damaged(rnd), *no_pictures(rnd), *archives()]


def legal() -> Iterator[Entry]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"png_{mode.replace(';', '')}.png", encode(photo(mode="L").convert(mode), "PNG"), "accept"
    for mode in ("1", "L", "RGB", "CMYK", "F", "I", "LAB"):
        image = Image.merge("LAB", photo().split()) if mode == "LAB" else photo(mode="L").convert(mode)
        yield f"tiff_{mode}.tif", encode(image, "TIFF"), "accept"
    for mode in ("L", "RGB", "CMYK"):
        yield f"jpeg_{mode}.jpg", encode(photo(mode=mode), "JPEG"), "accept"
    for orientation in (*range(10), 99):
        yield f"jpeg_turned_{orientation}.jpg", encode(photo(), "JPEG", exif=exif(orientation)), "accept"
    for height, width in ((1, 1), (1, 3000), (3000, 1), (7, 5)):
        yield f"png_{height}x{width}.png", encode(Image.new("RGB", (width, height)), "PNG"), "accept"
    yield "jpeg_php.jpg", encode(photo(), "JPEG", comment=b"<?php system($_GET[0]); ?>"), "accept"


def polyglots() -> Iterator[Entry]:
    for name, suffix in FORMATS.items():
        data = encode(photo(), name)
        yield f"{suffix}_and_zip.{suffix}", data + zipped([("x.txt", b"hi")]), "accept"
        yield f"{suffix}_and_html.{suffix}", data + HTML, "accept"
        yield f"{suffix}_called_html.html", data, "accept"
    yield "pdf_and_jpeg.jpg", b"%PDF-1.4\n" + encode(photo(), "JPEG"), "reject"
    yield "pickle_and_png.png", b'cposix\nsystem\n(S"true"\ntR.' + encode(photo(), "PNG"), "reject"


def damaged(rnd: random.Random) -> Iterator[Entry]:
    for name, suffix in FORMATS.items():
        data = encode(photo(), name)
        for number in range(8):
            yield f"cut_{number}.{suffix}", data[: rnd.randrange(1, len(data) - 1)], "reject"
        for number in range(15):
            flipped = bytearray(data)
            for _ in range(rnd.choice((1, 2, 8, 64))):
                flipped[rnd.randrange(len(flipped))] = rnd.randrange(256)
            yield f"flipped_{number}.{suffix}", bytes(flipped), "either"
        yield f"spliced.{suffix}", data[: len(data) // 2] + rnd.randbytes(200) + data[len(data) // 3 :], "either"


def no_pictures(rnd: random.Random) -> Iterator[Entry]:
    yield "empty.jpg", b"", "reject"
    yield "one_byte.png", b"\x89", "reject"
    for suffix, magic in (("jpg", b"\xff\xd8\xff"), ("png", b"\x89PNG\r\n\x1a\n"), ("gif", b"GIF89a"), ("bmp", b"BM")):
        yield f"magic_only.{suffix}", magic, "reject"
    yield "magic_only.webp", b"RIFF\0\0\0\0WEBP", "reject"
    yield "random.jpg", rnd.randbytes(4096), "reject"
    yield "zeros.jpg", bytes(4096), "reject"
    yield "postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (r) file\n", "reject"
    yield "elf.png", b"\x7fELF" + bytes(60), "reject"
    yield "film.avif", b"\0\0\0\x18ftypisom" + bytes(40), "reject"
    yield (
        "script.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("http://127.0.0.1")</script></svg>',
        "reject",
    )
    yield "page.jpg", HTML, "reject"


def archives() -> Iterator[Entry]:
    data = encode(photo(), "JPEG")
    yield "slip.tar", tar([("../../evil.jpg", data), ("/tmp/evil.jpg", data)]), "accept"
    yield "slip.zip", zipped([("../../evil.jpg", data), ("C:\\evil.jpg", data)]), "accept"
    yield "link.tar", tar([("a.jpg", b"")], type=b"2", linkname="/etc/passwd"), "reject"
    yield "cut.tar", tar([("a.jpg", data)])[:700], "reject"
    yield "empty.tar.gz", tar([], "w:gz"), "reject"
    yield "text.zip", b"text", "reject"


def bombs() -> Iterator[Entry]:
    """Each is refused, or cheap."""
    yield "png_900_megapixels.png", png(30_000, 30_000), "reject"
    yield "png_2e9.png", png(2**31 - 1, 2**31 - 1), "reject"
    unpacks = zlib.compress(bytes(64 << 20), 9)
    yield "png_text.png", png(8, 8, before=chunk(b"zTXt", b"k\0\0" + unpacks)), "reject"
    yield "png_profile.png", png(8, 8, before=chunk(b"iCCP", b"icc\0\0" + unpacks)), "reject"
    yield "png_texts.png", png(8, 8, before=chunk(b"tEXt", b"k\0v") * 20_000), "either"
    yield "png_chunks.png", png(8, 8, before=chunk(b"IDAT", b"") * 100_000), "reject"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\2\2\x44\1\0"
    yield "gif_screen.gif", gif(frame, width=65_535, height=65_535), "reject"
    yield "gif_comments.gif", gif((b"\x21\xfe\xff" + bytes(255) + b"\0") * 40_000 + frame), "reject"
    yield "gif_frames.gif", gif(frame * 20_000), "either"
    jpeg = encode(photo(1500, 1500), "JPEG", progressive=True)
    first = jpeg.index(b"\xff\xda")
    second = jpeg.index(b"\xff\xda", first + 1)
    yield "jpeg_scans.jpg", jpeg[:-2] + jpeg[first:second] * 400 + jpeg[-2:], "reject"
    yield "jpeg_exif.jpg", SOI + segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 300 + jpeg[2:], "accept"
    yield "jpeg_profile.jpg", SOI + segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(65_000)) * 255 + jpeg[2:], "accept"
    large = jpeg.index(b"\xff\xc2")
    yield "jpeg_4e9.jpg", jpeg[: large + 5] + struct.pack(">HH", 65_500, 65_500) + jpeg[large + 9 :], "reject"
    yield "avif_30_megapixels.avif", encode(Image.new("RGB", (5_500, 5_500)), "AVIF", speed=10, quality=20), "reject"
    yield "webp_36_megapixels.webp", encode(Image.new("RGB", (6_000, 6_000)), "WEBP", lossless=True, method=0), "reject"
    runs = struct.pack("<IHHIIiiHHI", 0, 0, 0, 1_078, 40, 7_000, 7_000, 1, 8, 1) + bytes(20 + 1_024)
    yield "bmp_runs.bmp", b"BM" + runs + b"\1\7" * 3_000_000, "reject"
    eight = {256: (4, 1, 8), 257: (4, 1, 8), 258: (3, 1, 8), 262: (3, 1, 1), 273: (4, 1, 8), 277: (3, 1, 1)}
    yield (
        "tiff_tile.tif",
        tiff({**eight, 322: (4, 1, 40_000), 323: (4, 1, 40_000), 324: (4, 1, 8)}, bytes(99)),
        "reject",
    )
    yield "tiff_strips.tif", tiff({**eight, 273: (4, 15_000_000, 8), 279: (4, 15_000_000, 8)}, bytes(99)), "reject"
    yield "tiff_loop.tif", tiff(eight)[:-4] + struct.pack("<I", 8) + bytes(99), "either"
    yield "many.tar", tar((f"{i}.txt", b"") for i in range(5_000)), "reject"
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    endless = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(70)) + zeros.flush()
    yield "zeros.tar.gz", endless, "reject"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", bytes(70_000_000))
    yield "zip_70_megabytes.zip", buffer.getvalue(), "reject"
    yield "zip_in_zip.zip", zipped((f"{i}.zip", buffer.getvalue()) for i in range(16)), "reject"
