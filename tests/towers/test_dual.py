"""Two towers in one space: what users call."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.duals import PICTURES, TEXTS, Letters
from towers.peers import (
    EMBED,
    LENGTH,
    SIDE,
    VOCAB,
    WIDTH,
    clip_peer,
    siglip_peer,
)

from lexel.errors import BadArguments, LoadError, MissingNeed
from lexel.pictures.published import clip as clip_preparation
from lexel.pipelines.compose import pipeline
from lexel.reducers.pool import Pool
from lexel.reducers.random_drop import RandomDrop
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers._dual import Dual


def prepared(model):
    return torch.stack([torch.from_numpy(model.preparation.prepare(picture)[0]) for picture in PICTURES])


def padded(texts=TEXTS):
    return torch.from_numpy(Letters()(texts).padded(length=LENGTH, pad=63))


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_logits_equal_transformers(family, clip_model, siglip_model):
    peer, model = (clip_peer(), clip_model) if family == "clip" else (siglip_peer(), siglip_model)
    theirs = peer(input_ids=padded(), pixel_values=prepared(model))
    assert close(model.logits(PICTURES, TEXTS), theirs.logits_per_image)
    assert close(model.embed(PICTURES), theirs.image_embeds)
    assert close(model.embed(TEXTS), theirs.text_embeds)


def test_tokens_are_the_published_last_hidden_state(clip_model):
    tokens = clip_model.tokenize(PICTURES)
    assert close(tokens.data, clip_peer().vision_model(prepared(clip_model)).last_hidden_state.flatten(0, 1))
    assert tokens.counts.tolist() == [17, 17, 17]
    assert tokens.kind[:2].tolist() == [Kind.CLASS, Kind.REGION]
    assert tokens.pictures.grids.tolist() == [[4, 4]] * 3
    assert tokens.space == clip_model.space


def test_boxes_lie_where_the_crop_lies(clip_model):
    """44 pixels wide, 30 high: of a height of 28 the middle 28 of 41 columns are seen."""
    tokens = clip_model.tokenize(PICTURES[:1])
    left, right = tokens.boxes[tokens.kind == Kind.REGION][:, [0, 2]].min(0)[0], tokens.boxes[:, 2].max()
    assert np.allclose([left, right], [6 / 41, 34 / 41])
    assert tokens.grid(0).shape == (4, 4, WIDTH)


def test_naflex_gives_each_picture_its_own_raster(naflex_model):
    tokens = naflex_model.tokenize(PICTURES)
    grids = tokens.pictures.grids
    assert len({tuple(grid) for grid in grids.tolist()}) == 3
    assert tokens.counts.tolist() == grids.prod(axis=1).tolist()
    assert (tokens.boxes.min(), tokens.boxes.max()) == (0, 1)


def test_no_pictures_and_no_texts_are_no_rows(clip_model):
    assert clip_model.tokenize([], keep=["keys"]).data.shape == (0, WIDTH)
    assert clip_model.embed([]).shape == (0, EMBED)
    assert clip_model.similarity([], TEXTS).shape == (0, 2)


def test_batches_do_not_matter(clip_model, monkeypatch):
    whole, words = clip_model.tokenize(PICTURES), clip_model.embed(TEXTS)
    monkeypatch.setattr("lexel.nn.prepared.PICTURES", 2)
    monkeypatch.setattr("lexel.towers._dual.TEXTS", 1)
    assert close(clip_model.tokenize(PICTURES).data, whole.data, tolerance=1e-6)
    assert close(clip_model.embed(TEXTS), words, tolerance=1e-6)


def test_a_class_token_where_words_live_is_the_picture(clip_model):
    shared = clip_model.tokenize(PICTURES, space="shared")
    picture = shared.data[shared.kind == Kind.CLASS]
    assert close(picture / np.linalg.norm(picture, axis=1, keepdims=True), clip_model.embed(PICTURES))
    assert shared.space != clip_model.space


def test_a_text_is_words_and_never_a_path(clip_model):
    assert clip_model.embed("cat.jpg").shape == (1, EMBED)
    assert close(np.linalg.norm(clip_model.embed(["cat.jpg"]), axis=1), [1])


def test_the_published_example_of_cosines(clip_model):
    words = np.array([[0.82, 0.58], [0.2, 0.9], [-0.6, 0.1]])
    assert clip_model.similarity(np.array([[0.8, 0.6]]), words).round(4).tolist() == [
        pytest.approx([0.9996, 0.7593, -0.6905], abs=1e-4)
    ]


def test_patches_are_compared_with_words(clip_model):
    tokens = clip_model.token_similarity(PICTURES, TEXTS)
    score = tokens["score"]
    assert score.shape == (tokens.total, 2)
    assert close(score[tokens.kind == Kind.CLASS], clip_model.similarity(PICTURES, TEXTS))


def test_a_class_is_the_mean_of_its_prompts(clip_model):
    classifier = clip_model.zero_shot(["cat", "dog"], templates=["a {}", "the {}"])
    rows = [clip_model.embed([f"a {label}", f"the {label}"]).mean(0) for label in ("cat", "dog")]
    weights = np.stack([row / np.linalg.norm(row) for row in rows])
    logits = clip_model.embed(PICTURES) @ weights.T * float(clip_model.logit_scale.exp())
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert close(classifier(PICTURES), expected)
    assert close(classifier.scores(PICTURES), clip_model.embed(PICTURES) @ weights.T)


def test_siglip_gives_each_label_its_own_probability(siglip_model):
    classifier = siglip_model.zero_shot(["cat", "dog"], ["{}"], multi=True)
    assert close(classifier(PICTURES), 1 / (1 + np.exp(-siglip_model.logits(PICTURES, ["cat", "dog"]))))


def test_clip_refuses_a_probability_for_each_label(clip_model):
    with pytest.raises(BadArguments, match=r"\./tiny was trained to rank"):
        clip_model.zero_shot(["cat"], multi=True)


def test_no_label_is_no_class(clip_model):
    assert clip_model.zero_shot([])(PICTURES).shape == (3, 0)


def test_merging_no_token_is_the_plain_model(clip_model):
    plain, merged = clip_model.tokenize(PICTURES), clip_model.inside(ToMe(r=0)).tokenize(PICTURES)
    assert merged.equals(plain)


def test_merged_tokens_have_the_boxes_and_the_weight_of_what_they_were(clip_model):
    tokens = clip_model.inside(ToMe(r=2)).tokenize(PICTURES)
    assert tokens.counts.tolist() == [11, 11, 11]  # three layers, two tokens each
    assert tokens.mass.sum() == 3 * 17
    assert tokens.kind[tokens.splits[:-1]].tolist() == [Kind.CLASS] * 3
    assert not tokens.pictures.grids.any()
    plain = clip_model.tokenize(PICTURES)
    alone = tokens.boxes[(tokens.mass == 1) & (tokens.kind == Kind.REGION)]
    assert {tuple(box) for box in alone} <= {tuple(box) for box in plain.boxes}


def test_a_selector_that_makes_a_raster_keeps_one(clip_model):
    tokens = clip_model.inside(Pool(2), layers=(-1,)).tokenize(PICTURES)
    assert tokens.pictures.grids.tolist() == [[2, 2]] * 3
    assert tokens.grid(0).shape == (2, 2, WIDTH)


def test_selectors_stack_and_the_plain_model_stays(clip_model):
    both = clip_model.inside(RandomDrop(0.5), layers=(0,)).inside(ToMe(r=2), layers=(1, -1))
    assert both.tokenize(PICTURES).counts.tolist() == [5, 5, 5]
    assert repr(both) == "./tiny[0: random_drop(0.5), 1,-1: tome(r=2)]"
    assert repr(clip_model) == "./tiny"
    assert clip_model.tokenize(PICTURES).total == 3 * 17


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_is_not_there_is_refused(clip_model, layer):
    with pytest.raises(BadArguments, match=f"no layer {layer}"):
        clip_model.inside(ToMe(r=1), layers=(layer,))


def test_evidence_is_kept_where_asked_for(clip_model):
    tokens = clip_model.tokenize(PICTURES, keep=["keys", "attention.cls", "attention.received.joined@0"])
    assert tokens["keys"].shape == (3 * 17, 8)
    assert tokens["attention.received.joined@0"].shape == (3 * 17, 4)
    assert close(np.add.reduceat(tokens["attention.cls"], tokens.splits[:-1]), [1, 1, 1])


def test_evidence_that_a_tower_does_not_have_is_refused(siglip_model):
    with pytest.raises(MissingNeed, match=r"attention\.cls"):
        siglip_model.tokenize(PICTURES, keep=["attention.cls"])


def test_a_pipeline_asks_the_tower_for_what_a_selector_needs(clip_model):
    after = pipeline(clip_model, ToMe(r=5))(PICTURES)
    assert after.counts.tolist() == [12, 12, 12]
    assert "keys" not in after.columns
    inside = pipeline(clip_model.inside(ToMe(r=2)))
    assert str(inside) == "./tiny[tome(r=2)]"
    assert inside(PICTURES).counts.tolist() == [11, 11, 11]


def test_half_a_model_says_what_it_does_not_have(clip_model):
    image = Dual(clip_model.image, None, preparation=clip_preparation(SIDE), name="./half")
    text = Dual(None, clip_model.text, preparation=clip_preparation(SIDE), name="./half")
    with pytest.raises(LoadError, match="no text tower"):
        image.embed(TEXTS)
    with pytest.raises(LoadError, match="no image tower"):
        text.tokenize(PICTURES)


def test_a_model_without_a_speller_and_one_that_spells_too_much_are_refused(clip_model):
    towers = clip_model.image, clip_model.text
    mute = Dual(*towers, preparation=clip_preparation(SIDE), name="./mute")
    with pytest.raises(LoadError, match=r"\./mute: .*which would hold its words"):
        mute.embed(TEXTS)
    loud = Dual(*towers, preparation=clip_preparation(SIDE), speller=Letters(end=VOCAB), name="./loud")
    with pytest.raises(LoadError, match=r"\./loud: spells id 64, and its text tower knows 0 to 63"):
        loud.embed(TEXTS)


def test_a_copy_to_train_learns_and_the_loaded_model_stays(clip_model):
    before = clip_model.embed(PICTURES)
    copy = clip_model.trainable()
    assert copy.training
    copy.encode_pixels(prepared(clip_model)).x.square().sum().backward()
    with torch.no_grad():
        for parameter in copy.image.parameters():
            parameter -= 0.1 * (0 if parameter.grad is None else parameter.grad)
    assert not close(copy.embed(PICTURES), before)
    assert np.array_equal(clip_model.embed(PICTURES), before)
    assert not clip_model.training
    assert not any(parameter.requires_grad for parameter in clip_model.parameters())
