"""Two and three processes: the mean of their gradients is the gradient of the whole batch in one process."""

import multiprocessing

import pytest
import torch
from tolerances import close
from training.processes import Model, batch, process

from lexel.training.contrastive import clip_loss, siglip_loss
from lexel.training.ranks import ALONE, Ranks

LOSSES = {"clip": clip_loss, "siglip": siglip_loss}
each_count = pytest.mark.parametrize("count", [2, 3])
each_loss = pytest.mark.parametrize("loss", LOSSES)
each_way = pytest.mark.parametrize("way", ["averaged", "wrapped", "in_chunks"])


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What every rank found, by count: three processes start once, and two of them go on."""
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("forkserver")  # torch is imported once, not by each
    context.set_forkserver_preload(["lexel.training.tiled"])
    processes = [context.Process(target=process, args=(rank, 3, str(folder))) for rank in range(3)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0, 0, 0]
    return {count: [torch.load(folder / f"{count}-{rank}.pt") for rank in range(count)] for count in (2, 3)}


@pytest.fixture(scope="module")
def whole():
    """Value and gradients of the batch in one process, by the plain losses."""
    found = {}
    for name, loss in LOSSES.items():
        model = Model(name)
        value = loss(*model(batch()), *model.learned)
        value.backward()
        found[name] = value.detach(), model.gradients()
    return found


@each_count
@each_loss
@each_way
def test_gradients_after_the_mean_over_ranks_are_those_of_the_whole_batch(answers, whole, count, loss, way):
    _, expected = whole[loss]
    for rank in answers[count]:
        _, gradients = rank[loss, way]
        assert all(close(a, b, dtype="float64") for a, b in zip(gradients, expected, strict=True))


@each_count
@each_loss
@each_way
def test_the_mean_of_the_values_is_the_loss_of_the_whole_batch(answers, whole, count, loss, way):
    values = [rank[loss, way][0] for rank in answers[count]]
    assert close(sum(values) / count, whole[loss][0], dtype="float64")


@each_count
@each_loss
def test_unequal_ranks_are_refused_by_every_rank(answers, count, loss):
    counts = [12 // count - rank for rank in range(count)]
    message = f"every rank must bring as many pairs as the others: they bring {counts}"
    assert [rank[loss, "unequal"] for rank in answers[count]] == [message] * count


@each_count
def test_a_process_knows_its_place(answers, count):
    assert [rank["ranks",] for rank in answers[count]] == [(rank, count) for rank in range(count)]


def test_without_a_group_a_process_is_alone():
    x = torch.randn(4, 3)
    assert Ranks.here() == ALONE == Ranks(0, 1)
    assert ALONE.equal(x) == 4
    assert all(torch.equal(step(x), x) for step in (ALONE.gather, ALONE.own, ALONE.home, ALONE.pass_on))
