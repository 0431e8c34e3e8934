"""Image towers against `transformers`: pictures a second, and what merging tokens inside is worth.

    python bench/towers.py [--json FILE]

Weights are random, drawn wide enough that every activation is at work, saved by `transformers` and loaded by lexel; the
two must agree before anything is timed. In the table less than 1.00 × is faster. Expected on two cores whose processor
multiplies bfloat16 itself: B/32 at batch 32 in float32 half the time or less, in bfloat16 a quarter.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from harness import Row, interleave, report
from transformers import CLIPVisionConfig, CLIPVisionModel

from lexel.loading.load import load
from lexel.reducers.tome import ToMe
from lexel.towers._dual import Dual

Way = Callable[[torch.Tensor], object]
WIDTH, DEPTH, R = 768, 12, 13


def main() -> None:
    """B/32 at batch 1, 8 and 32; unequal pictures packed and padded; ToMe inside B/16."""
    theirs, ours = pair(patch_size=32)
    half = halved(ours)
    rows: list[Row] = []
    for batch in (1, 8, 32):
        ways = {"transformers": theirs, "lexel": ours.encode_pixels, "lexel bf16": half.encode_pixels}
        rows += timed(f"B/32, batch {batch}", ways, drawn(batch), rounds=5 + 10 // batch)
    rows += packed(ours)
    rows += merging()
    report(rows)


def merging() -> list[Row]:
    """ToMe in every layer of B/16, beside what its multiply-adds promise."""
    _, ours = pair(patch_size=16)
    rows = []
    for model in (ours, halved(ours)):
        dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
        ways = {"plain": model.encode_pixels, f"tome(r={R})": model.inside(ToMe(r=R)).encode_pixels}
        rows += timed(f"B/16 {dtype}, promised {1 / promise():.3f}", ways, drawn(16), rounds=5)
    return rows


def packed(model: Dual) -> list[Row]:
    """Sixteen pictures of 60 to 197 tokens: one packed batch, and the same padded with black to the largest."""
    sides = [32 * side for side in range(7, 15)]
    unequal = [torch.randn(3, a, b) for a, b in zip(sides, reversed(sides), strict=True) for _ in range(2)]
    padded = torch.zeros(16, 3, max(sides), max(sides))
    for canvas, picture in zip(padded, unequal, strict=True):
        canvas[:, : picture.shape[1], : picture.shape[2]] = picture
    ways = {"padded": lambda: model.encode_pixels(padded), "packed": lambda: model.encode_pixels(unequal)}
    with torch.inference_mode():
        return interleave("B/32, 16 unequal pictures", ways, rounds=7)


def pair(*, patch_size: int) -> tuple[Way, Dual]:
    """The same weights in both libraries. Ends the program where they do not give the same tokens."""
    config = CLIPVisionConfig(patch_size=patch_size, num_hidden_layers=DEPTH)
    peer = CLIPVisionModel(config).eval().requires_grad_(False)
    for parameter in peer.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    with TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        ours = load(Path(folder), dtype="float32", device="cpu")
    pixels = drawn(2)
    expected = peer(pixels).last_hidden_state.flatten(0, 1)
    if (ours.encode_pixels(pixels).x - expected).abs().max() > 1e-5 * expected.abs().max():
        sys.exit("the two towers give different tokens: the comparison means nothing")
    return peer, ours


def halved(model: Dual) -> Dual:
    """The model in bfloat16."""
    return model.trainable().eval().requires_grad_(False).bfloat16()


def timed(what: str, ways: dict[str, Way], pixels: torch.Tensor, *, rounds: int) -> list[Row]:
    """The ways in turn on the same pixels."""
    with torch.inference_mode():
        return interleave(what, {name: partial(way, pixels) for name, way in ways.items()}, rounds=rounds)


def promise() -> float:
    """How many times fewer multiply-adds B/16 needs when R tokens go after the attention of every layer."""

    def cost(r: int) -> float:
        tokens, total = 197, 0
        for _ in range(DEPTH):
            total += 4 * tokens * WIDTH**2 + 2 * tokens**2 * WIDTH
            tokens -= min(r, (tokens - 1) // 2)
            total += 8 * tokens * WIDTH**2
        return total

    return cost(0) / cost(R)


def drawn(batch: int) -> torch.Tensor:
    """Prepared pixels of so many pictures of 224 × 224."""
    return torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(batch))


if __name__ == "__main__":
    main()
