"""Quadtree: large patches where nothing happens, small ones where it does.

    ┌───────┬───┬───┐
    │       │   │   │     a square is split while its pixels say much:
    │       ├───┼─┬─┤     entropy of the grey histogram, in bits
    │       │   ├─┼─┤
    └───────┴───┴─┴─┘     coarse squares are asked first

Paper      Choudhury et al. 2025, arXiv 2510.18091 (APT: content-adaptive patches)
Kind       tokenizer; not learned; lossy: a leaf is its square averaged down to the smallest patch
Needs      nothing
Cost       a histogram a patch; O(pixels)
Checked by test_leaves_tile_the_picture_exactly, test_thresholds_equal_the_published_masks,
           test_a_budget_gives_the_nearest_feasible_number
"""

import heapq
import warnings
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np

from lexel.errors import BadArguments, TokensError
from lexel.partitions._cells import cells, check_sizes, cropped, picture_of
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, padded, pillow_box
from lexel.shapes import Array, Bool, Float, Num, UInt8
from lexel.tokens.meaning import PictureTable, Space, edges
from lexel.tokens.protocols import stage_text
from lexel.tokens.value import Tokens

THRESHOLD = 5.5  # bits; the published training default, beyond which accuracy starts to fall
LONGEST_SIDE = 1024  # pixels; larger pictures are averaged down first, so that thresholds keep their meaning


@dataclass(frozen=True, repr=False)
class Quadtree:
    """Leaves of a quadtree: uint8 `[N, min·min·3]`, with `level`, `mass` and the column `entropy`.

    min, max    sides of the smallest and largest square in pixels; max = min · 2^k
    threshold   bits. A square is a leaf where its entropy is below; one number, or one a scale from the smallest
                upwards as published: `threshold=(6.0, 4.0)` for 32 and 64
    budget      instead: this many tokens a picture, spent where entropy · area is largest. Each split adds three
                tokens, so the nearest feasible number is given, with a warning where it is not the one asked for
    size        longest side to work at (1,024); None for native resolution

    Squares that reach over the edge of the picture are always split, as published, down to the smallest, which are
    padded with their last pixel and whose boxes are clipped. Leaves come from the smallest scale to the largest, row
    by row. Entropies of different scales do not compare well: p² pixels have at most log2 p² bits.

    Raises `BadArguments` where max is no power of two times min, or threshold and budget are both given.

        quadtree(16, 64) on a clear sky   →  few tokens; on foliage → nearly patch(16)
    """

    min: int
    max: int
    _: KW_ONLY
    threshold: float | tuple[float, ...] | None = None
    budget: int | None = None
    size: int | None = LONGEST_SIDE

    __repr__ = stage_text

    def __post_init__(self) -> None:
        check_sizes(self, self.min, self.max, self.budget, self.size)
        ratio = self.max // self.min
        if ratio * self.min != self.max or ratio & (ratio - 1):
            raise BadArguments(f"{self!r}: max is min times a power of two ({self.min}, {2 * self.min}, …)")
        if self.threshold is not None and self.budget is not None:
            raise BadArguments(f"{self!r}: a threshold or a budget, not both")
        if isinstance(self.threshold, tuple) and len(self.threshold) != self.scales - 1:
            raise BadArguments(f"{self!r}: {self.scales} scales take {self.scales - 1} thresholds, smallest first")

    @property
    def scales(self) -> int:
        """How many sizes of squares there are."""
        return (self.max // self.min).bit_length()

    @property
    def space(self) -> Space:
        """Raw pixels of the smallest patch: the space of `patch(min)`."""
        return Space(
            "vectors", self.min**2 * 3, digest=f"rgb {self.min}×{self.min}", name=f"{self.min}×{self.min} pixels"
        )

    def tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        """Leaves of every picture."""
        pictures = list(pictures)
        return _assemble(self, pictures, [self._leaves(picture) for picture in pictures])

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """Each leaf painted over its square, at the size that was worked at. What a leaf averaged away is lost.

        Raises `TokensError` when tokens were merged, dropped or are of another space.
        """
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        return [
            picture_of(tokens, b, cropped(_painted(tokens, b, self.min), tokens.pictures.views[b]))
            for b in range(len(tokens))
        ]

    def _leaves(self, picture: Picture) -> "_Leaves":
        height, width = picture.pixels.shape[:2]
        if self.size is not None:
            height, width = fit((height, width), self.size)
        pixels = pillow_box(picture.pixels, (height, width))
        square = padded(pixels, self.max)
        entropy = entropies(square, self.min, self.scales)
        within = [_within(e.shape, self.min << scale, height, width) for scale, e in enumerate(entropy)]
        within[0] = _within(entropy[0].shape, self.min, height + self.min - 1, width + self.min - 1)  # may be clipped
        if self.budget is None:
            given = THRESHOLD if self.threshold is None else self.threshold
            thresholds = given if isinstance(given, tuple) else (given,) * (self.scales - 1)
            leaves = by_threshold(entropy, within, thresholds)
        else:
            leaves = by_budget(entropy, within, self.budget)
        return _Leaves(
            leaves,
            [e[leaf] for e, leaf in zip(entropy, leaves, strict=True)],
            _averaged(square, leaves, self.min),
            height,
            width,
        )


def entropies(pixels: UInt8[Array, "H W 3"], smallest: int, scales: int) -> list[Float[Array, "_ _"]]:
    """Entropy in bits of every square of every scale, smallest first; sides divide by the largest.

    Grey is 0.2989 R + 0.5870 G + 0.1140 B, in 512 bins over 0…256, in whole numbers: the same on every machine. The
    published 1e-10 inside the logarithm is left out, so that a flat square has exactly 0 bits and is not below 0.
    """
    largest = smallest << (scales - 1)
    strips: list[list[Array]] = [[] for _ in range(scales)]
    columns = pixels.shape[1] // smallest
    cell = (np.arange(largest) // smallest * columns)[:, None] + np.arange(pixels.shape[1]) // smallest
    for top in range(0, len(pixels), largest):  # strip by strip: histograms of a whole picture would not fit a cache
        strip = pixels[top : top + largest].astype(np.int32)
        bins = (2989 * strip[..., 0] + 5870 * strip[..., 1] + 1140 * strip[..., 2]) // 5000
        counts = np.bincount((cell * 512 + bins).ravel(), minlength=largest // smallest * columns * 512)
        counts = counts.reshape(largest // smallest, columns, 512)
        for scale in range(scales):
            if scale:
                counts = _quartered(counts)
            strips[scale].append(_bits((smallest << scale) ** 2)[counts].sum(axis=2))
    return [np.concatenate(rows) for rows in strips]


def by_threshold(
    entropy: list[Float[Array, "_ _"]], within: list[Bool[Array, "_ _"]], thresholds: tuple[float, ...]
) -> list[Bool[Array, "_ _"]]:
    """The leaves of each scale: squares below their threshold that no larger leaf covers, the largest asked first."""
    leaves = [within[0]]
    covered = np.zeros(entropy[-1].shape, bool)
    for scale in range(len(entropy) - 1, 0, -1):
        leaf = within[scale] & (entropy[scale] < thresholds[scale - 1]) & ~covered
        leaves.insert(1, leaf)
        covered = (covered | leaf).repeat(2, axis=0).repeat(2, axis=1)
    leaves[0] = within[0] & ~covered
    return leaves


def by_budget(
    entropy: list[Float[Array, "_ _"]], within: list[Bool[Array, "_ _"]], budget: int
) -> list[Bool[Array, "_ _"]]:
    """Leaves, as near to `budget` as splits of one square into four allow: the greedy one of entropy · area."""
    leaves = by_threshold(entropy, within, (np.inf,) * (len(entropy) - 1))
    heap = [
        (-entropy[scale][row, column] * 4**scale, -scale, row, column)
        for scale in range(1, len(entropy))
        for row, column in np.argwhere(leaves[scale]).tolist()
    ]
    heapq.heapify(heap)
    for _ in range(round((budget - sum(int(leaf.sum()) for leaf in leaves)) / 3)):
        if not heap:
            break
        _, negative, row, column = heapq.heappop(heap)
        scale = -negative - 1
        leaves[scale + 1][row, column] = False
        leaves[scale][2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = True
        if scale:
            for r, c in ((0, 0), (0, 1), (1, 0), (1, 1)):
                r, c = 2 * row + r, 2 * column + c
                heapq.heappush(heap, (-entropy[scale][r, c] * 4**scale, -scale, r, c))
    return leaves


@dataclass(frozen=True, eq=False)
class _Leaves:
    """The tree of one picture: a mask, entropies and averaged pixels a scale, and the size that was worked at."""

    masks: list[Bool[Array, "_ _"]]
    entropy: list[Float[Array, "_"]]
    data: list[UInt8[Array, "_ D"]]
    height: int
    width: int


def _assemble(stage: Quadtree, pictures: list[Picture], trees: list[_Leaves]) -> Tokens:
    side, boxes, views, grids = stage.min, [np.zeros((0, 4), np.float32)], [], []
    for tree in trees:
        h, w = -(-tree.height // side), -(-tree.width // side)
        views.append((0.0, 0.0, w * side / tree.width, h * side / tree.height))
        grids.append((h, w))
        x, y = edges(0.0, views[-1][2], w), edges(0.0, views[-1][3], h)
        for scale, mask in enumerate(tree.masks):
            row, column = (np.argwhere(mask) << scale).T
            end = [np.minimum(at + (1 << scale), n) for at, n in ((column, w), (row, h))]
            boxes.append(np.stack([x[column], y[row], x[end[0]], y[end[1]]], axis=1))
    counts = [sum(len(data) for data in tree.data) for tree in trees]
    far = [b for b, count in enumerate(counts) if stage.budget not in (None, count)]
    if far:
        warnings.warn(
            f"{stage!r}: {pictures[far[0]].name} gets {counts[far[0]]} tokens, the nearest feasible number"
            + (f", and {len(far) - 1} more pictures another than asked for" if len(far) > 1 else ""),
            stacklevel=3,
        )
    level = np.array([scale for tree in trees for scale, data in enumerate(tree.data) for _ in data], np.int16)
    return Tokens(
        data=np.concatenate([np.zeros((0, stage.space.width), np.uint8), *(x for tree in trees for x in tree.data)]),
        boxes=np.concatenate(boxes),
        kind=np.zeros(len(level), np.int8),
        mass=np.float32(4) ** level.astype(np.float32),
        level=level,
        splits=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        pictures=PictureTable.of(pictures, views, grids),
        space=stage.space,
        columns={
            "entropy": np.concatenate([np.zeros(0), *(e for tree in trees for e in tree.entropy)]).astype(np.float32)
        },
    )


def _painted(tokens: Tokens, b: int, side: int) -> UInt8[Array, "H W 3"]:
    one, (h, w), (_, _, x1, y1) = tokens[b], tokens.pictures.grids[b], tokens.pictures.views[b]
    if one.mass.sum() != h * w or not (one.mass == 4.0**one.level).all():
        raise TokensError("its leaves do not tile it: they were merged or dropped", subject=tokens.pictures.names[b])
    canvas = np.empty((h * side, w * side, 3), np.uint8)
    column, row = np.rint(one.boxes[:, 0] / x1 * w).astype(int), np.rint(one.boxes[:, 1] / y1 * h).astype(int)
    for leaf, y, x, level in zip(
        one.data.reshape(-1, side, side, 3), row * side, column * side, one.level, strict=True
    ):
        square = leaf.repeat(1 << level, axis=0).repeat(1 << level, axis=1)
        canvas[y : y + len(square), x : x + len(square)] = square
    return canvas


def _averaged(pixels: UInt8[Array, "H W 3"], leaves: list[Bool[Array, "_ _"]], side: int) -> list[UInt8[Array, "_ D"]]:
    """The leaves of each scale averaged down to side × side, halves rounded up."""
    data, total = [], pixels.astype(np.uint32)
    for scale, leaf in enumerate(leaves):
        if scale:
            total = _quartered(total)
        mean = ((total + (4**scale >> 1)) >> (2 * scale)).astype(np.uint8)
        data.append(cells(mean, side)[leaf].reshape(int(leaf.sum()), side * side * 3))
    return data


def _quartered(x: Num[Array, "H W *rest"]) -> Num[Array, "h w *rest"]:
    """Sums of 2 × 2 squares; ten times faster as three additions than as one reduction over two axes."""
    return x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]


def _within(shape: tuple[int, ...], side: int, height: int, width: int) -> Bool[Array, "h w"]:
    mask = np.zeros(shape, bool)
    mask[: height // side, : width // side] = True
    return mask


def _bits(pixels: int) -> Float[Array, "n"]:
    """−q·log2 q for every count of so many pixels."""
    q = np.arange(pixels + 1) / pixels
    q[0] = 1  # an empty bin says nothing
    return -q * np.log2(q) + 0.0
