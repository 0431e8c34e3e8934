"""Entropy, perplexity and use against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.measures.codes import usage


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_entropy_perplexity_and_use_are_what_they_say(codes):
    [found] = usage(np.array(codes), [10])
    share = [codes.count(code) / len(codes) for code in set(codes)]
    assert math.isclose(found.entropy, -sum(p * math.log2(p) for p in share), abs_tol=1e-12)
    assert math.isclose(found.perplexity, 2**found.entropy)
    assert found.used == len(share) / 10


def test_each_codebook_has_its_use():
    once, all_ = usage(np.array([[0, 0], [0, 1]]), (4, 2))
    assert (once.entropy, once.perplexity, once.used) == (0.0, 1.0, 0.25)
    assert (all_.entropy, all_.perplexity, all_.used) == (1.0, 2.0, 1.0)


@pytest.mark.parametrize(("codes", "sizes"), [([], [4]), ([[0, 1]], [4]), ([0], []), ([4], [4]), ([-1], [4])], ids=repr)
def test_what_is_no_code_is_refused(codes, sizes):
    with pytest.raises(ValueError, match=r"usage is of codes|outside|negative"):
        usage(np.array(codes, np.int64), sizes)
