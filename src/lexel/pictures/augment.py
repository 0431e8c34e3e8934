"""What training does to pictures, so that no two epochs show the same pixels.

    ┌───────────────┐
    │   ┌───────┐   │          ┌───────┐
    │   │       │   │   ─►     │       │   flipped, turned, in other colors, blurred: each only where it is asked for
    │   └───────┘   │          └───────┘
    └───────────────┘
      crop: a square

Everything follows from the seed: the same seed gives the same bits. Each change has its own draw, so that turning one
on leaves the others as they were. All of it happens on uint8, before a picture is prepared for its tower.

The crop is CLIP's random square, and flips are off, because captions say left and right. A ratio other than 1 leaves a
rectangle, which the preparation then crops or squeezes as it does with every picture: the random resized crop of
classifiers is `ratio=(3 / 4, 4 / 3)` before a tower that squeezes.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.shapes import Array, UInt8

BITS = np.uint64(11)  # of 64 drawn bits, 53 make a float64 below 1


@dataclass(frozen=True)
class Augmentation:
    """Random changes: `Augmentation(flip=0.5)(picture, seed)` is another `Picture` of the same name.

    crop     least and most share of the largest rectangle of that ratio in the picture, 0–1; where it lies is random
    ratio    least and most width ÷ height of the crop, evenly on a scale of factors; None: the picture's own
    flip     how often left and right are exchanged, 0–1
    rotate   degrees at most, either way, 0–180; what comes in from outside continues the edge
    color    brightness, contrast and saturation change by a factor of 1 - color … 1 + color each, 0–1
    hue      share of the colour circle at most, either way, 0–0.5
    gray     how often colours are lost, 0–1
    blur     standard deviation at most, as a share of the shorter side

    Raises `BadArguments` for a number out of its range.
    """

    crop: tuple[float, float] = (0.9, 1.0)
    ratio: tuple[float, float] | None = (1.0, 1.0)
    flip: float = 0.0
    rotate: float = 0.0
    color: float = 0.0
    hue: float = 0.0
    gray: float = 0.0
    blur: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise BadArguments(f"crop goes from a share above 0 up to one of 1 at most, not {self.crop}")
        if self.ratio and not 0 < self.ratio[0] <= self.ratio[1]:
            raise BadArguments(f"ratio goes from a number above 0 up to another, not {self.ratio}")
        for name, most in {"flip": 1, "rotate": 180, "color": 1, "hue": 0.5, "gray": 1, "blur": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise BadArguments(f"{name} is between 0 and {most}, not {getattr(self, name)}")

    def __call__(self, picture: Picture, seed: int) -> Picture:
        """The changed picture; its `size` is that of its pixels, its digest still that of the file.

        seed   from 0
        """
        where, shape, x, y, flip, angle, brightness, contrast, saturation, hue, gray, blur = draws(seed, 12)
        top, left, height, width = self._rectangle(picture.pixels.shape[:2], where, shape, x, y)
        pixels = picture.pixels[top : top + height, left : left + width]
        if flip < self.flip:
            pixels = pixels[:, ::-1]
        if self.rotate:
            pixels = _rotated(pixels, self.rotate * (2 * angle - 1))
        image = Image.fromarray(np.ascontiguousarray(pixels))
        if self.color:
            image = ImageEnhance.Brightness(image).enhance(1 + self.color * (2 * brightness - 1))
            image = ImageEnhance.Contrast(image).enhance(1 + self.color * (2 * contrast - 1))
            image = ImageEnhance.Color(image).enhance(1 + self.color * (2 * saturation - 1))
        if self.hue:
            image = _turned(image, self.hue * (2 * hue - 1))
        if gray < self.gray:
            image = image.convert("L").convert("RGB")
        if self.blur:
            image = image.filter(ImageFilter.GaussianBlur(self.blur * blur * min(image.size)))
        changed = np.array(image)
        changed.setflags(write=False)
        return replace(picture, pixels=changed, size=(height, width))

    def _rectangle(
        self, size: tuple[int, ...], where: float, shape: float, x: float, y: float
    ) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the crop for four draws of 0–1."""
        height, width = size
        low, high = self.ratio or (width / height, width / height)
        ratio = low * (high / low) ** shape
        share = (self.crop[0] + (self.crop[1] - self.crop[0]) * where) ** 0.5
        columns = min(width, max(1, round(share * min(width, height * ratio))))
        rows = min(height, max(1, round(share * min(width, height * ratio) / ratio)))
        return int(y * (height - rows + 1)), int(x * (width - columns + 1)), rows, columns


def draws(seed: int, count: int) -> list[float]:
    """Numbers from 0 to below 1, of raw bits: what NumPy makes of bits may change with its version, they may not."""
    return [bits * 2.0**-53 for bits in (np.random.PCG64(seed).random_raw(count) >> BITS).tolist()]


def _rotated(pixels: UInt8[Array, "H W 3"], degrees: float) -> UInt8[Array, "H W 3"]:
    """Turned about the middle, in a picture of the same size."""
    height, width = pixels.shape[:2]
    diagonal = int(np.hypot(height, width)) + 2
    y, x = (max(0, diagonal - side) // 2 for side in (height, width))
    wide = Image.fromarray(np.pad(pixels, ((y, y), (x, x), (0, 0)), mode="edge"))
    return np.asarray(wide.rotate(degrees, Image.Resampling.BILINEAR))[y : y + height, x : x + width]


def _turned(image: Image.Image, turns: float) -> Image.Image:
    """Every colour moved along the circle by so many turns."""
    colors = np.array(image.convert("HSV"))
    colors[..., 0] += np.uint8(round(turns * 256) % 256)
    return Image.fromarray(colors, "HSV").convert("RGB")
