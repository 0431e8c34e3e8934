"""Averages: their closed form, their start, and who begins anew."""

import multiprocessing

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizers.processes import learned, process
from vector_quantize_pytorch import VectorQuantize

from lexel.quantizers._codebook import Averages, kmeans
from lexel.quantizers.vq import VQ
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(decay=st.floats(0.0, 0.999), steps=st.integers(1, 6), seed=st.integers(0, 9))
def test_averages_equal_their_closed_form(decay, steps, seed):
    codebook = 10 * drawn(3, 2, seed=seed)
    averages = Averages(codebook, decay)
    averages.updates += 1  # after the start
    batches = [codebook[[0, 0, 1, 2]] + drawn(4, 2, seed=seed + step) for step in range(steps)]
    codes = torch.tensor([0, 0, 1, 2])
    moving = codebook.clone()
    for x in batches:
        averages.update(moving, x, codes)
    ages = [(1 - decay) * decay ** (steps - 1 - t) for t in range(steps)]
    for k, rows in enumerate([[0, 1], [2], [3]]):
        count = decay**steps + sum(age * len(rows) for age in ages)
        total = decay**steps * codebook[k] + sum(age * x[rows].sum(dim=0) for age, x in zip(ages, batches, strict=True))
        assert close(averages.counts[k], count, tolerance=1e-4)
        assert close(moving[k], total / count, tolerance=1e-3)  # smoothing adds 1e-5 of a vector to every code


def test_a_step_of_averages_equals_the_peer():
    peer = VectorQuantize(dim=4, codebook_size=6, decay=0.9, commitment_weight=0.0, rotation_trick=False).train()
    ours = VQ(4, codebook_size=6, decay=0.9)
    ours.codebook.copy_(peer.codebook)
    ours.averages.sums.copy_(peer.codebook)
    ours.averages.updates += 1
    x = drawn(500, 4)
    peer(x[None])
    ours.update(x, ours(x).codes)
    assert close(ours.codebook, peer.codebook, tolerance=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_a_codebook_at_the_means_of_its_vectors_stays(decay):
    codebook = torch.eye(4)
    averages = Averages(codebook, decay)
    averages.updates += 1
    moving = codebook.clone()
    for _ in range(20):
        averages.update(moving, codebook.repeat(5, 1), torch.arange(4).repeat(5))
    assert close(moving, codebook, tolerance=1e-4)


def test_only_dead_codes_begin_anew(monkeypatch):
    corners = torch.tensor([[9.0, 9.0], [-9.0, 9.0], [9.0, -9.0]])
    x = corners.repeat(40, 1) + 0.1 * drawn(120, 2)
    vq, spared = (VQ(2, codebook_size=8, decay=0.5) for _ in range(2))
    vq.codebook[:3], vq.codebook[3:] = corners, 1000 + drawn(5, 2)  # nothing is near the last five
    vq.averages.sums.copy_(vq.codebook)
    vq.averages.updates += 1
    for dead in (0, 5):  # after one step their count is still 0.5 of 15 a code on average, and not below 2
        monkeypatch.setattr("lexel.quantizers._codebook.DEAD", 0.02 if dead == 0 else 0.2)
        spared.load_state_dict(vq.state_dict())
        with monkeypatch.context() as nobody:
            nobody.setattr("lexel.quantizers._codebook.DEAD", 0.0)
            spared.update(x, vq.codes(x))
        vq.update(x, vq.codes(x))
        begun = (vq.codebook[:, None] == x).all(dim=2).any(dim=1)
        assert begun.tolist() == [False] * 3 + [dead == 5] * 5
        assert torch.equal(vq.codebook[~begun], spared.codebook[~begun])
        assert torch.equal(vq.averages.counts[~begun], spared.averages.counts[~begun])


def test_the_first_update_starts_with_k_means():
    centres = 20 * drawn(5, 3)
    x = (centres[:, None] + 0.1 * drawn(5, 40, 3, seed=1)).reshape(200, 3)
    torch.manual_seed(3)
    vq = VQ(3, codebook_size=5, decay=0.99)
    codes = vq(x).codes
    torch.manual_seed(4)
    vq.update(x, codes)
    torch.manual_seed(4)
    means, counts = kmeans(x, 5)
    assert torch.equal(vq.codebook, means)
    assert torch.equal(vq.averages.counts, counts)
    assert counts.sum() == 200


def test_rounds_of_k_means_never_grow_the_error(monkeypatch):
    x, errors = drawn(300, 4), []
    for rounds in (1, 2, 5, 10):
        monkeypatch.setattr("lexel.quantizers._codebook.ROUNDS", rounds)
        torch.manual_seed(0)
        means, _ = kmeans(x, 12)
        errors.append(float(torch.cdist(x, means).min(dim=1).values.square().sum()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]


def test_fewer_vectors_than_codes_start_all_the_same():
    vq = VQ(3, codebook_size=50, decay=0.9)
    x = drawn(7, 3)
    vq.update(x, vq(x).codes)
    assert torch.equal(vq.codebook[vq.codes(x)], x)
    vq.update(x, vq(x).codes)
    assert vq.codebook.isfinite().all()


def test_no_vectors_leave_everything_as_it_is():
    vq = VQ(3, codebook_size=4, decay=0.9)
    before = {name: value.clone() for name, value in vq.state_dict().items()}
    vq.update(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    assert all(torch.equal(value, before[name]) for name, value in vq.state_dict().items())


def test_a_run_goes_on_from_its_state_to_the_last_bit():
    first, second = (VQ(3, codebook_size=9, decay=0.9) for _ in range(2))
    batches = [drawn(40, 3, seed=seed) for seed in range(6)]

    def learn(vq, steps):
        for step in steps:
            torch.manual_seed(step)
            vq.update(batches[step], vq(batches[step]).codes)

    learn(first, range(3))
    second.load_state_dict(first.state_dict())
    learn(first, range(3, 6))
    learn(second, range(3, 6))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_two_processes_learn_the_codebook_of_one(tmp_path):
    context = multiprocessing.get_context("forkserver")  # torch is imported once, not by each
    context.set_forkserver_preload(["lexel.quantizers.vq"])
    ran = [context.Process(target=process, args=(rank, 2, str(tmp_path))) for rank in (0, 1)]
    for one in ran:
        one.start()
    for one in ran:
        one.join()
    assert [one.exitcode for one in ran] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    alone = learned(0, 1)
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        assert close(first[name], value)
