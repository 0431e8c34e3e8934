"""SSIM against scikit-image's, on the same pictures.

    python bench/ssim.py [--json FILE]

Both are called with uint8 RGB; that they agree to 1e-6 is checked first.
"""

import sys

import numpy as np
from harness import interleave, report
from skimage.metrics import structural_similarity

import lexel
from lexel import box
from lexel.measures.pixels import ssim
from lexel.pictures.resize import pillow_bicubic

SIDES = (256, 1024)


def main() -> None:
    """Check that both agree, then time them."""
    [picture] = lexel.read(box.path("astronaut"))
    rows = []
    for side in SIDES:
        a = pillow_bicubic(picture.pixels, (side, side))
        b = np.clip(a + np.random.default_rng(0).integers(-20, 21, a.shape), 0, 255).astype(np.uint8)
        ways = {
            "scikit-image": lambda a=a, b=b: structural_similarity(a, b, channel_axis=2, data_range=255),
            "lexel": lambda a=a, b=b: ssim(a, b),
        }
        theirs, ours = (way() for way in ways.values())
        if abs(theirs - ours) > 1e-6:
            sys.exit(f"{theirs} and {ours}: the comparison means nothing")
        rows += interleave(f"SSIM, {side} × {side}", ways)
    report(rows)


if __name__ == "__main__":
    main()
