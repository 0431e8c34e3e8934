"""SAM's tower from every file that it is published in."""

import json
import re

import pytest
import torch
from loading.references import SAM, TOWERS, noisy, rewritten, saved
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import SamConfig, SamModel, SamVisionConfig, SamVisionModel

from lexel.errors import LoadError, MissingKeys, UnknownLayout, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import sam as preparation

BATCH = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A tower, the folder that it was saved in, and its rows."""
    model = noisy(TOWERS["sam"]())
    with torch.no_grad():
        rows = model(BATCH).last_hidden_state.flatten(2).mT.flatten(0, 1)
    return model, saved(model, tmp_path_factory.mktemp("sam")), rows


def rows(path):
    return load(path).encode_pixels(BATCH).x


def meta_names(state, prefix="image_encoder."):
    """The tower of Hugging Face under Meta's keys, written down a second time and by other means."""
    neck = {"conv1": "0", "layer_norm1": "1", "conv2": "2", "layer_norm2": "3"}
    out = {}
    for name, value in state.items():
        new = name.removeprefix("vision_encoder.").replace("patch_embed.projection", "patch_embed.proj")
        new = re.sub(r"^layers\.(\d+)\.layer_norm", r"blocks.\1.norm", new)
        new = re.sub(r"^layers\.", "blocks.", new)
        new = re.sub(r"^neck\.(\w+)", lambda found: f"neck.{neck[found[1]]}", new)
        out[prefix + new] = value
    return out


def meta(folder, other, change=meta_names):
    """The same tensors in a folder without settings."""
    other.mkdir()
    state = {name: value.contiguous() for name, value in change(load_file(folder / "model.safetensors")).items()}
    save_file(state, other / "model.safetensors")
    return other


def test_the_tower_alone_equals_transformers(reference):
    _, folder, expected = reference
    assert close(rows(folder), expected)
    assert load(folder).preparation == preparation(64)


def test_the_tower_of_a_whole_model_equals_transformers(reference, tmp_path):
    vision, decoder = SAM | {"num_pos_feats": 8}, {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2}
    prompts = {"hidden_size": 16, "image_size": 64, "patch_size": 8}
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    whole = noisy(SamModel(config))
    whole.vision_encoder.load_state_dict(reference[0].vision_encoder.state_dict())
    assert close(rows(saved(whole, tmp_path)), reference[2])


@pytest.mark.parametrize("prefix", ["image_encoder.", ""])
def test_metas_keys_say_everything(prefix, reference, tmp_path):
    def change(state):
        prompts = {"prompt_encoder.no_mask_embed.weight": torch.zeros(1, 16), "mask_decoder.iou_token.weight": BATCH}
        return meta_names(state, prefix) | prompts

    model = load(meta(reference[1], tmp_path / "meta", change))
    assert model.image.config == load(reference[1]).image.config
    assert torch.equal(model.encode_pixels(BATCH).x, rows(reference[1]))
    assert model.preparation == preparation(64)


def test_what_is_saved_is_what_transformers_reads(reference, tmp_path):
    save(load(meta(reference[1], tmp_path / "meta")), tmp_path / "saved")
    again, said = SamVisionModel.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert {name: getattr(again.config, name) for name in SAM} == SAM
    with torch.no_grad():
        assert torch.equal(again(BATCH).last_hidden_state, reference[0](BATCH).last_hidden_state)
    assert torch.equal(rows(tmp_path / "saved"), rows(reference[1]))
    assert load(tmp_path / "saved").preparation == preparation(64)


def test_an_empty_config_is_the_published_base(tmp_path):
    """Every default of the class: a base model of one tensor is asked for its twelve blocks."""
    assert SamVisionConfig().to_dict().items() >= {"num_hidden_layers": 12, "window_size": 14}.items()
    save_file({"vision_encoder.pos_embed": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "sam"}')
    with pytest.raises(MissingKeys, match=r"12 layers are said, 0 are there: no vision_encoder\.layers\.0"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "error", "said"),
    [
        ("vision_encoder.layers.1.attn.rel_pos_w", None, MissingKeys, "the first is vision_encoder.layers.1.attn.rel"),
        ("vision_encoder.pos_embed", (1, 8, 7, 32), WrongShape, r"\[1, 8, 7, 32\], the settings say \[1, 8, 8, 32\]"),
        ("vision_encoder.pos_embed", (32,), WrongShape, r"pos_embed is \[32\], the settings say \[1, 8, 8, 32\]"),
        ("vision_encoder.neck.conv1.weight", (16,), WrongShape, r"\[16\], the settings say \[16, 32, 1, 1\]"),
        ("vision_encoder.layers.0.attn.rel_pos_h", (15, 8), WrongShape, r"\[15, 8\], the settings say \[5, 8\]"),
        ("vision_encoder.head.weight", (3,), MissingKeys, "1 tensors have no place in this model"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(name, value, error, said, reference, tmp_path):
    def change(state):
        others = {n: v for n, v in state.items() if n != name}
        return others if value is None else others | {name: torch.zeros(value)}

    with pytest.raises(error, match=said):
        load(rewritten(reference[1], tmp_path / "other", change))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"use_rel_pos": False}, "use_rel_pos is false, which no published SAM has"),
        ({"global_attn_indexes": [2]}, r"global_attn_indexes is \[2\], expected blocks of 0…1"),
        ({"global_attn_indexes": "all"}, "global_attn_indexes is 'all'"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"image_size": 4}, "a patch of 8 is larger than a picture of 4"),
        ({"num_attention_heads": 3}, "a width of 32 is no multiple of 3 heads"),
    ],
)
def test_settings_that_lexel_does_not_build_are_refused(setting, said, reference, tmp_path):
    path = rewritten(reference[1], tmp_path / "other", dict)
    (path / "config.json").write_text(json.dumps(json.loads((path / "config.json").read_text()) | setting))
    with pytest.raises(LoadError, match=said):
        load(path)


@pytest.mark.parametrize(
    ("name", "value", "error", "said"),
    [
        ("patch_embed.proj.weight", None, MissingKeys, "patch_embed.proj.weight is missing, which says how large"),
        ("pos_embed", (64, 32), WrongShape, r"pos_embed is \[64, 32\], expected 4 dimensions"),
        ("blocks.0.attn.rel_pos_h", (5, 0), WrongShape, r"rel_pos_h is \[5, 0\]"),
        ("blocks.0.attn.rel_pos_h", (5, 64), WrongShape, r"rel_pos_h is \[5, 64\]"),
    ],
)
def test_tensors_of_meta_that_say_no_size_are_refused(name, value, error, said, reference, tmp_path):
    def change(state):
        others = {n: v for n, v in meta_names(state, "").items() if n != name}
        return others if value is None else others | {name: torch.zeros(value)}

    with pytest.raises(error, match=said):
        load(meta(reference[1], tmp_path / "meta", change))


def test_the_front_half_of_optical_compression_is_not_taken_for_sam(reference, tmp_path):
    change = lambda state: meta_names(state, "model.sam_model.")  # noqa: E731
    with pytest.raises(UnknownLayout, match=r"begins with 'model\.sam_model"):
        load(meta(reference[1], tmp_path / "ocr", change))
