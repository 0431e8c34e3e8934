"""DINOv2 in every layout gives what `transformers` gives, and what is written is read by it."""

import json

import pytest
import torch
from loading.references import noisy, rewritten, saved
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import (
    AutoModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersForImageClassification,
    Dinov2WithRegistersModel,
)

from lexel.errors import LoadError, MissingKeys, UnknownLayout, WrongShape
from lexel.loading.load import load, save
from lexel.nn.positions import Resampling
from lexel.pictures.published import dinov2

# One head of 64 channels: files of its own repository do not say the heads.
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "mlp_ratio": 4,
    "image_size": 28,
    "patch_size": 7,
    "num_labels": 3,
}
KINDS = {
    "plain": (Dinov2Config, Dinov2Model, Dinov2ForImageClassification, {}),
    "gated": (Dinov2Config, Dinov2Model, Dinov2ForImageClassification, {"use_swiglu_ffn": True}),
    "registers": (
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
        Dinov2WithRegistersForImageClassification,
        {"num_register_tokens": 3},
    ),
    "gated with registers": (
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
        Dinov2WithRegistersForImageClassification,
        {"num_register_tokens": 3, "use_swiglu_ffn": True},
    ),
}
by_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of each kind, and the folder that it was saved in."""
    models = {}
    for kind, (config, whole, _, extra) in KINDS.items():
        model = noisy(whole(config(**SIZES, **extra)))
        models[kind] = model, saved(model, tmp_path_factory.mktemp(kind.replace(" ", "_")))
    return models


def pixels(height=28, width=42):
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def hidden(model, batch):
    with torch.no_grad():
        return model(batch).last_hidden_state.flatten(0, 1)


def same(ours, model, batch=None):
    batch = pixels() if batch is None else batch
    return close(ours.encode_pixels(batch).x, hidden(model, batch))


def own_names(state):
    """Names in memory → those of its own repository, written down a second time and by other means."""
    out = {}
    for name, value in state.items():
        *path, leaf = name.replace("encoder.layer", "blocks").removeprefix("embeddings.").split(".")
        where = ".".join(path)
        if where.endswith(("q_proj", "gate_proj")):
            first = where.rpartition(".")[2]
            others = [name.replace(first, other) for other in ("k_proj", "v_proj") if first == "q_proj"] or [
                name.replace(first, "up_proj")
            ]
            value = torch.cat([value, *(state[other] for other in others)])
            where = where.replace("attention.q_proj", "attn.qkv").replace("gate_proj", "w12")
        elif where.endswith(("k_proj", "v_proj", "up_proj")):
            continue
        for theirs, own in OWN.items():
            where, leaf = where.replace(theirs, own), leaf.replace("lambda1", "gamma")
        out[f"{where}.{leaf}" if where else leaf.replace("position_embeddings", "pos_embed")] = value.contiguous()
    return out


OWN = {
    "layernorm": "norm",
    "patch_embeddings.projection": "patch_embed.proj",
    "attention.o_proj": "attn.proj",
    "layer_scale": "ls",
    "down_proj": "w3",
}


def own_folder(model, folder):
    folder.mkdir()
    save_file(own_names(model.state_dict()), folder / "model.safetensors")
    return folder


@by_kind
def test_a_file_of_transformers_equals_transformers(made, kind):
    model, folder = made[kind]
    ours = load(folder)
    assert same(ours, model)
    assert ours.preparation == dinov2()


@by_kind
def test_names_in_memory_are_read_as_well(made, kind, tmp_path):
    model, folder = made[kind]
    assert same(load(rewritten(folder, tmp_path / "memory", lambda _: dict(model.state_dict()))), model)


@by_kind
def test_a_classifier_is_read_without_its_head(kind, tmp_path):
    config, _, classifier, extra = KINDS[kind]
    model = noisy(classifier(config(**SIZES, **extra)))
    assert same(load(saved(model, tmp_path)), model.base_model)


@by_kind
def test_what_is_written_is_read_by_transformers(made, kind, tmp_path):
    model, folder = made[kind]
    ours = load(folder)
    save(ours, tmp_path)
    assert same(ours, AutoModel.from_pretrained(tmp_path).eval())
    assert torch.equal(load(tmp_path).encode_pixels(pixels()).x, ours.encode_pixels(pixels()).x)
    assert load(tmp_path).preparation == ours.preparation
    assert type(AutoModel.from_pretrained(tmp_path)) is type(model)


@by_kind
def test_files_of_its_own_repository_equal_transformers_on_pictures_of_training(made, kind, tmp_path):
    model, _ = made[kind]
    ours = load(own_folder(model, tmp_path / "own"))
    assert same(ours, model, pixels(28, 28))
    assert ours.preparation.rounding == "even"


def test_its_own_repository_stretches_positions_by_a_rule_of_its_own(made, tmp_path):
    """With registers it is that of transformers; without it is not, and is kept where the model is written."""
    with_registers = load(own_folder(made["registers"][0], tmp_path / "registers"))
    assert same(with_registers, made["registers"][0])
    ours = load(own_folder(made["plain"][0], tmp_path / "own"))
    assert ours.image.config.resampling == Resampling(offset=0.1)
    assert not same(ours, made["plain"][0])
    save(ours, tmp_path / "again")
    assert torch.equal(load(tmp_path / "again").encode_pixels(pixels()).x, ours.encode_pixels(pixels()).x)
    assert same(ours, AutoModel.from_pretrained(tmp_path / "again").eval(), pixels(28, 28))


@pytest.mark.parametrize(
    ("kind", "change", "error", "said"),
    [
        (
            "plain",
            {"encoder.layer.1.norm2.bias": None},
            MissingKeys,
            "1 tensors are missing, the first is encoder.layer.1.norm2.bias",
        ),
        ("plain", {"head.weight": torch.zeros(2)}, MissingKeys, "1 tensors have no place .* 'head.weight'"),
        (
            "gated",
            {"encoder.layer.0.mlp.weights_in.weight": torch.zeros(340, 64)},
            WrongShape,
            r"weights_in.weight is \[340, 64\], the settings say \[352, 64\]",
        ),
        (
            "registers",
            {"embeddings.register_tokens": torch.zeros(1, 4, 64)},
            WrongShape,
            r"register_tokens is \[1, 4, 64\], the settings say \[1, 3, 64\]",
        ),
    ],
)
def test_a_dinov2_with_a_wrong_tensor_is_refused_by_its_name(made, kind, change, error, said, tmp_path):
    def changed(state):
        return {name: value for name, value in (state | change).items() if value is not None}

    with pytest.raises(error, match=said):
        load(rewritten(made[kind][1], tmp_path / "other", changed))


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ({"qkv_bias": False}, LoadError, "qkv_bias is false"),
        ({"mlp_ratio": 2.5}, LoadError, "mlp_ratio is 2.5, expected a whole number"),
        ({"num_hidden_layers": 3}, MissingKeys, "3 layers are said, 2 are there"),
        ({"hidden_act": "tanh"}, LoadError, "hidden_act is 'tanh'"),
        ({"use_swiglu_ffn": True}, MissingKeys, "mlp.weights_in.weight"),
    ],
)
def test_a_dinov2_that_lexel_does_not_build_is_refused(made, setting, error, said, tmp_path):
    other = rewritten(made["plain"][1], tmp_path / "other", dict)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | setting))
    with pytest.raises(error, match=said):
        load(other)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"mask_token": None}, UnknownLayout, "without its mask_token"),
        ({"pos_embed": None}, MissingKeys, "pos_embed is missing"),
        ({"pos_embed": torch.zeros(17, 64)}, WrongShape, r"pos_embed is \[17, 64\], expected 3 dimensions"),
        (
            {"pos_embed": torch.zeros(1, 16, 64)},
            WrongShape,
            r"pos_embed is \[1, 16, 64\], the settings say \[1, 10, 64",
        ),
    ],
)
def test_a_file_of_its_own_repository_that_is_not_whole_is_refused(made, change, error, said, tmp_path):
    folder = own_folder(made["plain"][0], tmp_path / "own")
    state = load_file(folder / "model.safetensors") | change
    save_file({name: value for name, value in state.items() if value is not None}, folder / "model.safetensors")
    with pytest.raises(error, match=said):
        load(folder)
