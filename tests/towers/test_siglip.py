"""SigLIP's towers, fixed and NaFlex, against those of `transformers`."""

import pytest
import torch
from tolerances import close
from towers.peers import LENGTH, PATCH, SIDE, VOCAB, naflex_peer, our_siglip, siglip_peer
from towers.test_clip import parameters, pixels

from lexel.errors import BadArguments
from lexel.reducers.tome import ToMe
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers.siglip import SiglipImage, SiglipText


def test_image_tower_equals_transformers():
    peer = siglip_peer()
    image, _ = our_siglip(peer)
    batch = torch.stack(pixels(*[(SIDE, SIDE)] * 3))
    theirs = peer.vision_model(batch)
    ours = image.encode_pixels(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(image.pooled(ours), theirs.pooler_output)


def test_a_picture_of_another_raster_equals_transformers_with_interpolated_positions():
    peer = siglip_peer()
    image, _ = our_siglip(peer)
    [picture] = pixels((PATCH * 3, PATCH * 5 + 2))
    theirs = peer.vision_model(picture[None], interpolate_pos_encoding=True)
    ours = image.encode_pixels([picture])
    assert close(ours.x, theirs.last_hidden_state[0])
    assert close(image.pooled(ours), theirs.pooler_output)


def test_text_tower_equals_transformers():
    peer = siglip_peer()
    _, text = our_siglip(peer)
    batch = torch.randint(0, VOCAB, (3, LENGTH), generator=torch.Generator().manual_seed(0))
    theirs = peer.text_model(batch)
    ours = text.encode_ids(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(text.pooled(ours, batch), theirs.pooler_output)


def test_naflex_equals_transformers():
    """Pictures of three rasters: theirs padded and masked in one batch, ours packed."""
    peer = naflex_peer()
    image, _ = our_siglip(peer, naflex=True)
    grids = [(4, 4), (2, 6), (5, 3)]
    pictures = pixels(*((h * PATCH, w * PATCH) for h, w in grids))
    most = max(h * w for h, w in grids)
    rows = torch.zeros(3, most, PATCH * PATCH * 3)
    mask = torch.zeros(3, most, dtype=torch.int64)
    for b, (picture, (h, w)) in enumerate(zip(pictures, grids, strict=True)):
        cells = picture.view(3, h, PATCH, w, PATCH).permute(1, 3, 2, 4, 0)
        rows[b, : h * w], mask[b, : h * w] = cells.reshape(h * w, -1), 1
    theirs = peer.vision_model(rows, mask, torch.tensor(grids))
    ours = image.encode_pixels(pictures)
    assert close(ours.x, theirs.last_hidden_state[mask.bool()])
    assert close(image.pooled(ours), theirs.pooler_output)


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one():
    image, _ = our_siglip(naflex_peer(), naflex=True)
    pictures = pixels((28, 28), (14, 35), (7, 7))
    batch = image.encode_pixels(pictures)
    rows, pooled = batch.x.split(list(batch.counts)), image.pooled(batch)
    for b, picture in enumerate(pictures):
        alone = image.encode_pixels([picture])
        assert close(alone.x, rows[b], tolerance=1e-6)
        assert close(image.pooled(alone)[0], pooled[b], tolerance=1e-6)


def test_a_token_where_words_live_is_a_picture_of_that_token_alone():
    image, _ = our_siglip(siglip_peer())
    one = image.encode_pixels(pixels((PATCH, PATCH)))
    assert close(image.shared(one), image.pooled(one))


def test_merging_no_token_is_the_plain_tower():
    image, _ = our_siglip(siglip_peer())
    batch = torch.stack(pixels((SIDE, SIDE)))
    assert torch.equal(image.with_inside(ToMe(r=0)).encode_pixels(batch).x, image.encode_pixels(batch).x)


def test_a_tower_that_was_saved_without_its_head_refuses_to_pool():
    image = SiglipImage(ImageConfig(Blocks(8, 1, 2, 8, "gelu_pytorch_tanh", 1e-6), PATCH, 4, None))
    with pytest.raises(BadArguments, match="head"):
        image.pooled(image.encode_pixels(pixels((SIDE, SIDE))))


@pytest.mark.parametrize(
    ("width", "depth", "heads", "hidden", "patch", "grid", "vocab", "embed", "text", "whole"),
    [
        (768, 12, 12, 3072, 16, 14, 32_000, 768, None, 203_155_970),
        (768, 12, 12, 3072, 16, 14, 256_000, 768, None, 375_187_970),
        (1024, 24, 16, 4096, 16, 16, 32_000, 1024, None, 652_150_786),
        (1152, 27, 16, 4304, 14, 16, 32_000, 1152, None, 877_415_602),
        (1152, 27, 16, 4304, 14, 27, 32_000, 1152, None, 877_960_498),
        (1536, 40, 16, 6144, 16, 16, 256_000, 1536, (1152, 27, 16, 4304), 1_871_393_906),
    ],
)
def test_parameter_counts_are_the_published_ones(width, depth, heads, hidden, patch, grid, vocab, embed, text, whole):
    blocks = Blocks(width, depth, heads, hidden, "gelu_pytorch_tanh", 1e-6)
    words = Blocks(*text, "gelu_pytorch_tanh", 1e-6) if text else blocks
    with torch.device("meta"):
        image = SiglipImage(ImageConfig(blocks, patch, grid, embed))
        spoken = SiglipText(TextConfig(words, vocab, 64, embed))
    assert parameters(image) + parameters(spoken) + 2 == whole  # and logit_scale, logit_bias
