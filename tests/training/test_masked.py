"""Masked autoencoders: gradients are those of transformers, lots follow from the step, and it learns to paint."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.vit_peers import SIDE, mae_peer, our_mae
from training.small import Always, Drawings, gradients

from lexel.errors import LoadError
from lexel.loading.layouts import mae as layouts
from lexel.nn.loaded import changed
from lexel.pictures.published import vit
from lexel.towers.mae import MAE
from lexel.training import fresh
from lexel.training.fresh import ImageSizes, PainterSizes
from lexel.training.loader import Batch, unspelled
from lexel.training.masked import MaskedBatch, MaskedLoader, MaskedTask
from lexel.training.trainer import Settings, adamw, update

[IN_MEMORY] = [layout.keys for layout in layouts.LAYOUTS if layout.name == "MAE (Hugging Face, names in memory)"]
SIZES = ImageSizes(16, 4, 24, 2, 3), PainterSizes(16, 1, 2)


def drawings(count=8, *, side=16):
    model = fresh.mae(*SIZES)
    pixels = [torch.from_numpy(model.preparation.prepare(Drawings().picture(i))[0]) for i in range(count)]
    return Batch(torch.stack(pixels), unspelled([""] * count), torch.arange(count))


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_gradients_equal_those_of_transformers(normed, chunk):
    theirs = mae_peer(norm_pix_loss=normed)
    image = our_mae(theirs)
    image.config = type(image.config)(**{**vars(image.config), "norm_pix_loss": normed})
    ours = MAE(image, preparation=vit(SIDE)).requires_grad_(True).double()
    theirs = theirs.double().requires_grad_(True)
    draw = torch.Generator().manual_seed(1)
    pixels = torch.randn(5, 3, SIDE, SIDE, generator=draw, dtype=torch.float64)
    noise = torch.rand(5, (SIDE // image.cell) ** 2, generator=draw)
    value = theirs(pixels, noise=noise).loss
    value.backward()

    kept = noise.argsort(1)[:, : noise.shape[1] // 4]
    visible = [np.isin(np.arange(noise.shape[1]), row) for row in kept.numpy()]
    found = MaskedTask(ours).gradients(MaskedBatch(pixels, visible), chunk)
    assert found == {"loss": pytest.approx(value.item(), rel=1e-6)}
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, gradient in gradients(ours).items():
        for published, part in IN_MEMORY.stored(name, gradient).items():
            if expected.get(published) is not None:  # the positions of theirs learn nothing
                assert close(part, expected[published].reshape(part.shape), dtype="float64", tolerance=1e-9), name
    assert len(gradients(ours)) > 30


def test_a_lot_follows_from_seed_step_and_picture_alone():
    batch = drawings()
    few = Batch(batch.pixels[2:4], batch.words, batch.indices[2:4])
    lots = MaskedLoader(Always(batch), 4, seed=1)[5].visible
    assert [lot.sum() for lot in lots] == [4] * 8
    assert all(
        np.array_equal(*two) for two in zip(MaskedLoader(Always(few), 4, seed=1)[5].visible, lots[2:4], strict=True)
    )
    for other in (MaskedLoader(Always(batch), 4, seed=1)[6], MaskedLoader(Always(batch), 4, seed=2)[5]):
        assert not all(np.array_equal(*two) for two in zip(other.visible, lots, strict=True))
    assert not all(np.array_equal(lots[0], lot) for lot in lots)
    assert [lot.sum() for lot in MaskedLoader(Always(batch), 4, mask_ratio=0.5)[0].visible] == [8] * 8


def test_pictures_of_different_sizes_count_by_their_hidden_patches():
    """As if all patches were of one picture: the mean over all that are hidden."""
    model = fresh.mae(*SIZES).double()
    draw = torch.Generator().manual_seed(0)
    pixels = [torch.randn(3, *size, generator=draw, dtype=torch.float64) for size in ((16, 16), (8, 16), (16, 24))]
    visible = [np.arange(count) % 4 == 0 for count in (16, 8, 24)]
    task = MaskedTask(model)
    whole = task.gradients(MaskedBatch(pixels, visible), 0)["loss"], gradients(model)
    model.zero_grad()
    apart = task.gradients(MaskedBatch(pixels, visible), 1)["loss"], gradients(model)
    assert apart[0] == pytest.approx(whole[0])
    assert all(close(apart[1][name], whole[1][name], dtype="float64", tolerance=1e-10) for name in whole[1])
    assert task.size(MaskedBatch(pixels, visible)) == (3, 48)


@pytest.mark.parametrize("normed", [False, True])
def test_it_learns_to_paint_what_is_hidden(normed):
    model = fresh.mae(*SIZES, norm_pix_loss=normed)
    task, settings = MaskedTask(model, Drawings(broken=[2])), Settings(steps=100, learning_rate=5e-3)
    before, optimizer, loader = task.measure(), adamw(model, settings), MaskedLoader(Always(drawings(16)), 4)
    positions = model.image.positions.clone()
    for step in range(40):
        update(task, loader[step], optimizer, settings, step)
    assert before["explained"] < 0.02 < 0.1 < task.measure()["explained"] < 1
    assert torch.equal(model.image.positions, positions)
    assert model.training
    assert MaskedTask(model).measure() == {}


def test_an_encoder_alone_cannot_be_trained():
    model = fresh.mae(*SIZES)
    model.image = changed(model.image, decoder=None)
    with pytest.raises(LoadError, match="has no decoder"):
        MaskedTask(model)
