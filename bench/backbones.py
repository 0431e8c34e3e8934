"""Backbones against `transformers`: pictures a second of one published size of each family, in float32.

    python bench/backbones.py [--only TEXT] [--json FILE]

Weights are random, saved by `transformers` and loaded by lexel; the two must agree before anything is timed. In the
table less than 1.00 × is faster. Expected: nothing slower, and ViT and DINOv2, which share one transformer, half the
time or less where torch's own linear layer takes MKL's slow path.

The third way does nothing but multiply matrices, as often as the tower multiplies: one product of 4096 × 768 by
768 × 3072 again and again. No tower can be much faster than this machine multiplies; where `transformers` is near this
row, there is no factor of two to be had.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from harness import interleave, report, wanted
from peers import Way
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    Dinov2Config,
    Dinov2Model,
    PreTrainedModel,
    PvtV2Config,
    PvtV2Model,
    ResNetConfig,
    ResNetModel,
    SamVisionConfig,
    SamVisionModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)
from transformers.utils.logging import disable_progress_bar

from lexel.loading.load import load
from lexel.towers._backbone import Backbone

# Pixels of a side, and the tower. The defaults of the classes are the sizes in the names, but for DINOv2's, a base.
MODELS: dict[str, tuple[int, Callable[[], PreTrainedModel]]] = {
    "ViT-B/16": (224, lambda: ViTModel(ViTConfig(), add_pooling_layer=False)),
    "DINOv2-S/14": (224, lambda: Dinov2Model(Dinov2Config(hidden_size=384, num_attention_heads=6))),
    "Swin-T": (224, lambda: SwinModel(SwinConfig())),
    "PVTv2-b0": (224, lambda: PvtV2Model(PvtV2Config())),
    "ResNet-50": (224, lambda: ResNetModel(ResNetConfig())),
    "SAM-B": (512, lambda: SamVisionModel(SamVisionConfig(image_size=512))),
}
ROWS, INPUTS, OUTPUTS = 4096, 768, 3072  # of the product whose rate is the machine's


def main() -> None:
    """Every model, one picture and eight."""
    disable_progress_bar()
    rows = []
    for name, (side, build) in MODELS.items():
        if not wanted(name):
            continue
        theirs, ours = pair(build().eval().requires_grad_(False), side)
        for batch in (1, 8):
            pixels = drawn(batch, side)
            ways: dict[str, Way] = {
                "transformers": theirs,
                "lexel": ours.encode_pixels,
                "products alone": products(theirs, pixels),
            }
            runs = {way: partial(run, pixels) for way, run in ways.items()}
            with torch.inference_mode():
                rows += interleave(f"{name} at {side}, batch {batch}", runs, rounds=5 + 10 // batch)
    report(rows)


def pair(peer: PreTrainedModel, side: int) -> tuple[PreTrainedModel, Backbone]:
    """The same weights in both libraries. Ends the program where they do not give the same tokens."""
    for value in peer.parameters():
        value += 0.02 * torch.randn_like(value)
    for value in peer.buffers():
        if value.is_floating_point():
            value += 0.02 * torch.rand_like(value)  # never down: variances stay positive
    with TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        ours = load(Path(folder), dtype="float32", device="cpu")
    pixels = drawn(2, side)
    with torch.inference_mode():
        expected, seen = peer(pixels).last_hidden_state, ours.encode_pixels(pixels).x
    expected = (expected.flatten(2).mT if expected.ndim == 4 else expected).flatten(0, 1)
    if seen.shape != expected.shape or (seen - expected).abs().max() > 1e-5 * max(1, expected.abs().max()):
        sys.exit(f"{type(peer).__name__}: the towers give different tokens, the comparison means nothing")
    return peer, ours


def products(model: PreTrainedModel, pixels: torch.Tensor) -> Way:
    """What multiplies matrices as often as `model` multiplies for `pixels`, and does nothing else."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(pixels)  # the counter does not see into the fused kernel of attention
    whole, rest = divmod(counter.get_total_flops() // (2 * INPUTS * OUTPUTS), ROWS)
    x, weight = torch.randn(ROWS, INPUTS), torch.randn(INPUTS, OUTPUTS)

    def multiply(_: torch.Tensor) -> None:
        for _ in range(whole):
            torch.mm(x, weight)
        torch.mm(x[:rest], weight)

    return multiply


def drawn(batch: int, side: int) -> torch.Tensor:
    """Prepared pixels of so many pictures."""
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(batch))


if __name__ == "__main__":
    main()
