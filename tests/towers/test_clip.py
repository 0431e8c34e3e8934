"""CLIP's towers against those of `transformers`."""

import pytest
import torch
from tolerances import close
from towers.peers import LENGTH, PATCH, SIDE, VOCAB, clip_peer, our_clip

from lexel.errors import BadArguments
from lexel.kernels.linear import linear
from lexel.nn.positions import Resampling
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers.clip import ClipImage, ClipText


def pixels(*sizes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(3, *size, generator=draw) for size in sizes]


def ids(*counts, end, seed=0):
    """Texts of so many ids, the last of them the end; ids between are any others."""
    draw = torch.Generator().manual_seed(seed)
    texts = [torch.randint(3, VOCAB - 2, (count,), generator=draw) for count in counts]
    for text in texts:
        text[-1] = end
    return texts


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_image_tower_equals_transformers(activation):
    peer = clip_peer(activation=activation)
    image, _ = our_clip(peer)
    batch = torch.stack(pixels(*[(SIDE, SIDE)] * 3))
    theirs = peer.vision_model(batch)
    ours = image.encode_pixels(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(image.pooled(ours), peer.visual_projection(theirs.pooler_output))


@pytest.mark.parametrize("size", [(PATCH * 2, PATCH * 5), (PATCH * 6 + 3, PATCH + 1)])
def test_a_picture_of_another_raster_equals_transformers_with_interpolated_positions(size):
    peer = clip_peer()
    image, _ = our_clip(peer)
    [picture] = pixels(size)
    theirs = peer.vision_model(picture[None], interpolate_pos_encoding=True)
    assert close(image.encode_pixels([picture]).x, theirs.last_hidden_state[0])


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one():
    image, _ = our_clip(clip_peer())
    pictures = pixels((28, 28), (14, 35), (7, 7), (35, 21))
    batch = image.encode_pixels(pictures)
    rows = batch.x.split(list(batch.counts))
    pooled = image.pooled(batch)
    assert batch.counts == (17, 11, 2, 16)
    for b, picture in enumerate(pictures):
        alone = image.encode_pixels([picture])
        assert close(alone.x, rows[b], tolerance=1e-6)
        assert close(image.pooled(alone)[0], pooled[b], tolerance=1e-6)


def test_no_pictures_are_no_tokens():
    image, _ = our_clip(clip_peer())
    empty = image.encode_pixels([])
    assert empty.x.shape == (0, 32)
    assert image.pooled(empty).shape == (0, 20)


def test_rows_are_the_class_token_and_then_the_raster():
    image, _ = our_clip(clip_peer())
    packed = image.encode_pixels(pixels((14, 21)))
    assert packed.kind.tolist() == [Kind.CLASS] + [Kind.REGION] * 6
    assert packed.grid.tolist() == [[2, 3]]


@pytest.mark.parametrize("wrong", [(1, 28, 28), (3, 28), (3, 28, 6)])
def test_pixels_of_another_shape_are_refused(wrong):
    image, _ = our_clip(clip_peer())
    with pytest.raises(BadArguments, match=r"\[3, H, W\]"):
        image.encode_pixels([torch.zeros(wrong)])


@pytest.mark.parametrize("end", [2, 50])
def test_text_tower_equals_transformers(end):
    """The published rule reads the largest id where the config says 2, else the first end."""
    peer = clip_peer(end=end)
    _, text = our_clip(peer, end=None if end == 2 else end)
    batch = torch.stack(ids(*[LENGTH] * 3, end=VOCAB - 1))
    batch[:, 6] = end if end != 2 else VOCAB - 1
    theirs = peer.text_model(batch)
    ours = text.encode_ids(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(text.pooled(ours, batch), peer.text_projection(theirs.pooler_output))


def test_texts_without_padding_equal_those_with_it():
    _, text = our_clip(clip_peer(end=50), end=50)
    texts = ids(3, LENGTH, 5, end=50)
    padded = torch.full((3, LENGTH), 50)
    for row, one in zip(padded, texts, strict=True):
        row[: len(one)] = one
    short = text.pooled(text.encode_ids(texts), texts)
    assert close(short, text.pooled(text.encode_ids(padded), padded), tolerance=1e-6)


def test_a_text_without_an_end_is_refused():
    _, text = our_clip(clip_peer(end=50), end=50)
    texts = ids(4, end=9)
    with pytest.raises(BadArguments, match="no end token"):
        text.pooled(text.encode_ids(texts), texts)


@pytest.mark.parametrize("wrong", [torch.zeros(LENGTH + 1, dtype=torch.int64), torch.tensor([VOCAB])])
def test_a_text_that_the_tower_cannot_read_is_refused(wrong):
    _, text = our_clip(clip_peer())
    with pytest.raises(BadArguments, match="ids"):
        text.encode_ids([wrong])


def test_openclip_stretches_positions_with_antialias():
    """Literal: torch's own resize of the table, with antialias, is what the first block sees."""
    peer = clip_peer()
    image, _ = our_clip(peer, resampling=Resampling(antialias=True))
    plain, _ = our_clip(peer)
    [picture] = pixels((14, 14))
    cells = picture.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).permute(1, 2, 0, 3, 4).reshape(4, -1)
    table = image.positions[1:].view(1, 4, 4, -1).permute(0, 3, 1, 2)
    table = torch.nn.functional.interpolate(table, size=(2, 2), mode="bicubic", antialias=True)
    first = linear(cells, image.patches.weight.flatten(1)) + table[0].flatten(1).T
    begun = torch.cat([(image.class_token + image.positions[0])[None], first])
    assert close(image.trace([picture]).start.x, image.norm_in(begun))
    assert not close(plain.trace([picture]).start.x, image.norm_in(begun))


def test_merging_no_token_is_the_plain_tower():
    image, _ = our_clip(clip_peer())
    batch = torch.stack(pixels((SIDE, SIDE), (SIDE, SIDE)))
    merged = image.with_inside(ToMe(r=0))
    assert torch.equal(merged.encode_pixels(batch).x, image.encode_pixels(batch).x)


@pytest.mark.parametrize(
    ("width", "depth", "patch", "grid", "text_width", "heads", "embed", "image_count", "text_count", "whole"),
    [
        (768, 12, 32, 7, 512, 8, 512, 87_456_000, 63_165_952, 151_277_313),
        (768, 12, 16, 14, 512, 8, 512, None, 63_165_952, 149_620_737),
        (1024, 24, 14, 16, 768, 12, 768, 303_179_776, 123_060_480, 427_616_513),
        (1024, 24, 14, 24, 768, 12, 768, None, 123_060_480, 427_944_193),
    ],
)
def test_parameter_counts_are_the_published_ones(
    width, depth, patch, grid, text_width, heads, embed, image_count, text_count, whole
):
    with torch.device("meta"):
        image = ClipImage(ImageConfig(Blocks(width, depth, width // 64, 4 * width), patch, grid, embed))
        text = ClipText(TextConfig(Blocks(text_width, 12, heads, 4 * text_width), 49_408, 77, embed))
    count = {"image": parameters(image), "text": parameters(text)}
    assert count["text"] - embed * text_width == text_count
    assert image_count is None or count["image"] - embed * width == image_count
    assert count["image"] + count["text"] + 1 == whole  # and logit_scale


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())
