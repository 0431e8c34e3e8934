"""Priors over codes: they learn rasters by heart, go on with the same bits, and draw what they learned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from autoencoders.peers import saved, vq
from generators.networks import OBJECTIVES
from training.small import Always, Drawings, gradients
from training.tasks import Notes

from lexel.errors import BadArguments
from lexel.generators._generator import OBJECTIVES as WAYS
from lexel.generators.absorbing import Absorbing
from lexel.loading.load import load, save
from lexel.nn.loaded import changed
from lexel.pictures.augment import Augmentation
from lexel.training import sanity
from lexel.training.generative import CodesBatch, CodesLoader, GenerativeTask, encoded, fresh
from lexel.training.loader import Batch, PairLoader, unspelled
from lexel.training.trainer import Settings, adamw, train, update

SIZES = {"width": 16, "depth": 2, "heads": 2}
by_objective = pytest.mark.parametrize("objective", OBJECTIVES)


class Learned(Drawings):
    """Those that are learned by heart."""

    def __len__(self):
        return 4


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return load(saved(vq(), tmp_path_factory.mktemp("vq")))


def prepared(vocabulary):
    """The middle: 8 × 8 pixels, 4 × 4 codes."""
    return lambda picture, seed: np.ascontiguousarray(vocabulary.preparation.prepare(picture)[0][:, 4:12, 4:12])


def pictures(vocabulary, count=8):
    pixels = np.stack([prepared(vocabulary)(Drawings().picture(i), 0) for i in range(count)])
    return Batch(torch.from_numpy(pixels), unspelled([""] * count), torch.arange(count))


def trained(vocabulary, folder, watch, settings, *, objective="maskgit"):
    """Augmented crops, uneven chunks, an average of the weights."""
    model = fresh(vocabulary, objective=objective, **SIZES)
    augment = Augmentation(crop=(0.5, 1.0))
    pixels = PairLoader(
        Drawings(), lambda x, seed: prepared(vocabulary)(augment(x, seed), seed), unspelled, batch=4, seed=1
    )
    task = GenerativeTask(model, vocabulary, prepare=prepared(vocabulary))
    train(task, CodesLoader(pixels, vocabulary, model.objective, seed=1), settings, folder, watch)
    return model


def test_codes_that_look_alike_begin_alike(vocabulary):
    book = vocabulary.image.quantizer.decode(torch.arange(*vocabulary.image.quantizer.sizes))
    table = fresh(vocabulary, width=512, heads=8).image.codes.weight[: len(book)].detach()
    distances = torch.stack([torch.cdist(x, x)[*torch.triu_indices(len(x), len(x), 1)] for x in (book, table)])
    assert torch.corrcoef(distances)[0, 1] > 0.5
    assert 0.015 < table.std() < 0.025


@by_objective
def test_it_learns_a_few_rasters_by_heart(vocabulary, objective):
    model = fresh(vocabulary, objective=objective, **SIZES)
    task = GenerativeTask(model, vocabulary, Learned(broken=[2]), prepare=prepared(vocabulary))
    loader = CodesLoader(Always(pictures(vocabulary, 4)), vocabulary, model.objective)
    settings = Settings(steps=400, learning_rate=5e-3, weight_decay=0.0)
    optimizer, before = adamw(model, settings), task.measure()
    for step in range(90):
        update(task, loader[step], optimizer, settings, step)
    assert before["likelihood"] == pytest.approx(-np.log2(11), abs=0.1)
    assert before["likelihood"] + 0.5 < task.measure()["likelihood"] < 0
    assert model.training


def test_it_draws_what_it_learned(vocabulary):
    """Row by row, where what was learned by heart is told from other rasters by its first code."""
    model = fresh(vocabulary, objective="autoregressive", **SIZES)
    task = GenerativeTask(model, vocabulary, prepare=prepared(vocabulary))
    loader = CodesLoader(Always(pictures(vocabulary, 2)), vocabulary, model.objective)
    settings = Settings(steps=400, learning_rate=5e-3, weight_decay=0.0)
    optimizer = adamw(model, settings)
    for step in range(90):
        update(task, loader[step], optimizer, settings, step)
    learned = {tuple(codes.flatten().tolist()) for codes in loader[0].codes}
    drawn = model.eval().sample(10, height=4, width=4)
    assert sum(tuple(raster.flatten().tolist()) in learned for raster in drawn.grids()) >= 2  # of 11¹⁶


@by_objective
@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_change_nothing_but_the_memory(vocabulary, objective, chunk):
    model = fresh(vocabulary, objective=objective, **SIZES).double()
    task = GenerativeTask(model, vocabulary, prepare=prepared(vocabulary))
    batch = CodesLoader(Always(pictures(vocabulary)), vocabulary, model.objective)[0]
    whole = task.gradients(batch, 0)["loss"], gradients(model)
    model.zero_grad()
    assert task.gradients(batch, chunk)["loss"] == pytest.approx(whole[0])
    for name, gradient in gradients(model).items():
        assert torch.allclose(gradient, whole[1][name], atol=1e-10), name
    assert task.size(batch) == (8, 8 * 16)
    assert task.measure() == {}


@by_objective
def test_every_parameter_learns_and_no_code_is_preferred_at_the_start(vocabulary, objective):
    model = fresh(vocabulary, objective=objective, **SIZES)
    task = GenerativeTask(model, vocabulary, prepare=prepared(vocabulary))
    batch = CodesLoader(Always(pictures(vocabulary)), vocabulary, model.objective)[0]
    loss = task.gradients(batch, 0)["loss"]
    assert set(gradients(model)) == {name for name, _ in model.named_parameters()}
    assert loss == pytest.approx(batch.lots.sum().item() * np.log(11), rel=0.05)


def test_lots_follow_from_seed_step_and_pictures(vocabulary):
    def lots(step=3, *, seed=1, count=8):
        return CodesLoader(Always(pictures(vocabulary, count)), vocabulary, WAYS["maskgit"](), seed=seed)[step].lots

    assert torch.equal(lots(), lots())
    assert not torch.equal(lots(), lots(4))
    assert not torch.equal(lots(), lots(seed=2))


@by_objective
def test_the_sanity_run_finds_that_it_learns(vocabulary, objective):
    model = fresh(vocabulary, objective=objective, **SIZES)
    task = GenerativeTask(model, vocabulary, prepare=prepared(vocabulary))
    loader = CodesLoader(Always(pictures(vocabulary)), vocabulary, model.objective)
    found = sanity.check(task, loader, Settings(steps=100, learning_rate=1e-2))
    assert found.wrong == ""
    assert found.first > found.bounds.blind * 0.9
    same = replace(loader[0], codes=torch.zeros_like(loader[0].codes))
    assert task.bounds(same).why == "all cells have one and the same code"


def test_the_blind_bound_is_the_entropy_of_the_hidden_codes(vocabulary):
    codes = torch.tensor([[[0, 0, 1, 2]]])
    task = GenerativeTask(fresh(vocabulary, **SIZES), vocabulary, prepare=prepared(vocabulary))
    bounds = task.bounds(CodesBatch(codes, torch.tensor([[[0.5, 0.0, 0.25, 0.25]]])))
    assert bounds.blind == pytest.approx(1.5 * np.log(2))


@by_objective
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(vocabulary, tmp_path, objective):
    class Stopped(Exception):
        pass

    class Dying(Notes):
        def step(self, step, losses, facts):
            super().step(step, losses, facts)
            if step == 5:
                raise Stopped

    settings = Settings(steps=8, learning_rate=3e-3, average=0.5, chunk=3, save_every=3, keep=2)
    whole, again = Notes(), Notes()
    expected = trained(vocabulary, tmp_path / "whole", whole, settings, objective=objective)
    with pytest.raises(Stopped):
        trained(vocabulary, tmp_path / "died", Dying(), settings, objective=objective)
    model = trained(vocabulary, tmp_path / "died", again, settings, objective=objective)
    assert again.losses == whole.losses[3:]
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_what_was_trained_is_saved_and_knows_its_vocabulary(vocabulary, tmp_path):
    save(fresh(vocabulary, objective="absorbing", **SIZES), tmp_path)
    model = load(tmp_path)
    assert model.vocabulary.space == vocabulary.space
    assert model.objective == Absorbing()


def test_pictures_of_several_sizes_make_no_batch(vocabulary):
    with pytest.raises(BadArguments, match="a batch has one raster, not 2"):
        encoded(vocabulary, [torch.zeros(3, 8, 8), torch.zeros(3, 8, 12)])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"objective": "gan"}, "objective is one of maskgit"),
        ({"heads": 3}, "no multiple of 4"),
        ({"side": 0}, "1 cell of a side or more"),
        ({"heads": 8}, "no mul"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(vocabulary, how, said):
    with pytest.raises(BadArguments, match=said):
        fresh(vocabulary, **SIZES | how)


def test_another_vocabulary_is_refused(vocabulary):
    other = changed(vocabulary, name="org/other", digest="f" * 32)
    with pytest.raises(BadArguments, match="org/other"):
        GenerativeTask(fresh(vocabulary, **SIZES), other, prepare=prepared(vocabulary))
