"""Prepared pixels → vectors: the image tower of CLIP beside everything else that people run it with.

    pip install onnx onnxscript onnxruntime openvino      optional; what is absent is left out, and a line says so
    python bench/towers.py [--only "B/32, batch 8"] [--json FILE]

B/32, B/16 and L/14 at batch 1, 8 and 32. Weights are random, drawn wide enough that every activation is at work, saved
by `transformers` and loaded by lexel; all must agree before anything is timed. In the table less than 1.00 × is faster.
`products alone` are the matrix products of the blocks and nothing else: what float32 costs on this machine whoever
asks. A run of all takes an hour on two cores; GFLOP/s count the products of the blocks.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from harness import Row, interleave, report, wanted
from peers import Way, products, ways
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from lexel.loading.load import load
from lexel.towers._dual import Dual

MODELS = {
    "B/32": CLIPVisionConfig(patch_size=32),
    "B/16": CLIPVisionConfig(patch_size=16),
    "L/14": CLIPVisionConfig(
        patch_size=14,
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        projection_dim=768,
    ),
}
BATCHES = (1, 8, 32)


def main() -> None:
    """Each model at each batch."""
    rows: list[Row] = []
    for name in MODELS:
        batches = [batch for batch in BATCHES if wanted(title(name, batch))]
        if batches:
            theirs, ours = pair(name)
            with TemporaryDirectory() as folder:
                for batch in batches:
                    rows += compared(name, batch, theirs, ours, Path(folder))
    report(rows)


def title(name: str, batch: int) -> str:
    """What a comparison is called."""
    return f"{name}, batch {batch}"


def compared(name: str, batch: int, theirs: CLIPVisionModelWithProjection, ours: Dual, folder: Path) -> list[Row]:
    """All ways on the same pixels. Ends the program where one gives another vector."""
    pixels, half = drawn(batch), halved(ours)
    all_ways = dict(ways(theirs, folder, batch)) | {"lexel": vectors(ours), "lexel bfloat16": vectors(half)}
    alone, work = products(theirs, batch)
    with torch.inference_mode():
        expected = theirs(pixels).image_embeds
        for way, run in all_ways.items():
            agree(f"{name}: {way}", run(pixels), expected)
        timed: dict[str, Callable[[], object]] = {way: partial(run, pixels) for way, run in all_ways.items()}
        slow = work > 5e10
        return interleave(title(name, batch), timed | {"products alone": alone}, rounds=4 if slow else 9, work=work)


def agree(what: str, ours: torch.Tensor, expected: torch.Tensor) -> None:
    """End the program where float32 differs by 1e-4 of the largest number, or bfloat16 points elsewhere."""
    off = (ours.float() - expected).abs().max() / expected.abs().max()
    cosine = torch.nn.functional.cosine_similarity(ours.float(), expected).min()
    if off > 1e-4 and cosine < 0.99:
        sys.exit(f"{what} is {off:.1e} from transformers, cosine {cosine:.4f}: the comparison means nothing")


def pair(name: str) -> tuple[CLIPVisionModelWithProjection, Dual]:
    """The same weights in both libraries. Ends the program where they do not give the same tokens."""
    peer = CLIPVisionModelWithProjection(MODELS[name]).eval().requires_grad_(False)
    for parameter in peer.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    with TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        ours = load(Path(folder), dtype="float32", device="cpu")
    pixels = drawn(2)
    expected = peer(pixels).last_hidden_state.flatten(0, 1)
    if (ours.encode_pixels(pixels).x - expected).abs().max() > 2e-5 * expected.abs().max():
        sys.exit("the two towers give different tokens: the comparison means nothing")
    return peer, ours


def vectors(model: Dual) -> Way:
    """Pixels → vectors of lexel's model."""
    image = model.image
    assert image is not None
    return lambda pixels: image.pooled(model.encode_pixels(pixels))


def halved(model: Dual) -> Dual:
    """The model in bfloat16."""
    return model.trainable().eval().requires_grad_(False).bfloat16()


def drawn(batch: int) -> torch.Tensor:
    """Prepared pixels of so many pictures of 224 × 224."""
    return torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(batch))


if __name__ == "__main__":
    main()
