"""SLIC superpixels in NumPy against scikit-image's compiled ones, on the same pictures at the same size.

    python bench/superpixel.py [--json FILE]

Both do ten rounds with compactness 10 and join small pieces; scikit-image looks at windows of four times the area.
Pictures have a longest side of 1,024, at which lexel works. That lexel's regions lose no more of a picture is
checked first: else the comparison would mean nothing.
"""

import sys

import numpy as np
from harness import interleave, report
from numpy.typing import NDArray
from skimage.segmentation import slic

import lexel
from lexel import box
from lexel.partitions.superpixel import LONGEST_SIDE, Superpixel
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic

NAMES = ("astronaut", "coffee")
COUNTS = (196, 1024)


def main() -> None:
    """Check that both lose about the same, then time them."""
    pictures = [enlarged(picture) for picture in lexel.read([box.path(name) for name in NAMES])]
    rows = []
    for count in COUNTS:
        ours, theirs = error(pictures, count), their_error(pictures, count)
        if ours > 1.05 * theirs:
            sys.exit(f"errors of {ours:.0f} and {theirs:.0f} for {count}: the comparison means nothing")
        rows += interleave(
            f"superpixel({count}), {LONGEST_SIDE} pixels",
            {
                "scikit-image": lambda count=count: [labels(picture, count) for picture in pictures],
                "lexel": lambda count=count: Superpixel(count).tokenize(pictures),
            },
            rounds=7,
        )
    report(rows)


def enlarged(picture: Picture) -> Picture:
    """The picture with a longest side of 1,024."""
    height, width = picture.pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    size = round(height * scale), round(width * scale)
    return Picture(pillow_bicubic(picture.pixels, size), picture.name, size, picture.digest)


def labels(picture: Picture, count: int) -> NDArray[np.int64]:
    """The regions of scikit-image."""
    regions: NDArray[np.int64] = slic(picture.pixels, n_segments=count, compactness=10, start_label=0)
    return regions


def error(pictures: list[Picture], count: int) -> float:
    """Mean squared error of lexel's mean colours, times their number."""
    tokens = Superpixel(count).tokenize(pictures)
    back = Superpixel(count).detokenize(tokens)
    errors = [np.square(a.pixels.astype(float) - b.pixels).mean() for a, b in zip(pictures, back, strict=True)]
    return float(np.mean(errors * tokens.counts))


def their_error(pictures: list[Picture], count: int) -> float:
    """The same of scikit-image's."""
    errors = []
    for picture in pictures:
        regions = labels(picture, count)
        area = np.bincount(regions.ravel())
        sums = [np.bincount(regions.ravel(), picture.pixels[..., c].ravel()) for c in range(3)]
        means = np.stack(sums, axis=1) / area[:, None]
        errors.append(np.square(picture.pixels - means[regions]).mean() * len(area))
    return float(np.mean(errors))


if __name__ == "__main__":
    main()
