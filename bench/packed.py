"""A batch of unequal pictures, packed end to end, beside the same batch padded to its largest picture.

    python bench/packed.py [--json FILE]

Sixteen pictures of 7 to 14 patches a side through B/32. Padding is black pixels to the largest height and width, as
code that wants rectangles does it.
"""

import torch
from harness import interleave, report
from towers import pair

PATCH = 32


def main() -> None:
    """Padded, then packed."""
    _, ours = pair("B/32")
    sides = [PATCH * side for side in range(7, 15)]
    unequal = [torch.randn(3, a, b) for a, b in zip(sides, reversed(sides), strict=True) for _ in range(2)]
    padded = torch.zeros(16, 3, max(sides), max(sides))
    for canvas, picture in zip(padded, unequal, strict=True):
        canvas[:, : picture.shape[1], : picture.shape[2]] = picture
    ways = {"padded": lambda: ours.encode_pixels(padded), "packed": lambda: ours.encode_pixels(unequal)}
    with torch.inference_mode():
        report(interleave("B/32, 16 unequal pictures", ways, rounds=5))


if __name__ == "__main__":
    main()
