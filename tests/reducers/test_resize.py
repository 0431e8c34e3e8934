"""Resizing a raster of tokens against Pillow's bilinear filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexel.errors import BadArguments
from lexel.reducers.resize import Resize
from lexel.tokens.protocols import Evidence
from tests.tokens.test_value import on_grids, with_class

side = st.integers(1, 9)


def resized(tokens, resize):
    return tokens.apply(resize.plan(Evidence.of(tokens)))


@given(side, side, side, side)
def test_resize_equals_pillows_bilinear(h, w, rows, cols):
    tokens = on_grids((h, w))
    data = np.random.default_rng(0).random((h * w, 3)).astype(np.float32)
    result = resized(tokens.with_(data=data), Resize(rows, cols)).grid(0)
    channels = [
        Image.fromarray(data.reshape(h, w, 3)[..., c]).resize((min(cols, w), min(rows, h)), Image.Resampling.BILINEAR)
        for c in range(3)
    ]
    np.testing.assert_allclose(result, np.stack([np.asarray(c) for c in channels], axis=2), atol=1e-5)


@given(side, side, st.integers(1, 90))
def test_resize_gives_at_most_the_tokens_asked_for(h, w, tokens):
    result = resized(on_grids((h, w)), Resize(tokens))
    assert 1 <= result.total <= tokens
    assert result.total == h * w or tokens < h * w
    assert result.mass.sum() == pytest.approx(h * w, rel=1e-5)


def test_aspect_is_kept():
    assert resized(on_grids((14, 14)), Resize(49)).pictures.grids.tolist() == [[7, 7]]
    assert resized(on_grids((12, 16)), Resize(48)).pictures.grids.tolist() == [[6, 8]]


def test_class_tokens_stay_and_are_not_counted():
    result = resized(with_class(on_grids((4, 4))), Resize(4))
    assert result.kind.tolist() == [1, 0, 0, 0, 0]


def test_sizes_are_whole_numbers_from_one(unchecked_shapes):
    for arguments in ((0,), (2, 0), (1.5,)):
        with pytest.raises(BadArguments, match="from 1"):
            Resize(*arguments)
