"""Masked autoencoders against `transformers`: both halves, the masks and the loss."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.test_clip import parameters, pixels
from towers.vit_peers import DEPTH, PATCH, SIDE, mae_peer, our_mae

from lexel.reducers.tome import ToMe
from lexel.towers._config import Blocks
from lexel.towers.mae import MAEConfig, MAEImage, masked_loss, pixel_rows

CELLS = (SIDE // PATCH) ** 2


@pytest.fixture(scope="module")
def peer():
    return mae_peer()


@pytest.fixture(scope="module")
def image(peer):
    return our_mae(peer)


@pytest.fixture(scope="module")
def batch():
    return torch.stack(pixels(*[(SIDE, SIDE)] * 3))


@pytest.fixture(scope="module")
def noise():
    return torch.rand(3, CELLS, generator=torch.Generator().manual_seed(3))


def shown(noise, ratio=0.75):
    """Which patches the published way keeps for this noise."""
    count = int(noise.shape[1] * (1 - ratio))
    keep = noise.argsort(dim=1)[:, :count].sort(dim=1).values
    return keep, [np.isin(np.arange(noise.shape[1]), row) for row in keep.numpy()]


def test_the_encoder_equals_transformers(peer, image, batch):
    """`transformers` always masks, and shuffles what it keeps: noise in raster order and a ratio of 0 undo both."""
    plain = mae_peer(mask_ratio=0.0)
    plain.load_state_dict(peer.state_dict())
    theirs = plain.vit(batch, noise=torch.arange(CELLS).expand(3, -1)).last_hidden_state
    ours = image.encode_pixels(batch)
    assert close(ours.x, theirs.flatten(0, 1))
    assert close(image.pooled(ours), theirs[:, 0])


def test_the_encoder_of_another_size_equals_transformers(peer, image):
    plain = mae_peer(mask_ratio=0.0)
    plain.load_state_dict(peer.state_dict())
    [picture] = pixels((PATCH * 2, PATCH * 5))
    theirs = plain.vit(picture[None], noise=torch.arange(10)[None], interpolate_pos_encoding=True)
    assert close(image.encode_pixels([picture]).x, theirs.last_hidden_state[0])


def test_visible_patches_equal_transformers_with_the_same_mask(peer, image, batch, noise):
    theirs = peer.vit(batch, noise=noise)
    keep, visible = shown(noise)
    assert torch.equal(theirs.mask == 0, torch.from_numpy(np.stack(visible)))
    order = noise.argsort(dim=1)[:, : keep.shape[1]].argsort(dim=1)  # theirs in raster order
    rows = torch.gather(theirs.last_hidden_state[:, 1:], 1, order[..., None].expand(-1, -1, 32))
    ours = image.see(batch, visible)
    assert close(ours.packed.x.view(3, -1, 32)[:, 1:], rows)
    assert close(image.pooled(ours.packed), theirs.last_hidden_state[:, 0])
    assert ours.start.grid.tolist() == [[4, 4]] * 3
    assert ours.packed.counts == (5, 5, 5)


def test_the_decoder_equals_transformers_with_the_same_mask(peer, image, batch, noise):
    theirs = peer(batch, noise=noise)
    _, visible = shown(noise)
    painted = image.paint(batch, visible)
    assert close(painted, theirs.logits.flatten(0, 1))
    assert close(pixel_rows(batch, PATCH), peer.patchify(batch).flatten(0, 1), tolerance=1e-12)


@pytest.mark.parametrize("norm_pix_loss", [False, True])
def test_the_loss_equals_transformers_with_the_same_mask(batch, noise, norm_pix_loss):
    peer = mae_peer(norm_pix_loss=norm_pix_loss)
    _, visible = shown(noise)
    hidden = torch.from_numpy(~np.concatenate(visible))
    loss = masked_loss(
        our_mae(peer).paint(batch, visible), pixel_rows(batch, PATCH), hidden, norm_pix_loss=norm_pix_loss
    )
    assert close(loss, peer(batch, noise=noise).loss)


def test_the_loss_does_not_look_at_visible_patches(batch):
    wanted = pixel_rows(batch, PATCH)
    hidden = torch.arange(len(wanted)) % 4 > 0
    painted = torch.zeros_like(wanted)
    before = masked_loss(painted, wanted, hidden)
    wanted[~hidden] += 9
    assert masked_loss(painted, wanted, hidden) == before
    wanted[hidden.nonzero()[0]] += 9
    assert masked_loss(painted, wanted, hidden) > before


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one(image):
    pictures = pixels((28, 28), (14, 35), (7, 7))
    visible = [np.arange(count) % 3 == 0 for count in (16, 10, 1)]
    together = image.paint(pictures, visible).split([16, 10, 1])
    for rows, picture, mask in zip(together, pictures, visible, strict=True):
        assert close(image.paint([picture], [mask]), rows, tolerance=1e-6)


def test_no_pictures_are_painted_as_none(image):
    assert image.paint([], []).shape == (0, PATCH * PATCH * 3)


def test_a_selector_inside_acts_on_what_is_visible(image, batch, noise):
    _, visible = shown(noise)
    merged = image.with_inside(ToMe(r=1)).see(batch, visible)
    assert merged.packed.counts == (5 - DEPTH,) * 3
    assert len(merged.plans) == 1 + DEPTH


def test_gradients_reach_both_halves_and_not_the_hidden_patches(image, batch, noise):
    _, visible = shown(noise)
    seen = batch.clone().requires_grad_()
    image.paint(seen, visible).sum().backward()
    by_patch = pixel_rows(seen.grad, PATCH).abs().sum(1)
    assert torch.equal(by_patch > 0, torch.from_numpy(np.concatenate(visible)))


@pytest.mark.parametrize(
    ("width", "depth", "heads", "patch", "grid", "count"),
    [(768, 12, 12, 16, 14, 111_907_840), (1024, 24, 16, 16, 14, 329_541_888), (1280, 32, 16, 14, 16, 657_074_508)],
)
def test_mae_has_the_published_number_of_parameters(width, depth, heads, patch, grid, count):
    decoder = Blocks(512, 8, 16, 2048, "gelu")
    with torch.device("meta"):
        image = MAEImage(MAEConfig(Blocks(width, depth, heads, 4 * width, "gelu"), patch, grid, decoder=decoder))
    assert parameters(image) == count
    assert width != 768 or parameters(image) - parameters(image.decoder) == 85_798_656
