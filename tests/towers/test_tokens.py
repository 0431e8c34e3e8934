"""What leaves a tower: cells that show nothing of their picture are padding, whatever made the margin."""

import numpy as np
import pytest
from towers.peers import PATCH, clip_peer, our_clip

from lexel.contracts.making import make_picture
from lexel.pictures.prepare import Longest, LongestEdge, Preparation
from lexel.reducers.pool import Pool
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.tokens.value import Tokens
from lexel.towers._backbone import Backbone

SIDE = 4 * PATCH
LETTERBOX = Preparation(Longest((SIDE, SIDE)), crop=(SIDE, SIDE), rounding="even")
CORNER = Preparation(LongestEdge(SIDE), pad=(SIDE, SIDE))
# Of four rows of cells a picture of 10 × 40 shows in one or two: 7 pixels high, in the middle or above.
SHOWN = {"letterbox": (LETTERBOX, [5, 6, 7, 8, 9, 10, 11, 12], (2, 4)), "corner": (CORNER, [1, 2, 3, 4], (1, 4))}


def backbone(preparation):
    return Backbone(our_clip(clip_peer())[0], preparation=preparation, name="./tiny", digest="weights")


@pytest.mark.parametrize("place", SHOWN)
def test_cells_of_a_margin_are_padding(place, tmp_path):
    preparation, regions, grid = SHOWN[place]
    tokens = backbone(preparation).tokenize([make_picture(10, 40)])
    assert np.flatnonzero(tokens.kind == Kind.REGION).tolist() == regions
    assert tokens.kind.tolist().count(Kind.PADDING) == 16 - len(regions)
    assert (tokens.boxes[tokens.kind == Kind.PADDING] == (0, 0, 1, 1)).all()
    assert tokens.grid(0).shape[:2] == grid
    tokens.save(tmp_path / "margin.safetensors")
    assert Tokens.load(tmp_path / "margin.safetensors").equals(tokens)


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("size", [(10, 40), (40, 10), (33, 40), (1, 300), (40, 40)])
def test_boxes_beside_a_margin_tile_the_picture(place, size):
    tokens = backbone(SHOWN[place][0]).tokenize([make_picture(*size)])
    boxes = tokens.boxes[tokens.kind == Kind.REGION].astype(float)
    h, w = tokens.pictures.grids[0]
    x, y = np.append(boxes[:w, 0], 1), np.append(boxes[::w, 1], 1)
    assert (x[0], y[0]) == (0, 0)
    literal = [(x[c], y[r], x[c + 1], y[r + 1]) for r in range(h) for c in range(w)]
    assert np.array_equal(boxes, literal)


def test_a_picture_without_a_margin_is_as_it_was_beside_one_with():
    model = backbone(CORNER)
    square, wide = make_picture(40, 40), make_picture(10, 40)
    assert model.tokenize([wide, square])[1].equals(model.tokenize([square]))
    assert (model.tokenize([square]).kind[1:] == Kind.REGION).all()


@pytest.mark.parametrize("selector", [ToMe(r=3), Pool(2)])
def test_tokens_merged_with_a_margin_are_good_tokens_without_a_raster(selector):
    model = backbone(LETTERBOX).inside(selector, layers=(0,))
    square, wide = make_picture(40, 40), make_picture(10, 40)
    tokens = model.tokenize([square, wide]).check()
    assert tokens.pictures.grids.tolist() == [[2, 2] if isinstance(selector, Pool) else [0, 0], [0, 0]]
