"""Every published layout gives the model of `transformers`; everything else is one sentence."""

import json

import pytest
import torch
from loading.references import HALVES, IDS, WHOLE, features, pixels, reference_features, rewritten, same, saved
from tolerances import close

from lexel.errors import BadArguments, LoadError
from lexel.loading.load import load, save
from lexel.towers._dual import Dual


@pytest.mark.parametrize("kind", WHOLE)
def test_a_saved_model_equals_transformers(kind, references):
    model, folder = references[kind]
    for ours, theirs in zip(features(load(folder), kind), reference_features(model, kind), strict=True):
        assert close(ours, theirs)


@pytest.mark.parametrize("kind", WHOLE)
def test_scale_and_bias_of_logits_are_loaded(kind, references):
    model, folder = references[kind]
    ours = load(folder)
    assert ours.logit_scale == model.logit_scale
    assert ours.logit_bias is None if kind == "clip" else ours.logit_bias == model.logit_bias


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_saved_is_what_transformers_reads(kind, references, tmp_path):
    model, folder = references[kind]
    save(load(folder), tmp_path / "saved")
    again, said = type(model).from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert same(reference_features(again.eval(), kind), reference_features(model, kind))
    assert same(features(load(tmp_path / "saved"), kind), features(load(folder), kind))


@pytest.mark.parametrize("kind", HALVES)
@pytest.mark.parametrize("part", ["image", "text"])
@pytest.mark.parametrize("old", [False, True], ids=["transformers 5", "transformers 4"])
def test_a_half_equals_transformers(kind, part, old, references, tmp_path):
    whole, _ = references[kind.split()[0]]
    cls = HALVES[kind][part == "text"]
    half = cls.from_pretrained(saved(whole, tmp_path / "whole")).eval()
    path = saved(half, tmp_path / "half")
    prefix = {"image": "vision_model.", "text": "text_model."}[part]
    if old:
        path = rewritten(
            path,
            tmp_path / "old",
            lambda state: {n if n.startswith(prefix) or "projection" in n else prefix + n: v for n, v in state.items()},
        )
    ours = load(path)
    assert (ours.image is None, ours.text is None) == (part != "image", part != "text")
    assert ours.logit_scale is None
    with torch.no_grad():
        if part == "image":
            theirs = half(pixel_values=pixels())
            assert close(ours.encode_pixels(pixels()).x, theirs.last_hidden_state.flatten(0, 1))
            if kind != "clip":
                assert close(
                    ours.image.pooled(ours.encode_pixels(pixels())),
                    theirs[0] if "image_embeds" in theirs else theirs.pooler_output,
                )
        else:
            theirs = half(input_ids=IDS)
            assert close(ours.text.encode_ids(IDS).x, theirs.last_hidden_state.flatten(0, 1))
    save(ours, tmp_path / "again")
    assert cls.from_pretrained(tmp_path / "again", output_loading_info=True)[1]["missing_keys"] == set()


@pytest.mark.parametrize("part", ["image", "text"])
def test_a_part_of_a_whole_is_that_tower_alone(part, clip):
    whole, half = load(clip[1]), load(clip[1], part=part)
    assert getattr(half, "text" if part == "image" else "image") is None
    state = whole.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in half.state_dict().items())
    assert {name for name in state if name.startswith(part)} == set(half.state_dict())


def test_old_keys_and_wrappings_change_nothing(clip, tmp_path):
    def old(state):
        extra = {"vision_model.embeddings.position_ids": torch.arange(5)[None]}
        return {f"module.{name}": value for name, value in {**state, **extra}.items()}

    assert same(features(load(rewritten(clip[1], tmp_path / "old", old))), features(load(clip[1])))


def test_old_configs_hold_their_halves_twice_and_the_longer_names_count(clip, tmp_path):
    old = rewritten(clip[1], tmp_path / "old", dict)
    config = json.loads((old / "config.json").read_text())
    for half in ("vision", "text"):
        config[f"{half}_config_dict"] = config[f"{half}_config"]
        config[f"{half}_config"] = {"hidden_size": 999}
    (old / "config.json").write_text(json.dumps(config))
    assert same(features(load(old)), features(load(clip[1])))


def test_shards_equal_one_file(clip, tmp_path):
    model, folder = clip
    shards = saved(model, tmp_path / "shards", max_shard_size="20KB")
    assert len(list(shards.glob("*.safetensors"))) > 2
    assert same(features(load(shards)), features(load(folder)))


def test_the_file_itself_may_be_named(clip):
    assert same(features(load(clip[1] / "model.safetensors")), features(load(clip[1])))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_the_stored_numbers_cast_once(dtype, clip, tmp_path):
    kind = getattr(torch, dtype)
    short = rewritten(clip[1], tmp_path / "short", lambda state: {n: v.to(kind) for n, v in state.items()})
    full, cast, stored = load(clip[1]), load(clip[1], dtype=dtype), load(short)
    for name, value in full.state_dict().items():
        assert cast.state_dict()[name].dtype == (kind if value.ndim else torch.float32)
        assert torch.equal(cast.state_dict()[name], value.to(kind) if value.ndim else value)
        assert torch.equal(stored.state_dict()[name], value.to(kind).float())


def test_a_loaded_model_is_at_rest(clip):
    model = load(clip[1])
    assert not model.training
    assert not any(value.requires_grad for value in model.parameters())
    assert {value.device.type for value in model.parameters()} == {"cpu"}


def test_the_space_is_that_of_the_weights_whatever_the_dtype(references, tmp_path):
    (_, folder), (_, other) = references["clip"], references["siglip"]
    space = load(folder).space
    assert load(folder, dtype="bfloat16").space == space
    assert load(other).space != space
    changed = rewritten(folder, tmp_path / "changed", lambda state: state | {"logit_scale": state["logit_scale"] + 1})
    assert load(changed).space != space


@pytest.mark.parametrize("wrong", [{"part": "both"}, {"dtype": "int8"}, {"device": "abacus"}])
def test_an_argument_that_is_none_of_the_choices_is_refused(wrong, clip, unchecked_shapes):
    with pytest.raises(BadArguments):
        load(clip[1], **wrong)


def test_words_without_a_tokenizer_name_the_file(clip):
    model = load(clip[1])
    with pytest.raises(LoadError, match=r"has no tokenizer\.json, vocab\.json or"):
        model.embed("a cat")


def test_weights_in_memory_are_the_models_alone(clip, tmp_path):
    """The file may be gone or changed after loading: nothing is read later."""
    copy = rewritten(clip[1], tmp_path / "copy", dict)
    model, before = load(copy), load(clip[1])
    (copy / "model.safetensors").write_bytes(b"")
    assert same(features(model), features(before))


def test_the_names_of_hugging_face_are_aliases(references, tmp_path):
    _, folder = references["clip"]
    model = Dual.from_pretrained(folder)
    assert same(features(model, "clip"), features(load(folder), "clip"))
    model.save_pretrained(tmp_path / "saved")
    assert same(features(load(tmp_path / "saved"), "clip"), features(model, "clip"))
