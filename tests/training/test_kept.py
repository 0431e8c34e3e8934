"""What a run keeps: the best weights, and patience that survives a stop."""

from contextlib import suppress
from dataclasses import replace

import torch
from training.tasks import Notes, Regression, Samples

from lexel.quantizers.vq import VQ
from lexel.training import state
from lexel.training.kept import undone
from lexel.training.trainer import Ended, Settings, train

SETTINGS = Settings(steps=30, learning_rate=0.02, save_every=4, keep=2, measure_every=3, patience=2)
SCRIPT = [0.1, 0.5, 0.4, 0.7, 0.6, 0.6, 0.9, 0.9, 0.9, 0.9]


class Scripted(Regression):
    """Measured as the script says: by the number of the measurement, which follows from the weights' own step."""

    def __init__(self, script=SCRIPT, **how):
        super().__init__(**how)
        self.script, self.seen = script, []
        self.module.register_buffer("measurements", torch.zeros((), dtype=torch.int64))

    def measure(self):
        self.seen.append({name: value.clone() for name, value in self.module.state_dict().items()})
        number = int(self.module.measurements)
        self.module.measurements += 1
        return {"fit": self.script[number]} if self.script else {}


def run(folder, settings=SETTINGS, task=None, watch=None):
    task, watch = task or Scripted(), watch or Notes()
    return task, watch, train(task, Samples(), settings, folder, watch)


def test_a_run_ends_when_it_no_longer_helps_and_keeps_the_best(tmp_path):
    """0.7 is the fourth measure, and two measures after it are not better: 18 steps."""
    task, notes, ended = run(tmp_path)
    assert (ended, notes.measures) == (Ended(18), [3, 6, 9, 12, 15, 18])
    found = state.newest(tmp_path)
    assert (found.step, found.facts["record"], found.facts["stale"]) == (18, 0.7, 2)
    assert all(torch.equal(found.weights()[name], value) for name, value in task.seen[3].items() if "meas" not in name)
    assert not torch.equal(found.tensors("model")["0.weight"], found.weights()["0.weight"])
    _, notes, ended = run(tmp_path)
    assert (ended, notes.losses) == (Ended(18), [])


def test_patience_survives_a_stop(tmp_path):
    _, _, ended = run(tmp_path / "whole")

    class Stopped(Exception):
        pass

    class Dying(Notes):
        def step(self, step, losses, facts):
            super().step(step, losses, facts)
            if step == self.death:
                raise Stopped

    for death in (2, 5, 7, 13, 14, 16, 0):
        watch = Dying()
        watch.death = death
        with suppress(Stopped):
            again = run(tmp_path / "died", watch=watch)
    assert again[2] == ended
    ours, theirs = (state.newest(tmp_path / name) for name in ("died", "whole"))
    assert ours.facts == theirs.facts
    for part in ("best", "model", "optimizer"):
        assert all(torch.equal(ours.tensors(part)[name], value) for name, value in theirs.tensors(part).items())


def test_without_patience_nothing_is_judged(tmp_path):
    assert run(tmp_path, replace(SETTINGS, patience=0))[2] == Ended(30)
    found = state.newest(tmp_path)
    assert "record" not in found.facts
    assert torch.equal(found.weights()["0.weight"], found.tensors("model")["0.weight"])


def test_without_a_measure_nothing_is_judged(tmp_path):
    assert run(tmp_path, task=Scripted(script=[]))[2] == Ended(30)


def test_what_is_measured_is_the_average_and_so_is_the_best(tmp_path):
    task, notes, _ = run(tmp_path, replace(SETTINGS, average=0.9))
    assert notes.measures == [3, 6, 9]  # the average forgets how often it was measured: it is measured 0.1 each time
    best = state.newest(tmp_path).weights()
    assert all(torch.equal(best[name], value) for name, value in task.seen[0].items() if "meas" not in name)
    assert not torch.equal(task.seen[-1]["0.weight"], task.module[0].weight)


class Named(Regression):
    """Its codebook follows the mean of its vectors, which come from a layer that learns."""

    def __init__(self):
        super().__init__(dropout=0.0)
        self.module.append(VQ(2, codebook_size=3, decay=0.5))

    def gradients(self, batch, chunk):
        vectors = self.module[:-1](batch[0])
        made = self.module[-1](vectors)
        self.seen = vectors.detach(), made.codes
        loss = (made.quantized - batch[1]).square().mean() + sum(made.losses.values())
        loss.backward()
        return {"loss": loss.item()}

    def after_step(self):
        self.module[-1].update(*self.seen)


def test_codebooks_that_are_averages_are_not_averaged_again(tmp_path):
    task, *_ = run(tmp_path, Settings(steps=9, learning_rate=0.05, average=0.9), task=Named())
    found = state.newest(tmp_path)
    average, last = found.tensors("ema"), task.module.state_dict()
    buffers = {"4.codebook", "4.averages.counts", "4.averages.sums", "4.averages.updates"}
    assert {name for name in last if torch.equal(average[name], last[name])} == buffers
    assert last["4.averages.updates"] == 9


def test_what_is_undone_is_as_it_was_and_without_gradients():
    module = torch.nn.Linear(2, 2)
    before = module.weight.clone()
    with suppress(ZeroDivisionError), undone(module):
        module(torch.ones(1, 2)).sum().backward()
        torch.nn.init.zeros_(module.weight)
        raise ZeroDivisionError
    assert torch.equal(module.weight, before)
    assert module.weight.grad is None
