"""The floor: how fast this machine multiplies matrices, by every way that torch has.

    python bench/products.py [--only float32] [--json FILE]

The largest product of a B-sized tower, `[rows, 768] × [768, 3072]`, for 1,600 rows (32 pictures of B/32) and for 50
(one). No tower is faster than its products; one that needs twice the rate of this table cannot be had here.
"""

import torch
from harness import Row, interleave, report, wanted

from lexel.kernels.linear import linear

WIDTH, HIDDEN = 768, 3072


def main() -> None:
    """Both sizes in both precisions."""
    rows: list[Row] = []
    for dtype in (torch.float32, torch.bfloat16):
        for count in (1600, 50):
            what = f"{count:,} rows, {str(dtype).removeprefix('torch.')}"
            if wanted(what):
                rows += products(what, count, dtype)
    report(rows)


def products(what: str, count: int, dtype: torch.dtype) -> list[Row]:
    """Every way on the same numbers."""
    x, weight, bias = (torch.randn(*size).to(dtype) for size in ((count, WIDTH), (HIDDEN, WIDTH), (HIDDEN,)))
    image, kernel = x[None, None].permute(0, 3, 1, 2), weight[:, :, None, None]
    ways = {
        "torch.mm": lambda: torch.mm(x, weight.T),
        "torch's linear": lambda: torch.nn.functional.linear(x, weight, bias),
        "oneDNN linear": lambda: torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""),
        "1×1 convolution": lambda: torch.nn.functional.conv2d(image, kernel, bias),
        "lexel": lambda: linear(x, weight, bias),
    }
    with torch.inference_mode():
        return interleave(what, ways, rounds=15, work=2.0 * count * WIDTH * HIDDEN)


if __name__ == "__main__":
    main()
