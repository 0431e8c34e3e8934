"""Batches are a function of the step: exact order, exact resume, exact parts, and no picture is lost without a line."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training.sets import Numbers, folder

from lexel.errors import BadArguments, DataError
from lexel.pictures.augment import Augmentation
from lexel.training.data import pairs
from lexel.training.loader import PairLoader, order, unspelled
from lexel.training.task import Loader, drawn
from lexel.words.bpe import ClipSpeller

SPELLER = ClipSpeller.published()


def prepare(picture, seed):
    return picture.pixels.transpose(2, 0, 1).astype(np.float32)


def loader(data, batch=4, *, seed=0, spell=unspelled, prepare=prepare, **ranks):
    return PairLoader(data, prepare, spell, batch, seed=seed, **ranks)


def seen(of, steps):
    return [index for step in steps for index in of[step].indices.tolist()]


def test_a_batch_holds_pixels_words_and_numbers():
    one = loader(Numbers(600), 3, spell=SPELLER)[1]
    assert isinstance(loader(Numbers(1)), Loader)
    assert (one.pixels.dtype, one.pixels.shape, len(one)) == (torch.float32, (3, 3, 1, 1), 3)
    assert one.indices.dtype == torch.int64
    assert [high * 256 + low for _, high, low in one.pixels[:, :, 0, 0].int().tolist()] == one.indices.tolist()
    assert one.words.texts == tuple(f"{index} 0" for index in one.indices.tolist())
    assert np.array_equal(one.words.ids, SPELLER(one.words.texts).ids)


@settings(max_examples=25)
@given(count=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 99))
def test_every_epoch_shows_each_pair_once_and_batches_run_over_its_end(count, batch, seed):
    epochs = 3
    steps = range(-(-epochs * count // batch))
    all_seen = seen(loader(Numbers(count), batch, seed=seed), steps)
    for epoch in range(epochs):
        one = all_seen[epoch * count : (epoch + 1) * count]
        assert sorted(one) == list(range(count))
        assert one == order(seed, epoch, count=count).tolist()


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [tuple(order(seed, epoch, count=50)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert order(1, 2, count=8).tolist() == [3, 2, 0, 4, 1, 6, 5, 7]


@settings(max_examples=25)
@given(count=st.integers(1, 30), share=st.integers(1, 5), world=st.integers(1, 4), step=st.integers(0, 20))
def test_ranks_part_a_batch_exactly(count, share, world, step):
    whole = loader(Numbers(count), share * world)[step].indices.tolist()
    parts = [
        loader(Numbers(count), share * world, rank=rank, world=world)[step].indices.tolist() for rank in range(world)
    ]
    assert [index for part in parts for index in part] == whole


@settings(max_examples=25)
@given(asked=st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_a_step_is_the_same_whatever_was_asked_before(asked):
    data = Numbers(11, said=lambda index: 3, broken=[4])
    one = loader(data, 4, spell=SPELLER)
    for step in asked:
        batch, fresh = one[step], loader(data, 4, spell=SPELLER)[step]
        assert torch.equal(batch.pixels, fresh.pixels)
        assert torch.equal(batch.indices, fresh.indices)
        assert batch.words.texts == fresh.words.texts


def test_a_caption_is_drawn_for_every_epoch():
    data = Numbers(2, said=lambda index: 5)
    texts = [text for step in range(100) for text in loader(data, 2)[step].words.texts]
    counts = [sum(text == f"{index} {caption}" for text in texts) for index in range(2) for caption in range(5)]
    assert sum(counts) == 200
    assert min(counts) > 8
    data.captions = lambda index: ()
    assert loader(data, 2)[0].words.texts == ("", "")


def test_augmentation_is_drawn_for_every_pair_and_epoch():
    seeds = {}

    def noted(picture, seed):
        seeds.setdefault(picture.name, []).append(seed)
        return prepare(picture, seed)

    one = loader(Numbers(3), 3, seed=5, prepare=noted)
    for step in range(2):
        one[step]
    for index in range(3):
        assert {drawn(5, "augment", epoch, index) for epoch in range(2)} <= set(seeds[f"{index}.png"])


def test_a_picture_that_cannot_be_read_is_replaced_from_half_an_epoch_on_and_named_once():
    data = Numbers(10, broken=[3, 8])
    one = loader(data, 5, seed=2)
    got = seen(one, range(4))
    expected = []
    for number in range(20):
        epoch, place = divmod(number, 10)
        places = [place, *((place + 5 + further) % 10 for further in range(10))]
        found = [int(order(2, epoch, count=10)[at]) for at in places]
        expected.append(next(index for index in found if index not in (3, 8)))
    assert got == expected
    assert [(line.name, line.status, line.error) for line in one.failures] == [
        ("3.png", "failed", "Corrupt"),
        ("8.png", "failed", "Corrupt"),
    ]
    assert (data.asked.count(3), data.asked.count(8)) <= (2, 2)  # two threads may meet


def test_where_no_picture_can_be_read_it_says_so():
    one = loader(Numbers(3, broken=range(3)))
    for _ in range(2):
        with pytest.raises(DataError, match=r"numbers: no picture of it can be read: 0.png: the decoder gave up"):
            one[0]
    assert len(one.failures) == 3


def test_pictures_of_several_sizes_are_a_list(tmp_path):
    from training.sets import png

    folder(tmp_path, {"a.png": png(height=4), "a.txt": "a", "b.png": png(height=5), "b.txt": "b"})
    batch = loader(pairs(tmp_path), 2)[0]
    assert sorted(tuple(x.shape) for x in batch.pixels) == [(3, 4, 9), (3, 5, 9)]


def test_a_folder_is_loaded_augmented_to_the_same_bits(tmp_path):
    folder(tmp_path, {f"{n}.png": n for n in range(6)} | {f"{n}.txt": f"number {n}" for n in range(6)})
    change = Augmentation(crop=(0.5, 0.5), flip=0.5, color=0.3)
    data = pairs(tmp_path)
    one = loader(data, 4, prepare=lambda picture, seed: prepare(change(picture, seed), seed))
    for step in (0, 1, 2):
        batch = one[step]
        for place, index in enumerate(batch.indices.tolist()):
            epoch = (step * 4 + place) // 6
            expected = change(data.picture(index), drawn(0, "augment", epoch, index)).pixels
            assert np.array_equal(batch.pixels[place].numpy().transpose(1, 2, 0), expected)


def test_steps_ahead_are_computed_while_one_is_used_and_no_thread_outlives_the_loader():
    data, before = Numbers(100), set(threading.enumerate())
    one = loader(data, 4)
    assert one[0].indices.tolist() + one[1].indices.tolist() == order(0, 0, count=100)[:8].tolist()
    assert set(threading.enumerate()) > before
    del one
    assert set(threading.enumerate()) <= before
    assert 8 <= len(data.asked) == len(set(data.asked)) < 100


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 3, "world": 2}, {"rank": 2, "world": 2}, {"rank": -1}])
def test_a_batch_that_cannot_be_parted_is_refused(wrong):
    with pytest.raises(BadArguments, match="equal parts"):
        loader(Numbers(5), **wrong)


def test_nothing_cannot_be_loaded():
    with pytest.raises(BadArguments, match="numbers: there are no pairs to load"):
        loader(Numbers(0))
