"""A checkpoint that is not what it says is refused in one sentence: found, expected, the first key."""

import pytest
import torch
from loading.references import rewritten

from lexel.errors import LoadError, MissingKeys, UnknownLayout, WrongShape
from lexel.loading.load import load


def dropped(name):
    return lambda state: {n: v for n, v in state.items() if n != name}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (dropped("text_projection.weight"), None, ""),
        (dropped("visual_projection.weight"), None, ""),
        (dropped("logit_scale"), MissingKeys, "1 tensors are missing, the first is logit_scale"),
        (dropped("text_model.encoder.layers.1.mlp.fc1.bias"), MissingKeys, "text_model.encoder.layers.1.mlp.fc1.bias"),
        (
            lambda state: {n: v for n, v in state.items() if ".layers.1." not in n},
            MissingKeys,
            "2 layers are said, 1 are there: no vision_model.encoder.layers.1",
        ),
        (
            lambda state: state | {"head.weight": torch.zeros(3)},
            MissingKeys,
            "1 tensors have no place in this model, the first is 'head",
        ),
        (
            lambda state: state | {"text_projection.weight": torch.zeros(24, 31)},
            WrongShape,
            r"text_projection.weight is \[24, 31\], the settings say \[24, 32\]",
        ),
        (
            lambda state: state | {"vision_model.encoder.layers.0.self_attn.k_proj.bias": torch.zeros(31)},
            WrongShape,
            "self_attn",
        ),
        (
            lambda state: state | {"logit_scale": torch.tensor(float("nan"))},
            LoadError,
            "logit_scale has a number that is not finite",
        ),
    ],
)
def test_a_tensor_too_few_too_many_or_wrong_is_named(change, error, said, clip, tmp_path):
    path = rewritten(clip[1], tmp_path / "other", change)
    if error is None:  # a half without its projection is published so
        assert load(path)
        return
    with pytest.raises(error, match=said):
        load(path)


def test_tensors_of_another_family_are_named_with_the_first_key(references, tmp_path):
    mixed = rewritten(references["clip"][1], tmp_path / "mixed", dict)
    (mixed / "config.json").write_bytes((references["siglip"][1] / "config.json").read_bytes())
    with pytest.raises(
        UnknownLayout, match=r"config.json says SigLIP .*patch_embedding.bias; .* begins with 'logit_scale'"
    ):
        load(mixed)


def test_an_unknown_family_is_named_with_those_that_lexel_reads(clip, tmp_path):
    other = rewritten(clip[1], tmp_path / "other", dict)
    (other / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UnknownLayout, match=r"config.json says 'bert'; lexel reads CLIP \(Hugging Face\)"):
        load(other)
    (other / "config.json").unlink()
    with pytest.raises(UnknownLayout, match=r"has neither config.json nor open_clip_config.json; .* begins with"):
        load(other)


def test_a_half_that_is_not_there_is_said(clip, tmp_path):
    half = rewritten(clip[1], tmp_path / "half", lambda state: {n: v for n, v in state.items() if n.startswith("text")})
    with pytest.raises(LoadError, match="has no image tower"):
        load(half, part="image")
