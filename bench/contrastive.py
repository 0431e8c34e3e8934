"""Contrastive losses in tiles against the plain ones: time, memory, and a batch of 32,768 pairs on a small machine.

    python bench/contrastive.py [--json FILE]

Forward and backward on unit rows of width 512, float32; values and gradients must agree before anything is timed.
Memory is what a process holds at its peak beyond the features. The plain loss needs five times B² floats: 5 GB at
16,384 pairs, 21 GB at 32,768, where it is left out. Expected: the tiles take half the time, and 0.3 GB for 32,768.
"""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch
from harness import interleave, report

from lexel.measures.meter import metered
from lexel.training.contrastive import clip_loss, siglip_loss
from lexel.training.gradient_cache import cached
from lexel.training.tiled import tiled_clip_loss, tiled_siglip_loss

Loss = Callable[..., torch.Tensor]
WIDTH, CHUNK = 512, 1024
WAYS: dict[str, dict[str, Loss]] = {
    "CLIP": {"plain": clip_loss, "tiled": tiled_clip_loss},
    "SigLIP": {"plain": siglip_loss, "tiled": tiled_siglip_loss},
}


def main() -> None:
    """Check, then time both losses at three sizes, then the memory of each in a process of its own."""
    rows = []
    for name, ways in WAYS.items():
        plain, tiled = (step(name, way, 1500) for way in ways)
        if any((a - b).abs().max() > 1e-5 * b.abs().max() for a, b in zip(tiled(), plain(), strict=True)):
            sys.exit("the two ways give different gradients: the comparison means nothing")
        for pairs, rounds in ((1024, 15), (4096, 5), (16_384, 2)):
            rows += interleave(f"{name}, {pairs:,} pairs", {way: step(name, way, pairs) for way in ways}, rounds=rounds)
    for name, ways in WAYS.items():
        for way in ways:
            for pairs in (16_384, 32_768) if way == "tiled" else (16_384,):
                print(alone(remember, name, way, pairs))
    print(alone(train, 32_768))
    report(rows)


def step(name: str, way: str, pairs: int) -> Callable[[], list[torch.Tensor]]:
    """Forward and backward; gives value and gradients."""
    draw = torch.Generator().manual_seed(pairs)
    features = [torch.nn.functional.normalize(torch.randn(pairs, WIDTH, generator=draw)) for _ in range(2)]
    learned = [torch.tensor(4.0)] if name == "CLIP" else [torch.tensor(4.0), torch.tensor(-10.0)]
    inputs = [x.requires_grad_() for x in (*features, *learned)]

    def run() -> list[torch.Tensor]:
        value = WAYS[name][way](*inputs)
        return [value.detach(), *torch.autograd.grad(value, inputs)]

    return run


def remember(name: str, way: str, pairs: int) -> str:
    """A line about the memory of one step."""
    return line(f"{name}, {pairs:,} pairs", way, step(name, way, pairs))


def train(pairs: int) -> str:
    """A line about one step of two towers, in chunks and tiles: what trains on one small machine."""
    towers = [
        torch.nn.Sequential(torch.nn.Linear(768, 3072), torch.nn.GELU(), torch.nn.Linear(3072, WIDTH)) for _ in range(2)
    ]
    scale = torch.tensor(4.0, requires_grad=True)
    chunks = list(zip(*(torch.randn(pairs, 768).split(CHUNK) for _ in towers), strict=True))

    def encode(chunk: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(torch.nn.functional.normalize(tower(x)) for tower, x in zip(towers, chunk, strict=True))

    return line(
        f"towers, CLIP, {pairs:,} pairs", "chunks and tiles", lambda: cached(encode, chunks, tiled_clip_loss, scale)
    )


def line(what: str, way: str, run: Callable[[], object]) -> str:
    """Seconds of a call, and its memory beyond what the process held before."""
    _, before = metered(lambda: None, repeats=1)
    _, cost = metered(run, repeats=1)
    if cost.peak is None or before.peak is None:
        return f"{what:<32} {way:<20} {cost.ms / 1e3:8.1f} s, memory unknown on this system"
    return f"{what:<32} {way:<20} {cost.ms / 1e3:8.1f} s, {(cost.peak - before.peak) / 1e6:,.0f} MB more"


def alone(function: Callable[..., str], *args: object) -> str:
    """`function(*args)` in a fresh process, whose memory nothing else has touched."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


if __name__ == "__main__":
    main()
