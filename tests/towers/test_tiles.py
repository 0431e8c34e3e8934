"""Tiles: more looks at one picture, each token in its place."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tolerances import close
from towers.duals import PICTURES
from towers.peers import SIDE

from lexel.errors import BadArguments
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind


def test_tiles_see_the_whole_picture_without_a_seam(clip_model):
    """Tile (1, 2) of 2 × 3 is the plain tower on that part of the stretched picture, and its boxes lie there."""
    tokens = clip_model.tokenize(PICTURES[:2], tiles=(2, 3))
    assert tokens.counts.tolist() == [6 * 17] * 2
    assert tokens["crop"].tolist() == [crop for crop in range(6) for _ in range(17)] * 2
    cells = tokens.kind[: 6 * 17] == Kind.REGION
    boxes = tokens.boxes[: 6 * 17][cells].reshape(2, 3, 4, 4, 4)
    grid = np.arange(13) / 12
    assert np.allclose(boxes.transpose(0, 2, 1, 3, 4).reshape(8, 12, 4)[0, :, 0], grid[:-1])
    assert np.allclose(boxes.transpose(0, 2, 1, 3, 4).reshape(8, 12, 4)[0, :, 2], grid[1:])
    assert np.allclose(tokens.boxes[0], [0, 0, 1 / 3, 1 / 2])  # the class token of the first tile
    stretched = np.asarray(Image.fromarray(PICTURES[0].pixels).resize((3 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC))
    part = replace(PICTURES[0], pixels=stretched[SIDE:, 2 * SIDE :], size=(SIDE, SIDE))
    assert close(tokens.data[5 * 17 : 6 * 17], clip_model.tokenize([part]).data)


def test_tiles_are_a_pipelines_argument_and_leave_the_shared_space(clip_model):
    one = clip_model.tokenize(PICTURES, tiles=(1, 2), space="shared")
    assert one.counts.tolist() == [34] * 3
    assert clip_model.tokenize([], tiles=(1, 2)).columns.keys() == {"crop"}
    merged = clip_model.inside(ToMe(r=2)).tokenize(PICTURES, tiles=(1, 2))
    assert merged.counts.tolist() == [22] * 3
    assert merged.mass.sum() == 3 * 34


def test_tiles_that_cannot_be_made_are_refused(clip_model, naflex_model):
    with pytest.raises(BadArguments, match="rows, columns"):
        clip_model.tokenize(PICTURES, tiles=(0, 2))
    with pytest.raises(BadArguments, match="nothing to tile"):
        naflex_model.tokenize(PICTURES, tiles=(2, 2))
