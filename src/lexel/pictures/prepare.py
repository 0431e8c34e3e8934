"""What a published tower was trained to see: a `Picture` → prepared pixels, and the rectangle that they show.

    upright original        resized              cropped               view, in unit coordinates of the original
    ┌─────────────┐      ┌─────────┐          ┌─┬─────┬─┐
    │             │  ─►  │         │    ─►    │ │░░░░░│ │  ─►  x0 = left / width, x1 = (left + side) / width, …
    └─────────────┘      └─────────┘          └─┴─────┴─┘

    Shortest     the shorter side becomes so long, the longer in proportion, truncated      CLIP
    Longest      the whole picture fits, rounded; what is left over is filled: a letterbox   OpenCLIP "longest"
    LongestEdge  the longer side becomes so long, the shorter in proportion, one half up     SAM
    Within       the longer side becomes no longer than that; a smaller picture stays        autoencoders
    Squash       exactly this size, whatever the aspect                                      SigLIP, ViT
    Area         so many pixels at least and at most, whole cells, the aspect nearly kept    Emu3
    Patches      whole patches, at most so many, the aspect nearly kept                      NaFlex

Equal to the Pillow backend of `transformers` bit by bit: uint8 is resized by Pillow, a crop that is larger than the
picture is filled with black before anything is scaled, and the 256 levels of each channel are scaled and normalised in
the same order and precision. DINOv3 has no such backend: it is resized as floats, equal to exact arithmetic in seven
digits, which the float32 of torch keeps in five.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from PIL import Image

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, padded
from lexel.shapes import Array, Float, Num, UInt8

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

RESIZED_PIXELS = 1 << 26  # a picture 1 × 1,000,000 would become 224 × 224,000,000: beyond this only the crop is made

Size = tuple[int, int]
View = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shortest:
    """The shorter side becomes `edge`, the longer `int(edge · long / short)`."""

    edge: int

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        height, width = size
        longer = int(self.edge * max(size) / min(size))
        return (longer, self.edge) if width <= height else (self.edge, longer)


@dataclass(frozen=True)
class Longest:
    """The largest size of the same aspect inside `size`, each side rounded (to even at one half)."""

    size: Size

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        ratio = max(size[0] / self.size[0], size[1] / self.size[1])
        return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))


@dataclass(frozen=True)
class LongestEdge:
    """The longer side becomes `edge`, the shorter stays in proportion, rounded (up at one half), at least 1."""

    edge: int

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        scale = self.edge / max(size)
        return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))


@dataclass(frozen=True)
class Within:
    """The longer side becomes at most `edge`, the shorter stays in proportion, rounded; no picture grows."""

    edge: int

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        return fit(size, self.edge)


@dataclass(frozen=True)
class Squash:
    """Exactly `size` (height, width); the aspect is lost."""

    size: Size

    def target(self, size: Size) -> Size:
        """`size`, for every picture."""
        return self.size


@dataclass(frozen=True)
class Patches:
    """Sides of whole patches, at most `most` of them; small pictures grow. Found by the bisection of the original.

    A closed form would decide ties differently.
    """

    patch_size: int
    most: int

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        low, high = 1e-6, 100.0
        while high - low >= 1e-5:
            scale = (low + high) / 2
            height, width = self._at(scale, size)
            if (height / self.patch_size) * (width / self.patch_size) <= self.most:
                low = scale
            else:
                high = scale
        return self._at(low, size)

    def _at(self, scale: float, size: Size) -> Size:
        height, width = (max(1, math.ceil(side * scale / self.patch_size)) * self.patch_size for side in size)
        return height, width


@dataclass(frozen=True)
class Area:
    """Sides of whole cells, together `least` to `most` pixels, the aspect nearly kept; the published rule.

    Of a picture like a thread, which the original refuses, the shorter side is one cell.
    """

    cell: int
    least: int
    most: int

    def target(self, size: Size) -> Size:
        """The (height, width) that a picture of (height, width) is resized to."""
        height, width = (round(side / self.cell) * self.cell for side in size)
        if height * width > self.most:
            shrink = math.sqrt(size[0] * size[1] / self.most)
            height, width = (max(1, math.floor(side / shrink / self.cell)) * self.cell for side in size)
        elif height * width < self.least:
            grow = math.sqrt(self.least / (size[0] * size[1]))
            height, width = (math.ceil(side * grow / self.cell) * self.cell for side in size)
        return height, width


Resize = Shortest | Longest | LongestEdge | Within | Squash | Area | Patches


@dataclass(frozen=True)
class Preparation:
    """How one family prepares pictures.

    resize     one of the rules above; None leaves the size
    crop       (height, width) cut from the middle, or filled up to; None: all of it
    rounding   of an odd margin: "down" as `transformers` does, "even" as torchvision and OpenCLIP do
    kernel     Pillow's resampling, antialiased
    fill       level 0–255 of what lies outside the picture
    scale      what a level is multiplied by
    mean, std  of each channel, after that
    pad        (height, width) filled up to below and at the right, with zeros, after all that: the picture lies in
               the upper left corner. None: nothing
    multiple   what divides the sides: the last pixels go on below and at the right until it does
    rounded    whether a resized pixel is rounded to one of the 256 levels; False where the original resizes after it
               has scaled, as DINOv3's does

    `prepare` is all that it does; `tiled` does it to parts of a picture.
    """

    resize: Resize | None
    crop: Size | None = None
    rounding: Literal["down", "even"] = "down"
    kernel: Image.Resampling = Image.Resampling.BICUBIC
    fill: int = 0
    scale: float = 1 / 255
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    pad: Size | None = None
    multiple: int = 1
    rounded: bool = True

    def prepare(self, picture: Picture) -> tuple[Float[Array, "3 H W"], View]:
        """Prepared pixels, float32 in the family's own range, and the rectangle of the original that they show.

        The view is x0 y0 x1 y1 in unit coordinates of the upright original; outside 0…1 where the picture was filled
        up. A picture that was shrunk while it was decoded is prepared to the size that the original would be.
        """
        pixels, view = self.pixels(picture)
        if self.rounded:
            prepared = np.stack([levels[pixels[..., c]] for c, levels in enumerate(self._levels)])
        else:
            prepared = np.stack([self._normalised(pixels[..., c], c) for c in range(3)])
        return (prepared, view) if self.pad is None else _padded(prepared, view, self.pad)

    def tiled(self, picture: Picture, tiles: Size) -> list[tuple[Float[Array, "3 H W"], View]]:
        """`prepare` for each tile of a raster (rows, columns) over the whole picture, row by row: no pixel is left out.

        The picture is stretched to `rows · H` × `columns · W`, where H × W is what the tower sees of a picture, and
        cut, so that tiles meet without a seam. Raises `BadArguments` where that size depends on the picture.
        """
        rows, columns = tiles
        height, width = self._size()
        pixels, _ = replace(self, resize=Squash((rows * height, columns * width)), crop=None, pad=None).prepare(picture)
        return [
            (
                pixels[:, i * height : (i + 1) * height, j * width : (j + 1) * width],
                (j / columns, i / rows, (j + 1) / columns, (i + 1) / rows),
            )
            for i in range(rows)
            for j in range(columns)
        ]

    def pixels(self, picture: Picture) -> tuple[Num[Array, "H W 3"], View]:
        """The same before scaling and padding, 0–255: uint8, or float32 where it is not rounded."""
        height, width = self.resize.target(picture.size) if self.resize else picture.pixels.shape[:2]
        rows, columns = self.crop or (height, width)
        top, left = self._offset(height, rows), self._offset(width, columns)
        inside = max(0, top), max(0, left), min(height, top + rows), min(width, left + columns)
        given = picture.pixels if self.rounded else picture.pixels.astype(np.float32)
        pixels = _resized(given, (height, width), inside, self.kernel)
        if pixels.shape[:2] != (rows, columns):
            canvas = np.full((rows, columns, 3), self.fill, pixels.dtype)
            canvas[inside[0] - top : inside[2] - top, inside[1] - left : inside[3] - left] = pixels
            pixels = canvas
        pixels = padded(pixels, self.multiple)
        rows, columns = pixels.shape[:2]
        return pixels, (left / width, top / height, (left + columns) / width, (top + rows) / height)

    def unprepared(self, prepared: Float[Array, "*HW 3"]) -> UInt8[Array, "*HW 3"]:
        """Prepared numbers, channels last, as the levels that they stand for: rounded, and clipped to 0–255."""
        levels = (prepared * np.array(self.std, np.float32) + np.array(self.mean, np.float32)) / self.scale
        return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)

    def _size(self) -> Size:
        """The size of every prepared picture."""
        if size := self.pad or self.crop:
            return size
        if isinstance(self.resize, Squash):
            return self.resize.size
        raise BadArguments("pictures of every size go into this tower as they are: there is nothing to tile")

    def _offset(self, side: int, crop: int) -> int:
        if self.rounding == "down":
            return (side - crop) // 2
        return round((side - crop) / 2) if side >= crop else -((crop - side) // 2)

    @cached_property
    def _levels(self) -> Float[Array, "3 256"]:
        """What each level of each channel becomes: the arithmetic of 256 numbers instead of a picture's."""
        return np.stack([self._normalised(np.arange(256), c) for c in range(3)])

    def _normalised(self, values: Num[Array, "*any"], channel: int) -> Float[Array, "*any"]:
        scaled = (values.astype(np.float64) * self.scale).astype(np.float32)
        return (scaled - np.float32(self.mean[channel])) / np.float32(self.std[channel])


def _padded(prepared: Float[Array, "3 h w"], view: View, size: Size) -> tuple[Float[Array, "3 H W"], View]:
    """Prepared pixels with zeros below and at the right up to `size`, and the view of them all."""
    (height, width), (rows, columns) = prepared.shape[1:], size
    if rows < height or columns < width:
        raise BadArguments(f"a picture of {height} × {width} is not filled up to {rows} × {columns}: it is larger")
    x0, y0, x1, y1 = view
    canvas = np.zeros((3, rows, columns), np.float32)
    canvas[:, :height, :width] = prepared
    return canvas, (x0, y0, x0 + (x1 - x0) * columns / width, y0 + (y1 - y0) * rows / height)


def _resized(
    pixels: Num[Array, "H W 3"], size: Size, inside: tuple[int, int, int, int], kernel: Image.Resampling
) -> Num[Array, "h w 3"]:
    """The part `inside` (top, left, bottom, right) of `pixels` resized to `size`."""
    top, left, bottom, right = inside
    if pixels.shape[:2] == size:
        return pixels[top:bottom, left:right]
    if size[0] * size[1] <= RESIZED_PIXELS:
        return _resampled(pixels, size, kernel, None)[top:bottom, left:right]
    y, x = pixels.shape[0] / size[0], pixels.shape[1] / size[1]
    box = (left * x, top * y, right * x, bottom * y)  # Pillow keeps it in float32: levels may differ by one
    return _resampled(pixels, (bottom - top, right - left), kernel, box)


def _resampled(
    pixels: Num[Array, "H W *C"], size: Size, kernel: Image.Resampling, box: tuple[float, float, float, float] | None
) -> Num[Array, "h w *C"]:
    """Pillow's resize; of floats channel by channel, because it has no picture of three floats a pixel."""
    if pixels.dtype == np.float32 and pixels.ndim == 3:
        return np.dstack([_resampled(pixels[..., c], size, kernel, box) for c in range(3)])
    return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), kernel, box=box))
