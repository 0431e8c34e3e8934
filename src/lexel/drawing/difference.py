"""How far a picture that was given back is from the original: PSNR, and where the errors are."""

import numpy as np
from PIL import Image, ImageChops

from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, UInt8


def psnr(original: Picture, back: Picture) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels; infinite where both are equal.

    Measured at the size of `original`: another size is brought to it with Pillow's bicubic, so that what a tokenizer
    lost by working at a smaller size counts.
    """
    counts = np.array(Image.fromarray(difference(original, back)).histogram(), np.int64).reshape(3, 256).sum(axis=0)
    error = float(counts @ np.arange(256) ** 2) / original.pixels.size
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def difference(original: Picture, back: Picture) -> UInt8[Array, "H W 3"]:
    """|original − back|, 0–255, at the size of `original`."""
    height, width = original.pixels.shape[:2]
    resized = pillow_bicubic(back.pixels, (height, width))
    return np.asarray(ImageChops.difference(Image.fromarray(original.pixels), Image.fromarray(resized)))


def decibels(value: float) -> str:
    """`31.4 dB`, or `exact` for infinity."""
    return "exact" if np.isinf(value) else f"{value:.1f} dB"
