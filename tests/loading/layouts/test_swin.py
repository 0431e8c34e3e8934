"""Swin and Swin v2 under every name that they were published with give the model that transformers gives."""

import json
import re

import pytest
import torch
from loading.references import SWIN, noisy, rewritten, saved
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import (
    SwinConfig,
    SwinForImageClassification,
    SwinForMaskedImageModeling,
    SwinModel,
    Swinv2Config,
    Swinv2ForImageClassification,
    Swinv2ForMaskedImageModeling,
    Swinv2Model,
)

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import squashed

MODELS = {"swin": (SwinModel, SwinConfig), "swinv2": (Swinv2Model, Swinv2Config)}
TASKS = [SwinForImageClassification, SwinForMaskedImageModeling, Swinv2ForImageClassification]
TASKS += [Swinv2ForMaskedImageModeling]

by_version = pytest.mark.parametrize("kind", MODELS)


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Each version and the folder that it was saved in."""
    made = {kind: noisy(model(config(**SWIN))) for kind, (model, config) in MODELS.items()}
    return {kind: (model, saved(model, tmp_path_factory.mktemp(kind))) for kind, model in made.items()}


def pixels():
    return torch.randn(2, 3, 32, 44, generator=torch.Generator().manual_seed(1))


def theirs(model):
    with torch.no_grad():
        said = model(pixels())
    return said.last_hidden_state.flatten(0, 1), said.pooler_output


def ours(model):
    with torch.inference_mode():
        packed = model.encode_pixels(pixels())
        return packed.x, model.image.pooled(packed)


def alike(model, expected):
    return all(close(a, b) for a, b in zip(ours(model), expected, strict=True))


@by_version
def test_a_saved_model_equals_transformers(kind, references):
    model, folder = references[kind]
    assert alike(load(folder), theirs(model))


@by_version
def test_what_is_saved_is_what_transformers_reads(kind, references, tmp_path):
    model, folder = references[kind]
    save(load(folder), tmp_path / "saved")
    again, said = type(model).from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert all(torch.equal(a, b) for a, b in zip(theirs(again.eval()), theirs(model), strict=True))
    assert load(tmp_path / "saved").image.config == load(folder).image.config
    assert load(tmp_path / "saved").preparation == squashed(32)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_with_a_head_is_its_tower(task, tmp_path):
    config = MODELS["swinv2" if "v2" in task.__name__ else "swin"][1]
    model = noisy(task(config(**SWIN, encoder_stride=2)))
    tower = model.base_model
    with torch.no_grad():
        last = tower(pixels()).last_hidden_state
    assert alike(load(saved(model, tmp_path)), (last.flatten(0, 1), last.mean(1)))


def test_names_of_transformers_in_memory_are_read_too(references, tmp_path):
    model, folder = references["swin"]
    memory = rewritten(folder, tmp_path / "memory", lambda state: dict(model.state_dict()))
    assert "encoder.layers.0.blocks.0.attention.q_proj.weight" in load_file(memory / "model.safetensors")
    assert alike(load(memory), theirs(model))


@by_version
def test_tables_of_indices_in_older_files_are_no_weights(kind, references, tmp_path):
    model, folder = references[kind]

    def old(state):
        extra = {}
        for stage, block in ((s, b) for s in range(2) for b in range(2)):
            where = f"encoder.layers.{stage}.blocks.{block}.attention.self"
            extra[f"{where}.relative_position_index"] = torch.zeros(16, 16, dtype=torch.int64)
            extra[f"{where}.relative_coords_table"] = torch.zeros(1, 7, 7, 2)
        return state | extra

    assert alike(load(rewritten(folder, tmp_path / "old", old)), theirs(model))


MICROSOFT = [
    ("encoder.layers", "layers"),
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
    ("embeddings.norm", "patch_embed.norm"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("layernorm", "norm"),
    ("attention.output.dense", "attn.proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
    ("attention.self", "attn"),
    ("continuous_position_bias_mlp", "cpb_mlp"),
]


def microsoft(state):
    """A Swin of Hugging Face under Microsoft's keys, with the tables and masks that lie in those files, and a head."""
    out = {"head.weight": torch.zeros(5, 16), "head.bias": torch.zeros(5)}
    for name, value in state.items():
        new = name
        for here, there in MICROSOFT:
            new = new.replace(here, there)
        if match := re.fullmatch(r"(.*)\.query\.weight", new):
            parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
            out[f"{match[1]}.qkv.weight"] = torch.cat(parts)
            out[f"{match[1]}.relative_position_index"] = torch.zeros(16, 16, dtype=torch.int64)
            out[f"{match[1].removesuffix('attn')}attn_mask"] = torch.zeros(16, 16, 16)
        elif match := re.fullmatch(r"(.*)\.query\.bias", new):
            parts = [state.get(name.replace("query", part)) for part in ("query", "key", "value")]
            if parts[1] is None:
                out[f"{match[1]}.q_bias"], out[f"{match[1]}.v_bias"] = parts[0], parts[2]
            else:
                out[f"{match[1]}.qkv.bias"] = torch.cat(parts)
        elif not re.search(r"\.(key|value)\.", new):
            out[new] = value
    return out


def native(folder, other, change=lambda state: state):
    """The folder of Hugging Face as one file of Microsoft's keys, without settings."""
    other.mkdir()
    state = change(microsoft(load_file(folder / "model.safetensors")))
    save_file({name: value.contiguous() for name, value in state.items()}, other / "model.safetensors")
    return other


@by_version
def test_microsofts_keys_say_everything(kind, tmp_path):
    """The last stage is one window in every published model, so that this one has three."""
    sizes = {**SWIN, "depths": [2, 1, 2], "num_heads": [2, 4, 2], "mlp_ratio": 2.0}
    model, config = MODELS[kind]
    reference = noisy(model(config(**sizes)))
    folder = saved(reference, tmp_path / "theirs")
    read = load(native(folder, tmp_path / "microsoft"))
    assert read.image.config == load(folder).image.config
    with torch.no_grad():
        x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        assert close(read.encode_pixels(x).x, reference(x).last_hidden_state[0])
    assert read.preparation == squashed(32)
    save(read, tmp_path / "again")
    assert model.from_pretrained(tmp_path / "again", output_loading_info=True)[1]["missing_keys"] == set()


@by_version
def test_a_missing_and_a_left_over_tensor_are_named(kind, references, tmp_path):
    _, folder = references[kind]
    name = "encoder.layers.1.blocks.0.layernorm_after.bias"

    def without(state):
        return {key: value for key, value in state.items() if key != name}

    with pytest.raises(MissingKeys, match=f"missing, the first is {name}"):
        load(rewritten(folder, tmp_path / "missing", without))
    with pytest.raises(MissingKeys, match=r"no place in this model, the first is 'extra\.weight'"):
        load(rewritten(folder, tmp_path / "extra", lambda state: state | {"extra.weight": torch.zeros(2)}))


@by_version
def test_a_tensor_of_another_shape_is_named(kind, references, tmp_path):
    _, folder = references[kind]
    name = "encoder.layers.0.downsample.norm.weight"
    with pytest.raises(WrongShape, match=rf"{name} is \[3\], the settings say"):
        load(rewritten(folder, tmp_path / "wrong", lambda state: state | {name: torch.zeros(3)}))


def changed(folder, other, settings):
    """A copy of a folder with other settings."""
    rewritten(folder, other, dict)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | settings))
    return other


@by_version
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_absolute_embeddings": True}, "use_absolute_embeddings is True; lexel builds False alone"),
        ({"qkv_bias": False}, "qkv_bias is False"),
        ({"depths": [2, 3]}, "3 layers are said, 2 are there"),
        ({"depths": "two"}, "depths is 'two', expected a list"),
        ({"num_heads": [2]}, "2 stages, heads for 1"),
        ({"num_heads": [3, 4]}, "no multiple of 3 heads"),
        ({"mlp_ratio": 0}, "mlp_ratio is 0"),
        ({"hidden_act": "tanh"}, "hidden_act is 'tanh'"),
    ],
)
def test_settings_that_lexel_does_not_build_are_refused(kind, settings, said, references, tmp_path):
    with pytest.raises(LoadError, match=said):
        load(changed(references[kind][1], tmp_path / "other", settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pretrained_window_sizes": [12]}, "no list of 2 numbers"),
        ({"image_size": 2}, "image_size 2 leaves no cell for the last stage"),
    ],
)
def test_settings_of_version_2_that_go_nowhere_are_refused(settings, said, references, tmp_path):
    with pytest.raises(LoadError, match=said):
        load(changed(references["swinv2"][1], tmp_path / "other", settings))


def test_microsofts_wide_windows_of_version_2_are_refused(references, tmp_path):
    """They may have been widened from smaller ones, and then positions are on another ruler."""
    _, folder = references["swinv2"]

    def wide(state):
        index = torch.zeros(256, 256, dtype=torch.int64)
        return {name: index.clone() if name.endswith("index") else value for name, value in state.items()}

    with pytest.raises(LoadError, match="a window of 16 may have been widened"):
        load(native(folder, tmp_path / "wide", wide))

    def none(state):
        return {name: value for name, value in state.items() if not name.endswith("index")}

    with pytest.raises(MissingKeys, match=r"layers\.0\.blocks\.0\.attn\.relative_position_index is missing"):
        load(native(folder, tmp_path / "none", none))
