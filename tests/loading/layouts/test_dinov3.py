"""DINOv3 in every layout gives what `transformers` gives, and what is written is read by it."""

import json

import pytest
import torch
from loading.references import noisy, rewritten, saved
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import AutoModel, DINOv3ViTConfig, DINOv3ViTModel

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import dinov3

# One head of 64 channels: files of its own repository do not say the heads.
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "intermediate_size": 48,
    "image_size": 28,
    "patch_size": 7,
}
GATED = {"use_gated_mlp": True, "hidden_act": "silu", "num_register_tokens": 3}
KINDS = {
    "plain": {"num_register_tokens": 3},
    "gated": GATED,
    "without biases": GATED | {"query_bias": False, "value_bias": False},
    "without registers": {"rope_theta": 50.0},
}
by_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of each kind, and the folder that it was saved in."""
    models = {}
    for kind, extra in KINDS.items():
        model = noisy(DINOv3ViTModel(DINOv3ViTConfig(**SIZES, **extra)))
        models[kind] = model, saved(model, tmp_path_factory.mktemp(kind.replace(" ", "_")))
    return models


def pixels():
    return torch.randn(2, 3, 28, 42, generator=torch.Generator().manual_seed(1))


def same(ours, model):
    with torch.no_grad():
        theirs = model(pixels())
    seen = ours.encode_pixels(pixels())
    pooled = ours.image.pooled(seen)
    return close(seen.x, theirs.last_hidden_state.flatten(0, 1)) and close(pooled, theirs.pooler_output)


def own_names(state):
    """Names in memory → those of its own repository, written down a second time and by other means.

    With what else is in its files: a bias of keys, the mask that makes it nothing, the periods of the rotation, the
    second norm of the largest model.
    """
    gated = any("gate_proj" in name for name in state)
    names = {"down_proj": "w3", "up_proj": "w2", "gate_proj": "w1"} if gated else {"up_proj": "fc1", "down_proj": "fc2"}
    names |= {"o_proj": "proj", "attention": "attn", "layer_scale": "ls", "lambda1": "gamma", "model.layer": "blocks"}
    names |= {"patch_embeddings": "patch_embed.proj", "register_tokens": "storage_tokens"}
    out = {"rope_embed.periods": torch.ones(16), "local_cls_norm.weight": torch.ones(64)}
    for name, value in state.items():
        own = name.removeprefix("embeddings.")
        for theirs, ours in names.items():
            own = own.replace(theirs, ours)
        if "q_proj" in own:
            k = state.get(name.replace("q_proj", "k_proj"), torch.full_like(value, 7))
            value = torch.cat([value, k, state[name.replace("q_proj", "v_proj")]])
            own = own.replace("q_proj", "qkv")
            if own.endswith("bias"):
                out[f"{own}_mask"] = torch.ones(192)
        if "k_proj" not in own and "v_proj" not in own:
            out[own] = value[0] if own == "mask_token" else value
    return {name: value.contiguous() for name, value in out.items()}


def own_folder(model, folder):
    folder.mkdir()
    save_file(own_names(model.state_dict()), folder / "model.safetensors")
    return folder


@by_kind
def test_a_file_of_transformers_equals_transformers(made, kind):
    model, folder = made[kind]
    ours = load(folder)
    assert same(ours, model)
    assert ours.preparation == dinov3(28)


@by_kind
def test_names_in_memory_are_read_as_well(made, kind, tmp_path):
    model, folder = made[kind]
    assert same(load(rewritten(folder, tmp_path / "memory", lambda _: dict(model.state_dict()))), model)


@by_kind
def test_what_is_written_is_read_by_transformers(made, kind, tmp_path):
    ours = load(made[kind][1])
    save(ours, tmp_path)
    assert same(ours, AutoModel.from_pretrained(tmp_path).eval())
    again = load(tmp_path)
    assert torch.equal(again.encode_pixels(pixels()).x, ours.encode_pixels(pixels()).x)
    assert (again.preparation, again.image.config) == (ours.preparation, ours.image.config)


@pytest.mark.parametrize("kind", ["plain", "gated", "without biases"])
def test_files_of_its_own_repository_equal_transformers(made, kind, tmp_path):
    model, _ = made[kind]
    ours = load(own_folder(model, tmp_path / "own"))
    assert same(ours, model)
    assert ours.preparation == dinov3(224)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"layer.1.norm2.bias": None}, MissingKeys, "1 tensors are missing, the first is layer.1.norm2.bias"),
        (
            {"layer.0.attention.k_proj.bias": torch.zeros(64)},
            MissingKeys,
            "1 tensors have no place in this model, the first is 'layer.0.attention.k_proj.bias'",
        ),
        (
            {"layer.0.mlp.up_proj.weight": torch.zeros(40, 64)},
            WrongShape,
            r"mlp.up_proj.weight is \[40, 64\], the settings say \[48, 64\]",
        ),
    ],
)
def test_a_dinov3_with_a_wrong_tensor_is_refused_by_its_name(made, change, error, said, tmp_path):
    def changed(state):
        return {name: value for name, value in (state | change).items() if value is not None}

    with pytest.raises(error, match=said):
        load(rewritten(made["plain"][1], tmp_path / "other", changed))


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ({"key_bias": True}, LoadError, "key_bias is True; lexel builds False alone"),
        ({"mlp_bias": False}, LoadError, "mlp_bias is False; lexel builds True alone"),
        ({"proj_bias": False}, LoadError, "proj_bias is False; lexel builds True alone"),
        ({"value_bias": False}, LoadError, "query_bias and value_bias differ"),
        ({"num_attention_heads": 32}, LoadError, "a head of 2 channels is no multiple of 4"),
        ({"num_hidden_layers": 1}, MissingKeys, "1 layers are said, 2 are there"),
        ({"num_register_tokens": 4}, WrongShape, r"register_tokens is \[1, 3, 64\], the settings say \[1, 4, 64\]"),
    ],
)
def test_a_dinov3_that_lexel_does_not_build_is_refused(made, setting, error, said, tmp_path):
    other = rewritten(made["plain"][1], tmp_path / "other", dict)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | setting))
    with pytest.raises(error, match=said):
        load(other)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"cls_token": None}, MissingKeys, "the first is cls_token"),
        ({"storage_tokens": torch.zeros(3, 64)}, WrongShape, r"storage_tokens is \[3, 64\], expected 3 dimensions"),
        ({"blocks.0.attn.qkv.bias": torch.zeros(191)}, WrongShape, r"qkv.bias is \[191\], the settings say \[192\]"),
    ],
)
def test_a_file_of_its_own_repository_that_is_not_whole_is_refused(made, change, error, said, tmp_path):
    folder = own_folder(made["plain"][0], tmp_path / "own")
    state = load_file(folder / "model.safetensors") | change
    save_file({name: value for name, value in state.items() if value is not None}, folder / "model.safetensors")
    with pytest.raises(error, match=said):
        load(folder)
