"""A masked autoencoder as users call it: masks that repeat, tokens that know their places, pictures painted again."""

import numpy as np
import pytest
import torch
from towers.vit_peers import PATCH, SIDE, mae_peer, our_mae

from lexel.contracts.making import make_picture
from lexel.drawing.views import undone
from lexel.errors import BadArguments, LoadError, TokensError
from lexel.nn.loaded import changed
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation, Shortest
from lexel.pictures.published import HALF, vit
from lexel.pipelines.compose import pipeline
from lexel.pipelines.resolve import AskedAndUndone
from lexel.reducers.tome import ToMe
from lexel.testing import TOKENIZER_CHECKS
from lexel.tokens.meaning import Kind
from lexel.towers.mae import MAE

PICTURES = [make_picture(30, 44), make_picture(64, 20, seed=1), make_picture(28, 28, seed=2)]


def mae(preparation=None, **changes):
    image = our_mae(mae_peer())
    return MAE(changed(image, **changes), preparation=preparation or vit(SIDE), name="./mae", digest="weights")


@pytest.fixture(scope="module")
def model():
    return mae()


class Quarter(AskedAndUndone):
    """What a pipeline makes of `./mae(mask_ratio=0.75)`. It is a network: last digits may differ between batches."""

    encode_pixels = MAE.encode_pixels


@pytest.mark.parametrize("check", TOKENIZER_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_with_a_mask_it_is_a_tokenizer(model, check):
    check(Quarter(model, {"mask_ratio": 0.75}))


def test_a_mask_leaves_the_class_token_and_a_share_of_the_patches_in_raster_order(model):
    whole, masked = model.tokenize(PICTURES), model.tokenize(PICTURES, mask_ratio=0.75)
    assert masked.counts.tolist() == [5] * 3
    assert masked.pictures.grids.tolist() == [[4, 4]] * 3
    for b in range(3):
        some, all_of_them = masked[b], whole[b]
        assert some.kind.tolist() == [Kind.CLASS] + [Kind.REGION] * 4
        places = [all_of_them.boxes[1:].tolist().index(box) for box in some.boxes[1:].tolist()]
        assert places == sorted(set(places))


def test_a_ratio_of_nothing_is_the_plain_tower(model):
    assert model.tokenize(PICTURES, mask_ratio=0.0, seed=7).equals(model.tokenize(PICTURES))


def test_the_mask_depends_on_seed_and_picture_alone(model):
    together = model.tokenize(PICTURES, mask_ratio=0.5)
    alone = model.tokenize([PICTURES[1]], mask_ratio=0.5)
    assert np.array_equal(alone.boxes, together[1].boxes)
    assert not np.array_equal(together[0].boxes, together[1].boxes)
    assert not np.array_equal(model.tokenize(PICTURES, mask_ratio=0.5, seed=1).boxes, together.boxes)


def test_every_patch_is_shown_equally_often(model):
    """A quarter of 160 draws of 16 patches: 40 each, within four standard deviations (5.5)."""
    picture = PICTURES[2]
    draws = [Picture(picture.pixels, picture.name, picture.size, f"{i:032x}") for i in range(160)]
    boxes = model.tokenize(draws, mask_ratio=0.75)
    places = (boxes.boxes[boxes.kind == Kind.REGION][:, :2] * 4).round() @ [1, 4]
    assert (np.abs(np.bincount(places.astype(int), minlength=16) - 40) < 4 * 5.5).all()


def test_each_tile_has_a_mask_of_its_own_and_cannot_be_painted_alone(model):
    tokens = model.tokenize(PICTURES, mask_ratio=0.75, tiles=(1, 2))
    assert tokens.counts.tolist() == [10] * 3
    left, right = (tokens[0].boxes[tokens[0]["crop"] == crop][1:] for crop in (0, 1))
    assert not np.allclose(left + np.array([0.5, 0, 0.5, 0]), right)
    with pytest.raises(TokensError, match="several crops"):
        model.detokenize(tokens)


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 1.5, float("nan")])
def test_a_ratio_that_is_none_is_refused(model, ratio):
    with pytest.raises(BadArguments, match="mask_ratio is from"):
        model.tokenize(PICTURES, mask_ratio=ratio)


def test_evidence_is_kept_of_what_is_visible(model):
    tokens = model.tokenize(PICTURES, mask_ratio=0.75, keep=("attention.cls", "keys"))
    assert tokens["attention.cls"].shape == (15,)
    assert tokens["keys"].shape == (15, 8)


def test_a_painted_picture_is_what_the_decoder_says_as_levels(model):
    """Literal: logits of the same mask, patch by patch, times the deviation, plus the mean."""
    tokens = model.tokenize(PICTURES, mask_ratio=0.75)
    whole = model.tokenize(PICTURES)
    x = torch.stack([torch.from_numpy(model.preparation.prepare(picture)[0]) for picture in PICTURES])
    shown = [set(map(tuple, tokens[b].boxes[1:].tolist())) for b in range(3)]
    visible = [np.array([tuple(box) in shown[b] for box in whole[b].boxes[1:].tolist()]) for b in range(3)]
    logits = model.image.paint(x, visible).view(3, 4, 4, PATCH, PATCH, 3).numpy()
    for b, painted in enumerate(model.detokenize(tokens)):
        height, width = painted.pixels.shape[:2]
        assert (height, width) == (min(SIDE, PICTURES[b].size[0]), min(SIDE, PICTURES[b].size[1]))
        if (height, width) == (SIDE, SIDE):
            for i in range(4):
                for j in range(4):
                    levels = np.clip(np.rint((logits[b, i, j] * 0.5 + 0.5) * 255), 0, 255)
                    ours = painted.pixels[PATCH * i : PATCH * i + PATCH, PATCH * j : PATCH * j + PATCH]
                    assert np.abs(ours - levels).max() <= 1  # rounding of a float32 that lies on a half


def test_what_the_preparation_cut_off_is_the_mean_colour():
    model = mae(Preparation(Shortest(SIDE), crop=(SIDE, SIDE), mean=(0.6, 0.25, 0.0), std=HALF))
    [painted] = model.detokenize(model.tokenize([make_picture(56, 112)]))
    assert painted.pixels.shape == (28, 56, 3)
    for margin in (painted.pixels[:, :14], painted.pixels[:, 42:]):
        assert np.array_equal(np.unique(margin.reshape(-1, 3), axis=0), [[153, 64, 0]])
    assert len(np.unique(painted.pixels[:, 14:42].reshape(-1, 3), axis=0)) > 100


def test_dropped_tokens_are_painted_and_merged_ones_refused(model):
    tokens = model.tokenize(PICTURES[:1])
    fewer = tokens.where(np.arange(17) % 2 == 0)
    kept = fewer.with_(pictures=tokens.pictures)  # the raster is still known
    assert model.detokenize(kept)[0].size == PICTURES[0].size
    merged = model.inside(ToMe(r=2))
    with pytest.raises(TokensError, match="no patches of one raster"):
        merged.detokenize(merged.tokenize(PICTURES))
    with pytest.raises(TokensError, match="no patches of one raster"):
        model.detokenize(tokens.where(tokens.kind == Kind.REGION).with_(pictures=tokens.pictures))


def test_tokens_of_another_model_are_refused(model):
    other = MAE(model.image, preparation=vit(SIDE), name="./mae", digest="others")
    with pytest.raises(TokensError, match="gives back"):
        model.detokenize(other.tokenize(PICTURES))


def test_a_decoder_that_knows_no_brightness_is_refused(model):
    other = mae(config=type(model.image.config)(**vars(model.image.config) | {"norm_pix_loss": True}))
    with pytest.raises(LoadError, match="norm_pix_loss"):
        other.detokenize(other.tokenize(PICTURES))


def test_with_other_patches_there_is_no_decoder(model):
    other = model.with_patch_size(14)
    assert other.tokenize(PICTURES, mask_ratio=0.5).counts.tolist() == [3] * 3
    assert repr(other) == "./mae(patch_size=14)"
    with pytest.raises(LoadError, match="has no decoder"):
        other.detokenize(other.tokenize(PICTURES))


def test_what_cannot_be_painted_is_shown_without_a_painting(model):
    encoder = mae(decoder=None)
    for method in (encoder, model.inside(ToMe(r=2))):
        assert undone(pipeline(method).trace(PICTURES[0]), method) is None
    assert undone(pipeline(model).trace(PICTURES[0]), model)[0].size == PICTURES[0].size
