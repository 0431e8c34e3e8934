"""What each process of `test_codebook.py` does. It runs in a process of its own, where only this file is imported."""

from pathlib import Path

import torch
from torch import distributed

from lexel.quantizers.vq import VQ

STEPS, ROWS = 4, 60


def vectors(step):
    return torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(step))


def learned(rank, count):
    """A codebook after some steps, of which this process sees its part of the vectors."""
    torch.manual_seed(0)
    vq = VQ(3, codebook_size=8, decay=0.9)
    # After the start, and with no code near its death: both look at the vectors of the first process alone.
    vq.averages.updates += 1
    vq.averages.counts *= 10
    vq.averages.sums *= 10
    for step in range(STEPS):
        torch.manual_seed(100 * step + rank)
        x = vectors(step).chunk(count)[rank]
        vq.update(x, vq.codes(x))
    return vq.state_dict()


def process(rank, count, folder):
    torch.set_num_threads(1)
    rendezvous = (Path(folder) / "rendezvous").as_uri()
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=count)
    torch.save(learned(rank, count), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()
