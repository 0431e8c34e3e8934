"""Whatever a file stores → upright RGB, 8 bits.

    orientation   EXIF 1…8, so that the picture stands as a person sees it
    alpha         composited on white; palettes and colour keys with transparency likewise
    16-bit grey   v >> 8, as Pillow reduces 16-bit colour: grey and colour agree
    I, F          clipped to 0…255, never scaled by their maximum; non-finite is refused
    LAB           D50 → sRGB through ImageCms
    CMYK, YCbCr   Pillow's own rule; Adobe's inverted CMYK arrives upright from its JPEG plug-in
    colour        "encoded": values as stored (published towers were trained so); "srgb": an embedded profile is applied

It works in bands of about a megapixel straight into the upright result, so that its peak is that of the decoder.
"""

import io
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexel.errors import Corrupt, PictureError
from lexel.shapes import Array, UInt8

Color = Literal["encoded", "srgb"]

BAND = 1 << 20  # pixels converted at once

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FROM_THE_END = {3, 4, 6, 7}  # the first stored row becomes the last row or column


def upright_rgb(image: Image.Image, *, orientation: int = 1, color: Color = "encoded") -> UInt8[Array, "H W 3"]:
    """The pixels of a loaded image as a person sees them: uint8 `[H, W, 3]`, read-only, C-contiguous.

    Raises `Corrupt` for values that are not finite.
    """
    width, height = image.size
    to_rgb = _profile(image) if color == "srgb" else _plain
    pixels = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), dtype=np.uint8)
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = _opaque(image.crop((0, top, width, bottom)), to_rgb)
        if orientation in _TURNS:
            band = band.transpose(_TURNS[orientation])
        first, last = (height - bottom, height - top) if orientation in _FROM_THE_END else (top, bottom)
        target = pixels[:, first:last] if orientation >= 5 else pixels[first:last]
        target[...] = np.asarray(band)
    pixels.flags.writeable = False
    return pixels


def array_rgb(array: NDArray[np.generic]) -> UInt8[Array, "H W 3"]:
    """An array as pixels, by the same rules: `[H, W]`, `[H, W, 3]` or `[H, W, 4]` of uint8, uint16 (v >> 8) or bool.

    Raises `PictureError` for other shapes and types. Floats are refused because their range cannot be known: 0…1 and
    0…255 are both common, and to look at the maximum would give two pictures of one scene different rules.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise PictureError(f"an array of shape {array.shape} is no picture; give [H, W], [H, W, 3] or [H, W, 4]")
    if array.dtype == np.bool_:
        values = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype.newbyteorder("=") == np.uint16:
        values = np.right_shift(array, 8).astype(np.uint8)
    elif array.dtype == np.uint8:
        values = array.astype(np.uint8, copy=False)
    else:
        raise PictureError(f"an array of {array.dtype} has no known range; give uint8 0–255, uint16 or bool")
    return upright_rgb(Image.fromarray(np.ascontiguousarray(values)))


ToRGB = Callable[[Image.Image], Image.Image]


def _opaque(band: Image.Image, to_rgb: ToRGB) -> Image.Image:
    """One band as opaque RGB: depth, then colour, then alpha over white."""
    if band.mode in ("I", "F") or band.mode.startswith("I;16"):
        band = _eight_bits(band)
    key = band.info.get("transparency")
    if band.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        del band.info["transparency"]  # the key of a 16-bit PNG, whose low bytes Pillow has dropped: nothing to compare
    if not band.has_transparency_data:
        return to_rgb(band)
    grey = band.mode in ("1", "L", "LA", "La")
    band = band.convert("LA" if grey else "RGBA")
    canvas = Image.new("RGB", band.size, "white")
    canvas.paste(to_rgb(band.getchannel("L") if grey else band.convert("RGB")), mask=band.getchannel("A"))
    return canvas


def _eight_bits(band: Image.Image) -> Image.Image:
    values, key = np.asarray(band), band.info.get("transparency")
    if band.mode.startswith("I;16"):
        grey = (values >> 8).astype(np.uint8)
    elif not np.isfinite(values).all():
        raise Corrupt("values that are not finite")
    else:
        grey = values.clip(0, 255).astype(np.uint8)
    image = Image.fromarray(grey)
    if isinstance(key, int):
        image.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return image


def _plain(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def _profile(image: Image.Image) -> ToRGB:
    """The conversion by the embedded profile; one that is absent, broken or of another kind of colour is ignored."""
    embedded = image.info.get("icc_profile")
    if not embedded:
        return _plain
    from PIL import ImageCms  # 5 ms, and few callers ask for it

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        space = profile.profile.xcolor_space.strip()
        mode = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}[space]
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, KeyError):
        return _plain

    def convert(band: Image.Image) -> Image.Image:
        if mode == "L" and band.mode == "1":
            band = band.convert("L")
        elif mode == "RGB" and band.mode in ("P", "RGBX", "YCbCr", "L", "1"):
            band = band.convert("RGB")
        if band.mode != mode:
            return _plain(band)
        return ImageCms.applyTransform(band, transform) or _plain(band)

    return convert
