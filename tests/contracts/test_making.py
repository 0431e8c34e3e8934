import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.testing import make_picture, make_tokens, pictures, tokens
from lexel.tokens.meaning import Kind

# The shape checker of this suite looks at a random item of every list, which hypothesis takes for a careless strategy.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


def test_a_picture_is_seeded_and_read_only():
    assert np.array_equal(make_picture(7, 5).pixels, make_picture(7, 5).pixels)
    assert not np.array_equal(make_picture(7, 5).pixels, make_picture(7, 5, seed=1).pixels)
    assert not make_picture(7, 5).pixels.flags.writeable


def test_tokens_have_the_rasters_and_columns_asked_for():
    made = make_tokens((2, 3), (0, 0), protected=2, columns=["keys", "attention.cls"])
    assert made.counts.tolist() == [8, 2]
    assert made.grid(0).shape == (2, 3, 8)
    assert sorted(made.kind.tolist()) == [Kind.REGION] * 6 + [Kind.CLASS] * 2 + [Kind.REGISTER] * 2
    assert made["keys"].shape == (10, 6)
    assert made["attention.cls"].shape == (10,)


@pytest.mark.parametrize(("data", "dtype", "shape"), [("uint8", "uint8", (6, 8)), ("codes", "int64", (6,))])
def test_tokens_are_vectors_or_codes(data, dtype, shape):
    made = make_tokens((2, 3), data=data)
    assert (made.data.dtype, made.data.shape) == (np.dtype(dtype), shape)


@given(tokens(columns=["keys"]))
def test_every_drawn_batch_is_valid(drawn):
    assert drawn.check() is drawn
    assert len(drawn["keys"]) == drawn.total


@given(st.lists(pictures(max_side=5), max_size=3))
def test_every_drawn_picture_is_small_and_its_own_size(drawn):
    assert all(picture.pixels.shape == (*picture.size, 3) and max(picture.size) <= 5 for picture in drawn)


def test_the_contracts_need_neither_pytest_nor_hypothesis():
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "from lexel.testing import check_selector, make_tokens\n"
        "assert make_tokens((1, 1)).total == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
