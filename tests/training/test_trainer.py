"""The loop: it learns, it goes on where it was killed with the same bits, and two processes are one."""

import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from training.forked import losses, processes, weights
from training.tasks import Notes, Regression, Samples

from lexel.errors import TrainingError
from lexel.training import state
from lexel.training.trainer import Ended, Settings, train

REGRESSION = "training.tasks:regression"
SETTINGS = Settings(steps=30, learning_rate=0.02, warmup=3, average=0.9, chunk=5, save_every=4, keep=2)


def run(folder, settings=SETTINGS, samples=None, task=None):
    task, notes = task or Regression(), Notes()
    ended = train(task, samples or Samples(), settings, folder, notes)
    return task, notes, ended


def test_it_learns(tmp_path):
    _, notes, ended = run(tmp_path, replace(SETTINGS, steps=200, learning_rate=0.05))
    first, last = (sum(loss for _, loss in part) / 20 for part in (notes.losses[:20], notes.losses[-20:]))
    assert last < 0.6 * first
    assert ended == Ended(200)


def test_the_rate_warms_up_and_follows_a_cosine_to_zero():
    settings = Settings(steps=110, learning_rate=2.0, warmup=10)
    assert settings.rate(0) == pytest.approx(0.2)
    assert settings.rate(9) == settings.rate(10) == pytest.approx(2.0)
    assert settings.rate(60) == pytest.approx(1.0)
    assert settings.rate(110) == pytest.approx(0)


def test_matrices_decay_and_vectors_do_not(tmp_path):
    task = Regression()
    task.gradients = lambda batch, chunk: {"loss": 0.0}  # no gradient: what changes is decay
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    run(tmp_path, Settings(steps=1, learning_rate=0.1, weight_decay=0.5), task=task)
    for name, value in task.module.state_dict().items():
        assert torch.allclose(value, before[name] * (0.95 if value.ndim == 2 else 1.0))


def test_chunks_change_nothing_but_the_memory(tmp_path):
    tasks = [
        run(tmp_path / str(chunk), replace(SETTINGS, chunk=chunk), task=Regression(dropout=0.0))[0] for chunk in (0, 5)
    ]
    for a, b in zip(tasks[0].module.parameters(), tasks[1].module.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(tmp_path):
    whole, notes, _ = run(tmp_path / "whole")
    deaths = [3, 8, 17, 29]

    class Stopped(Exception):
        pass

    class Dying(Notes):
        def step(self, step, losses, facts):
            super().step(step, losses, facts)
            if deaths and step == deaths[0]:
                deaths.pop(0)
                raise Stopped

    seen = {}
    for _ in range(5):
        task, watch = Regression(), Dying()
        with suppress(Stopped):
            train(task, Samples(), SETTINGS, tmp_path / "died", watch)
        seen |= dict(watch.losses)
    assert seen == dict(notes.losses)
    for a, b in zip(task.module.parameters(), whole.module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_is_saved_holds_weights_moments_and_the_average(tmp_path):
    task, notes, _ = run(tmp_path)
    assert notes.saves == [4, 8, 12, 16, 20, 24, 28, 30]
    found = state.newest(tmp_path)
    assert torch.equal(found.tensors("model")["0.weight"], task.module[0].weight)
    assert set(found.tensors("optimizer")) == {
        f"{part}.{name}" for part in ("exp_avg", "exp_avg_sq") for name in task.module.state_dict()
    }
    assert not torch.equal(found.tensors("ema")["0.weight"], task.module[0].weight)


def test_a_run_that_is_finished_has_nothing_to_do(tmp_path):
    run(tmp_path)
    task, notes, ended = run(tmp_path)
    assert (notes.losses, notes.saves, notes.measures, ended) == ([], [], [], Ended(30))
    assert torch.equal(task.module[0].weight, state.newest(tmp_path).tensors("model")["0.weight"])


def test_it_is_measured_every_so_often_and_once_at_the_end(tmp_path):
    assert run(tmp_path / "a", replace(SETTINGS, measure_every=12))[1].measures == [12, 24, 30]
    assert run(tmp_path / "b", replace(SETTINGS, measure_every=15))[1].measures == [15, 30]
    assert run(tmp_path / "c")[1].measures == [30]


def test_a_loss_that_is_not_finite_ends_the_run_and_says_where(tmp_path):
    with pytest.raises(TrainingError, match="step 10: not finite: loss inf, gradient nan"):
        run(tmp_path, samples=Samples(bad=9))
    assert state.newest(tmp_path).step == 8


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run(tmp_path)
    other = Regression()
    other.module = torch.nn.Linear(6, 2)
    with pytest.raises(TrainingError, match="step-00000030 is of another model"):
        run(tmp_path, task=other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_finishes_its_step_and_saves(tmp_path, number):
    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(number)

    class Asking(Notes):
        def step(self, step, losses, facts):
            super().step(step, losses, facts)
            if step == 6:
                os.kill(os.getpid(), number)

    ended = train(Regression(), Samples(), SETTINGS, tmp_path, Asking())
    assert ended == Ended(6, number)
    assert state.newest(tmp_path).step == 6
    assert signal.getsignal(number) is before


def test_a_run_that_is_killed_at_twenty_moments_ends_with_the_same_bits(tmp_path):
    """Steps, syncs and renames are moments; each run goes on from what the one before it left."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    kills = [[(killed, 2 + (7 * kill) % 11, 0, 1, 0.1)] for kill in range(20)]
    first, *died, last = processes(REGRESSION, [(whole, 0, 0, 1, 0.1)], *kills, [(killed, 0, 0, 1, 0.1)])
    assert (first, last) == ([0], [0])
    assert sum(status == [-signal.SIGKILL] for status in died) >= 10  # then there was nothing left to do
    assert int(whole.with_suffix(".events").read_text()) > 60
    assert losses(killed) == losses(whole)
    for name, value in weights(killed).items():
        assert torch.equal(value, weights(whole)[name])


def test_two_processes_are_one_of_the_same_batch(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    ran = processes(REGRESSION, [(one, 0, 0, 1, 0.0)], [(two, 0, rank, 2, 0.0) for rank in (0, 1)])
    assert ran == [[0], [0, 0]]
    alone, parts = losses(one), [losses(two, rank) for rank in (0, 1)]
    for step, loss in alone.items():
        assert (parts[0][step] + parts[1][step]) / 2 == pytest.approx(loss, abs=1e-6)
    for name, value in weights(one).items():
        assert torch.allclose(weights(two)[name], value, atol=1e-6)
        assert torch.equal(weights(two)[name], weights(two, rank=1)[name])
