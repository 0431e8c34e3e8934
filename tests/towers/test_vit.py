"""ViT and DeiT against those of `transformers`."""

import pytest
import torch
from tolerances import close
from towers.test_clip import parameters, pixels
from towers.vit_peers import PATCH, SIDE, our_vit, vit_peer

from lexel.errors import BadArguments
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers.vit import ViTConfig, ViTImage


def test_vit_equals_transformers():
    peer = vit_peer()
    image = our_vit(peer)
    batch = torch.stack(pixels(*[(SIDE, SIDE)] * 3))
    theirs = peer(batch).last_hidden_state
    ours = image.encode_pixels(batch)
    assert close(ours.x, theirs.flatten(0, 1))
    assert close(image.pooled(ours), theirs[:, 0])


def test_deit_equals_transformers():
    peer = vit_peer(distilled=True)
    image = our_vit(peer, distilled=True)
    batch = torch.stack(pixels(*[(SIDE, SIDE)] * 3))
    ours = image.encode_pixels(batch)
    assert close(ours.x, peer(batch).last_hidden_state.flatten(0, 1))
    assert ours.kind[:18].tolist() == [Kind.CLASS, Kind.REGISTER] + [Kind.REGION] * 16
    assert image.pooled(ours).shape == (3, 32)


@pytest.mark.parametrize("distilled", [False, True])
@pytest.mark.parametrize("size", [(PATCH * 2, PATCH * 5), (PATCH * 6 + 3, PATCH + 1), (PATCH * 2, PATCH * 8)])
def test_vit_of_another_size_equals_transformers(size, distilled):
    """The last size has as many patches as the square one, and other positions."""
    peer = vit_peer(distilled=distilled)
    [picture] = pixels(size)
    theirs = peer(picture[None], interpolate_pos_encoding=True)
    assert close(our_vit(peer, distilled=distilled).encode_pixels([picture]).x, theirs.last_hidden_state[0])


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one():
    image = our_vit(vit_peer(distilled=True), distilled=True)
    pictures = pixels((28, 28), (14, 35), (7, 7))
    batch = image.encode_pixels(pictures)
    assert batch.counts == (18, 12, 3)
    for rows, picture in zip(batch.x.split(list(batch.counts)), pictures, strict=True):
        assert close(image.encode_pixels([picture]).x, rows, tolerance=1e-6)


def test_no_pictures_are_no_tokens():
    image = our_vit(vit_peer())
    empty = image.encode_pixels([])
    assert empty.x.shape == (0, 32)
    assert image.pooled(empty).shape == (0, 32)


def test_learned_tokens_without_positions_are_those_with_positions_of_zero():
    """FlexiViT's table has no row for the class token."""
    peer = vit_peer()
    placed = our_vit(peer)
    with torch.no_grad():
        placed.positions[0] = 0
    state = placed.state_dict()
    bare = ViTImage(ViTConfig(placed.config.blocks, PATCH, SIDE // PATCH, placed=False))
    bare.load_state_dict(state | {"positions": state["positions"][1:]})
    [picture] = pixels((SIDE, SIDE + PATCH))
    assert torch.equal(bare.encode_pixels([picture]).x, placed.encode_pixels([picture]).x)


def test_merging_no_token_is_the_plain_tower():
    image = our_vit(vit_peer())
    batch = torch.stack(pixels((SIDE, SIDE)))
    assert torch.equal(image.with_inside(ToMe(r=0)).encode_pixels(batch).x, image.encode_pixels(batch).x)


@pytest.mark.parametrize("wrong", [(1, 28, 28), (3, 28), (3, 28, 6)])
def test_pixels_of_another_shape_are_refused(wrong):
    with pytest.raises(BadArguments, match=r"\[3, H, W\]"):
        our_vit(vit_peer()).encode_pixels([torch.zeros(wrong)])


@pytest.mark.parametrize(
    ("width", "depth", "heads", "patch", "grid", "distilled", "count"),
    [
        (192, 12, 3, 16, 14, False, 5_524_416),
        (384, 12, 6, 16, 14, False, 21_665_664),
        (768, 12, 12, 16, 14, False, 85_798_656),
        (768, 12, 12, 32, 7, False, 87_455_232),
        (768, 12, 12, 16, 14, True, 85_800_192),
        (1024, 24, 16, 16, 14, False, 303_301_632),
        (1280, 32, 16, 14, 16, False, 630_764_800),
    ],
)
def test_vit_has_the_published_number_of_parameters(width, depth, heads, patch, grid, distilled, count):
    with torch.device("meta"):
        image = ViTImage(ViTConfig(Blocks(width, depth, heads, 4 * width, "gelu"), patch, grid, distilled))
    assert parameters(image) == count
