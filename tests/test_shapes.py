"""The suite checks shapes, and whoever does not ask for it pays nothing."""

import subprocess
import sys

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from lexel.pictures.picture import Picture
from lexel.ragged.ops import segment_match, segment_sum

SPLITS = np.array([0, 2], np.int64)


def test_a_call_of_the_right_shape_passes() -> None:
    assert segment_sum(np.ones((2, 3)), SPLITS).shape == (1, 3)


def test_a_call_of_the_wrong_shape_is_refused_in_the_suite() -> None:
    with pytest.raises(TypeCheckError, match="splits"):
        segment_sum(np.ones((2, 3)), SPLITS[None])


def test_a_call_of_the_wrong_dtype_is_refused_in_the_suite() -> None:
    with pytest.raises(TypeCheckError, match="splits"):
        segment_sum(np.ones((2, 3)), SPLITS.astype(np.float32))


def test_a_record_with_a_field_of_the_wrong_shape_is_refused_in_the_suite() -> None:
    with pytest.raises(TypeCheckError, match="pixels"):
        Picture(np.zeros((4, 4), np.uint8), "grey", (4, 4), "")


def test_two_arguments_that_share_a_letter_must_agree_in_the_suite() -> None:
    with pytest.raises(TypeCheckError, match="b_splits"):
        segment_match(np.ones((2, 3)), SPLITS, np.ones((2, 3)), np.array([0, 1, 2]))


def test_without_the_suite_nothing_checks_and_nothing_is_loaded() -> None:
    code = """
import sys, numpy as np
from lexel.ragged.ops import segment_sum
assert segment_sum.__annotations__["x"].__metadata__ == ("N *rest",)
assert not {"jaxtyping", "beartype"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
