"""A small task for the tests of the trainer: a network with dropout learns the function of another."""

import torch

from lexel.training.task import drawn
from lexel.training.trainer import Settings


class Regression:
    """Two layers, dropout between them, and the mean squared error."""

    def __init__(self, *, dropout=0.1):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.module = torch.nn.Sequential(
                torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Dropout(dropout), torch.nn.Linear(16, 2)
            )
        self.measured = 0

    def gradients(self, batch, chunk):
        x, y = batch
        total = 0.0
        for some, wanted in zip(x.split(chunk or len(x)), y.split(chunk or len(x)), strict=True):
            loss = (self.module(some) - wanted).square().mean() * (len(some) / len(x))
            loss.backward()
            total += loss.item()
        return {"loss": total}

    def after_step(self):
        with torch.no_grad():
            self.module[0].weight.clamp_(-1, 1)

    def measure(self):
        self.measured += 1
        return {"fit": -self.module[0].weight.detach().square().mean().item()}


class Samples:
    """A batch a step, of which each process gets its part."""

    def __init__(self, batch=12, *, rank=0, world=1, bad=None):
        self.batch, self.rank, self.world, self.bad = batch, rank, world, bad

    def __getitem__(self, step):
        draw = torch.Generator().manual_seed(drawn(1, step))
        x = torch.randn(self.batch, 6, generator=draw)
        y = torch.stack([x[:, 0] * x[:, 1], x.sum(1).sin()], 1)
        if step == self.bad:
            y = y / 0
        part = slice(self.rank * self.batch // self.world, (self.rank + 1) * self.batch // self.world)
        return x[part], y[part]


def regression(rank, world, dropout):
    """What a process of `forked` trains."""
    settings = Settings(steps=20, learning_rate=0.02, warmup=3, average=0.9, save_every=3, keep=2)
    return Regression(dropout=dropout), Samples(rank=rank, world=world), settings


class Notes:
    """Everything that a watch is told."""

    def __init__(self):
        self.losses, self.measures, self.saves = [], [], []

    def step(self, step, losses, facts):
        self.losses.append((step, losses["loss"]))

    def measured(self, step, measures):
        self.measures.append(step)

    def saved(self, step):
        self.saves.append(step)
