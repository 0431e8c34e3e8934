"""Work ahead on threads: the same answers in the same order, and no more of them waiting than was said."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lexel
from lexel.contracts.making import make_picture
from lexel.errors import Truncated
from lexel.pictures.picture import Source
from lexel.runs.threads import ahead, each


@given(st.lists(st.integers()), st.integers(0, 5), st.integers(0, 3))
def test_ahead_is_map_in_the_order_of_the_items(items, depth, threads):
    assert list(ahead(lambda x: 2 * x, iter(items), depth=depth, threads=threads)) == [2 * x for x in items]


def test_no_more_items_are_taken_than_may_wait():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = ahead(lambda x: x, items(), depth=3, threads=2)
    assert next(results) == 0
    assert len(taken) == 4
    results.close()
    assert len(taken) == 4


def test_the_next_item_is_worked_on_while_the_caller_is_busy():
    started = threading.Event()
    results = ahead(lambda x: x and started.set(), [0, 1, 2], threads=1)
    next(results)
    assert started.wait(timeout=30)  # nobody has asked for the second one yet
    results.close()


def test_an_error_comes_when_its_turn_comes():
    results = ahead(lambda x: 6 // x, [3, 2, 0, 1])
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def name_and_mean(picture):
    return picture.name, float(picture.pixels.mean())


def test_pictures_are_decoded_by_the_threads_that_work_on_them():
    held = [make_picture(5, 7, seed=seed) for seed in range(9)]
    read = lexel.read([Source(picture.name, picture.pixels) for picture in held])
    assert list(each(read, name_and_mean)) == [name_and_mean(picture) for picture in read]
    assert list(each(iter(held), name_and_mean)) == [name_and_mean(picture) for picture in held]
    assert list(each([], name_and_mean)) == []


def test_a_picture_that_fails_raises_or_is_left_out_as_it_was_read(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    sources = [Source("a", pixels), Source("b.png", b"\x89PNG\r\n\x1a\n"), Source("c", pixels)]
    assert [name for name, _ in each(lexel.read(sources, on_error="skip"), name_and_mean)] == ["a", "c"]
    with pytest.raises(Truncated, match=r"b\.png"):
        list(each(lexel.read(sources), name_and_mean))
