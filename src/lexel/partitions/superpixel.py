"""Superpixels: pixels of one colour that lie together, as regions with the outline of things.

    ▦▦▦▦▦▦▦▦       ╭──╮╭───╮
    ▦▦▦▦▦▦▦▦   →   │  ╰╯ ╭─╯     about n regions, each its mean colour
    ▦▦▦▦▦▦▦▦       ╰──╯──╯       SLIC: k-means of colour and place, each centre looking near itself

Paper      Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", TPAMI 34(11)
Kind       tokenizer; not learned; lossy: a region is averaged to one pixel
Needs      nothing
Cost       ten passes of four distances a pixel
Checked by test_pixels_go_to_the_nearest_centre_in_reach, test_regions_are_connected_and_tile_the_picture,
           test_superpixels_lose_no_more_than_those_of_scikit_image
"""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np

from lexel.errors import BadArguments, TokensError
from lexel.partitions._cells import check_sizes, picture_of
from lexel.partitions._components import absorb, components
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, pillow_box
from lexel.shapes import Array, Float, Int, UInt8
from lexel.tokens.labels import LabelMap
from lexel.tokens.meaning import WHOLE, PictureTable, Space, edges
from lexel.tokens.protocols import stage_text
from lexel.tokens.value import Tokens

LONGEST_SIDE = 1024  # pixels; larger pictures are averaged down first
ITERATIONS = 10  # as published: "10 iterations suffices for most images"
SMALLEST = 0.25  # of S², as in the published code: smaller pieces are given to a neighbour

# sRGB → XYZ (D65, 2°) by IEC 61966-2-1, each row divided by the white point
XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
XYZ /= np.array([[0.95047], [1.0], [1.08883]])
ENCODED = np.arange(256) / 255
LINEAR = np.where(ENCODED > 0.04045, ((ENCODED + 0.055) / 1.055) ** 2.4, ENCODED / 12.92).astype(np.float32)


@dataclass(frozen=True, repr=False)
class Superpixel:
    """SLIC superpixels: uint8 `[N, 3]`, the mean colour of each region, with a map of which pixel is whose.

    n             regions asked for, 1 or more. What comes is near it: a grid of n seeds, rounded to whole rows and
                  columns, less what was absorbed. A smooth picture gives fewer
    compactness   how much place counts beside colour: 10 follows edges, 30 and more gives near-squares
    size          longest side to work at (1,024); None for native resolution

    Regions are connected, have a quarter of the area of a seed's cell or more, and come in the order of their first
    pixel. `boxes` are their bounding boxes, `pictures.maps` says which pixel is whose, `mass` is their area in parts
    of the picture's n-th: it sums to n whatever comes. The space is that of `patch(1)`.

    Raises `BadArguments` for n below 1 or a compactness that is not above 0.

        superpixel(196)   →  about 196 tokens of 3
    """

    n: int
    _: KW_ONLY
    compactness: int | float = 10
    size: int | None = LONGEST_SIDE

    __repr__ = stage_text

    def __post_init__(self) -> None:
        check_sizes(self, self.n, self.size)
        number = isinstance(self.compactness, int | float) and not isinstance(self.compactness, bool)
        if not (number and 0 < self.compactness < math.inf):
            raise BadArguments(f"{self!r}: compactness is a number above 0, usually 1 to 100")

    @property
    def space(self) -> Space:
        """One colour."""
        return Space("vectors", 3, digest="rgb 1×1", name="1×1 pixels")

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """Regions of every picture."""
        pictures = list(pictures)
        regions = [self._regions(picture) for picture in pictures]
        counts = [len(region.colour) for region in regions]
        return Tokens(
            data=np.concatenate([np.zeros((0, 3), np.uint8), *(region.colour for region in regions)]),
            boxes=np.concatenate([np.zeros((0, 4), np.float32), *(region.boxes for region in regions)]),
            kind=np.zeros(sum(counts), np.int8),
            mass=np.concatenate([np.zeros(0, np.float32), *(region.mass for region in regions)]),
            level=np.zeros(sum(counts), np.int16),
            splits=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            pictures=PictureTable.of(
                pictures,
                [WHOLE] * len(pictures),
                [(region.labels.height, region.labels.width) for region in regions],
                maps=[region.labels for region in regions],
            ),
            space=self.space,
        )

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """Each region painted in its colour, at the size that was worked at. Merged regions have one colour.

        Raises `TokensError` when tokens were dropped, are of another space, or lost their map.
        """
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        pictures = []
        for b in range(len(tokens)):
            one = tokens[b]
            labels = one.pictures.maps[0] if len(one.pictures.maps) == 1 else None
            if labels is None or (labels.label < 0).any():
                raise TokensError("its regions do not cover it: they were dropped", subject=one.pictures.names[0])
            pictures.append(picture_of(tokens, b, np.rint(one.data).astype(np.uint8)[labels.raster()]))
        return pictures

    def _regions(self, picture: Picture) -> "_Regions":
        height, width = picture.pixels.shape[:2]
        if self.size is not None:
            height, width = fit((height, width), self.size)
        pixels = pillow_box(picture.pixels, (height, width))
        planes = lab(pixels)
        centres, step = seeds(planes, self.n)
        labels = slic(planes, centres, step=step, compactness=self.compactness)
        labels = absorb(components(labels), SMALLEST * step**2)
        area = np.bincount(labels.ravel())
        total = np.stack([np.bincount(labels.ravel(), pixels[..., c].ravel()) for c in range(3)], axis=1).astype(int)
        return _Regions(
            colour=((2 * total + area[:, None]) // (2 * area[:, None])).astype(np.uint8),  # halves rounded up
            boxes=_bounds(labels),
            mass=(area * (self.n / labels.size)).astype(np.float32),
            labels=LabelMap.of(labels),
        )


def lab(pixels: UInt8[Array, "H W 3"]) -> Float[Array, "3 H W"]:
    """CIE L*a*b* of sRGB pixels, float32: L 0–100, a and b about ±100 (D65, 2° observer)."""
    xyz = XYZ.astype(np.float32) @ LINEAR[pixels].reshape(-1, 3).T
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).reshape(3, *pixels.shape[:2])


def seeds(planes: Float[Array, "3 H W"], n: int) -> tuple[Float[Array, "5 K"], float]:
    """Centres (L, a, b, y, x) on a grid of about n, and S, the side of a cell of the grid in pixels.

    Each is moved to the lowest gradient of its 3 × 3 pixels, off an edge that it may stand on; ties stay in the middle.
    """
    _, height, width = planes.shape
    rows = min(height, max(1, round((n * height / width) ** 0.5)))
    columns = min(width, max(1, round(n / rows)))
    y = np.repeat((np.arange(rows) * 2 + 1) * height // (2 * rows), columns)
    x = np.tile((np.arange(columns) * 2 + 1) * width // (2 * columns), rows)
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    gradient = np.square(padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]).sum(axis=0)
    gradient += np.square(padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]).sum(axis=0)
    around = [(0, 0), *((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))]
    ys = np.stack([(y + dy).clip(0, height - 1) for dy, _ in around])
    xs = np.stack([(x + dx).clip(0, width - 1) for _, dx in around])
    best = gradient[ys, xs].argmin(axis=0), np.arange(len(y))
    y, x = ys[best], xs[best]
    return np.concatenate([planes[:, y, x], [y, x]]).astype(np.float64), max(height / rows, width / columns)


def slic(
    planes: Float[Array, "3 H W"], centres: Float[Array, "5 K"], *, step: float, compactness: int | float
) -> Int[Array, "H W"]:
    """The centre that each pixel belongs to after ten rounds of assignment and means; int32.

    A centre without pixels stays where it is.
    """
    labels: Array = np.zeros(planes.shape[1:], np.int32)
    place = np.mgrid[: labels.shape[0], : labels.shape[1]]
    values = [plane.ravel().astype(np.float64) for plane in (*planes, *place)]
    for _ in range(ITERATIONS):
        assign(planes, centres, labels, reach=int(step) + 1, weight=(compactness / step) ** 2)
        count = np.bincount(labels.ravel(), minlength=centres.shape[1])
        sums = np.stack([np.bincount(labels.ravel(), value, minlength=centres.shape[1]) for value in values])
        centres = np.where(count > 0, sums / np.maximum(count, 1), centres)
    return labels


def assign(
    planes: Float[Array, "3 H W"],
    centres: Float[Array, "5 K"],
    labels: Int[Array, "H W"],
    *,
    reach: int,
    weight: float,
) -> None:
    """Write into `labels` the nearest centre of each pixel, of those at most `reach` rows and columns away.

    Nearest by d_lab² + weight · d_yx², in float32; ties go to the lowest centre. A pixel that no centre reaches keeps
    its label: that happens in later rounds only, because seeds reach every pixel. One centre at a time over its
    window: the window stays in the cache, and a pixel is looked at four times, not K times.
    """
    nearest = np.full(labels.shape, np.inf, np.float32)
    rows, columns = (np.arange(side, dtype=np.float32) for side in labels.shape)
    start = np.ceil(centres[3:] - reach).clip(0).astype(int)
    stop = np.floor(centres[3:] + reach).astype(int) + 1
    for k, (top, left, bottom, right) in enumerate(zip(*start.tolist(), *stop.tolist(), strict=True)):
        window = slice(top, bottom), slice(left, right)
        light, a, b, y, x = centres[:, k].astype(np.float32)
        distance = np.square(planes[0][window] - light)
        distance += np.square(planes[1][window] - a)
        distance += np.square(planes[2][window] - b)
        distance += np.square(rows[window[0]] - y)[:, None] * np.float32(weight)
        distance += np.square(columns[window[1]] - x) * np.float32(weight)
        closer = distance < nearest[window]
        np.copyto(nearest[window], distance, where=closer)
        np.copyto(labels[window], k, where=closer)


@dataclass(frozen=True, eq=False)
class _Regions:
    """The regions of one picture."""

    colour: UInt8[Array, "n 3"]
    boxes: Float[Array, "n 4"]
    mass: Float[Array, "n"]
    labels: LabelMap


def _bounds(labels: Int[Array, "H W"]) -> Float[Array, "n 4"]:
    """The box around each region, in the unit square."""
    count = int(labels.max()) + 1
    sides = []
    for raster in (labels.T, labels):  # columns, then rows
        line = np.repeat(np.arange(len(raster)), raster.shape[1])
        first, last = np.full(count, len(raster)), np.zeros(count, int)
        np.minimum.at(first, raster.ravel(), line)
        np.maximum.at(last, raster.ravel(), line)
        edge = edges(0.0, 1.0, len(raster))
        sides.append((edge[first], edge[last + 1]))
    (x0, x1), (y0, y1) = sides
    return np.stack([x0, y0, x1, y1], axis=1)
