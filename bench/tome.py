"""Token merging inside B/16, beside what its multiply-adds promise; in float32 and in bfloat16.

    python bench/tome.py [--only float32] [--json FILE]

ToMe takes 13 tokens after the attention of each of the 12 layers, 16 pictures at once. The plain tower is 1.00 ×; the
promise stands in the name of the comparison, and the printed percentage is the promise over what was reached.
"""

import torch
from harness import Row, interleave, report, wanted
from towers import drawn, halved, pair

from lexel.reducers.tome import ToMe

WIDTH, DEPTH, R, BATCH = 768, 12, 13, 16


def main() -> None:
    """Both precisions."""
    _, ours = pair("B/16")
    pixels = drawn(BATCH)
    rows: list[Row] = []
    for dtype, model in (("float32", ours), ("bfloat16", halved(ours))):
        what = f"B/16 {dtype}, promised {promise():.3f}"
        if wanted(what):
            merging = model.inside(ToMe(r=R))
            ways = {
                "plain": lambda model=model: model.encode_pixels(pixels),
                f"tome(r={R})": lambda merging=merging: merging.encode_pixels(pixels),
            }
            with torch.inference_mode():
                rows += interleave(what, ways, rounds=3)
    report(rows)
    for row in rows[1::2]:
        low, reached, high = (promise() / ratio for ratio in (row.high, row.ratio, row.low))
        print(f"{row.what}: {reached:.1%} of the promise ({low:.1%} – {high:.1%})")


def promise() -> float:
    """The part of the multiply-adds of B/16 that is left when R tokens go after the attention of every layer."""

    def cost(r: int) -> float:
        tokens, total = 197, 0
        for _ in range(DEPTH):
            total += 4 * tokens * WIDTH**2 + 2 * tokens**2 * WIDTH
            tokens -= min(r, (tokens - 1) // 2)
            total += 8 * tokens * WIDTH**2
        return total

    return cost(R) / cost(0)


if __name__ == "__main__":
    main()
