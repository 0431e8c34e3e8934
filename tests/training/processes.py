"""What each process of `test_ranks.py` does. It runs in a process of its own, where only this file is imported."""

from functools import partial
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from lexel.training.gradient_cache import cached
from lexel.training.ranks import Ranks
from lexel.training.tiled import tiled_clip_loss, tiled_siglip_loss

LOSSES = {"clip": tiled_clip_loss, "siglip": tiled_siglip_loss}
PAIRS, TILE = 12, 3  # divisible among 2 and 3; tiles are uneven for 4 rows of a rank
DTYPE = {"dtype": torch.float64}


class Model(torch.nn.Module):
    """Two linear towers, and what its loss learns: a scale, and for SigLIP a bias."""

    def __init__(self, loss):
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = torch.nn.Linear(6, 5, **DTYPE), torch.nn.Linear(7, 5, **DTYPE)
        start = [3.0, -5.0] if loss == "siglip" else [3.0]
        self.learned = torch.nn.ParameterList([torch.tensor(value, **DTYPE) for value in start])

    def forward(self, pair):
        return [torch.nn.functional.normalize(tower(x)) for tower, x in zip((self.image, self.text), pair, strict=True)]

    def gradients(self):
        return [parameter.grad for parameter in self.parameters()]


def batch():
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(PAIRS, width, generator=draw, **DTYPE) for width in (6, 7)]


def process(rank, count, folder):
    """Train together and leave what came out in `folder`; among 3, the first two go on as 2."""
    torch.set_num_threads(1)
    for together in (3, 2):
        if rank < together <= count:
            rendezvous = (Path(folder) / f"rendezvous-{together}").as_uri()
            distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=together)
            torch.save(answers(Ranks.here()), Path(folder) / f"{together}-{rank}.pt")
            distributed.destroy_process_group()


def answers(ranks):
    """By (loss, way): this rank's value, and the gradients after the mean over ranks. By (loss, "unequal"): a text."""
    mine = [ranks.own(x) for x in batch()]
    found = {("ranks",): (ranks.rank, ranks.count)}
    for name, tiled in LOSSES.items():
        loss = partial(tiled, tile=TILE, ranks=ranks)
        for way in (averaged, wrapped, in_chunks):
            model = Model(name)
            value = way(model, mine, loss, ranks)
            found[name, way.__name__] = value, model.gradients()
        try:
            loss(*Model(name)([x[: len(x) - ranks.rank] for x in mine]), *Model(name).learned)
        except ValueError as error:
            found[name, "unequal"] = str(error)
    return found


def averaged(model, mine, loss, ranks):
    """What DistributedDataParallel does, by hand."""
    value = loss(*model(mine), *model.learned)
    value.backward()
    for gradient in model.gradients():
        distributed.all_reduce(gradient)
        gradient /= ranks.count
    return value.detach()


def wrapped(model, mine, loss, ranks):
    """DistributedDataParallel itself."""
    parallel = DistributedDataParallel(model)  # which must live until its gradients are there
    value = loss(*parallel(mine), *model.learned)
    value.backward()
    return value.detach()


def in_chunks(model, mine, loss, ranks):
    """The same, and gradient caching in uneven chunks; twice, because DDP complains in the step after."""
    parallel = DistributedDataParallel(model)
    chunks = list(zip(*(x.split(3) for x in mine), strict=True))
    for _ in range(2):
        model.zero_grad()
        value = cached(parallel, chunks, loss, *model.learned, no_sync=parallel.no_sync)
    return value
