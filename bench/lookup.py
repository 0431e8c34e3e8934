"""The nearest of 8,192 codes for 65,536 vectors, beside vector-quantize-pytorch: time, memory, and who is nearer.

    python bench/lookup.py [--only "D = 8"] [--json FILE]

Both quantizers are in `eval()` and have the same codebook; what is timed is vectors in, codes and quantized vectors
out. Before that, codes are compared: no row may be farther from ours than from theirs, in float64. The ratio is theirs
to ours. Memory is what a process holds at its peak beyond vectors and codebook; theirs has matrices of 65,536 × 8,192,
and needs 9 GB. Asked for: 10 × at D = 256, 50 × at D = 8, 1/50 of the memory.
"""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch
from harness import interleave, report, wanted
from vector_quantize_pytorch import VectorQuantize

from lexel.measures.meter import metered
from lexel.quantizers.vq import VQ

ROWS, CODES, WIDTHS = 65_536, 8_192, (8, 256)
COMPARED = 8_192  # rows whose codes are compared before anything is timed
OURS, PEER = "lexel", "vector-quantize-pytorch"


def main() -> None:
    """Compare, time and weigh both, for each width."""
    rows, weighed = [], []
    for width in WIDTHS:
        what = f"D = {width}"
        if not wanted(what):
            continue
        ways, x = pair(width)
        compare(ways, x[:COMPARED])
        rows += interleave(what, {name: lambda way=way, x=x: way(x) for name, way in ways.items()}, rounds=2)
        del ways, x
        memory = {name: alone(width, name) for name in (OURS, PEER)}
        weighed.append((what, memory))
    report(rows)
    for what, memory in weighed:
        ours, theirs = memory[OURS], memory[PEER]
        print(f"{what}: {ours / 1e6:,.0f} MB more, theirs {theirs / 1e6:,.0f} MB: 1/{theirs / ours:.0f}")


def pair(width: int) -> tuple[dict[str, Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]], torch.Tensor]:
    """Both ways over one codebook, vectors → (codes, quantized), and the vectors."""
    draw = torch.Generator().manual_seed(width)
    codebook = torch.randn(CODES, width, generator=draw)
    x = torch.randn(ROWS, width, generator=draw)
    ours = VQ(width, codebook_size=CODES).eval()
    ours.load_state_dict({"codebook": codebook})
    peer = VectorQuantize(dim=width, codebook_size=CODES).eval()
    peer.codebook = codebook

    @torch.inference_mode()
    def by_us(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = ours(x)
        return made.codes, made.quantized

    @torch.inference_mode()
    def by_the_peer(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        quantized, codes, _ = peer(x[None])
        return codes[0], quantized[0]

    return {OURS: by_us, PEER: by_the_peer}, x


def compare(ways: dict[str, Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]], x: torch.Tensor) -> None:
    """End here where one of our codes is farther than theirs."""
    ours, theirs = ((x.double() - way(x)[1].double()).square().sum(dim=1) for way in ways.values())
    if (ours > theirs).any():
        sys.exit("a code of ours is farther than theirs: the comparison means nothing")


def weigh(width: int, name: str) -> int:
    """Bytes that one call holds at its peak, beyond what the process held before."""
    ways, x = pair(width)
    ways[name](x[:64])
    _, before = metered(lambda: None, repeats=1)
    _, cost = metered(lambda: ways[name](x), repeats=1)
    if cost.peak is None or before.peak is None:
        sys.exit("this system does not say what memory a process holds")
    return cost.peak - before.peak


def alone(width: int, name: str) -> int:
    """`weigh` in a fresh process, whose memory nothing else has touched."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(weigh, width, name).result()


if __name__ == "__main__":
    main()
