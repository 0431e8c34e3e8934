"""Every way in which a ViT or a DeiT is published gives the model of `transformers`."""

import json

import numpy as np
import pytest
import torch
from loading.references import TOWERS, noisy, pixels, rewritten, same, saved
from PIL import Image
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import (
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    ViTConfig,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
)
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from lexel.errors import LoadError, MissingKeys, UnknownLayout, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.prepare import Preparation, Shortest, Squash
from lexel.pictures.published import IMAGENET_MEAN, IMAGENET_STD, deit, vit

TINY = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
TINY |= {"image_size": 28, "patch_size": 14}

HEADS = {
    "classifier": lambda: ViTForImageClassification(ViTConfig(**TINY, num_labels=5)),
    "masked images": lambda: ViTForMaskedImageModeling(ViTConfig(**TINY, encoder_stride=14)),
    "teacher": lambda: DeiTForImageClassificationWithTeacher(DeiTConfig(**TINY, num_labels=5)),
}


def hidden(model):
    with torch.no_grad():
        return model(pixels()).last_hidden_state.flatten(0, 1)


def ours(folder):
    return load(folder).encode_pixels(pixels()).x


@pytest.fixture(scope="module", params=["vit", "deit"])
def reference(request, tmp_path_factory):
    model = noisy(TOWERS[request.param]())
    return model, saved(model, tmp_path_factory.mktemp(request.param))


def test_a_saved_model_equals_transformers(reference):
    model, folder = reference
    assert close(ours(folder), hidden(model))


def test_names_in_memory_equal_those_on_disk(reference, tmp_path):
    model, folder = reference
    assert torch.equal(ours(rewritten(folder, tmp_path / "memory", lambda _: model.state_dict())), ours(folder))


@pytest.mark.parametrize("head", HEADS)
def test_a_model_with_a_head_is_its_tower(head, tmp_path):
    model = noisy(HEADS[head]())
    assert close(ours(saved(model, tmp_path)), hidden(model.base_model))


def test_what_is_saved_is_what_transformers_reads(reference, tmp_path):
    model, folder = reference
    save(load(folder), tmp_path / "saved")
    again, said = type(model).from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert {name.partition(".")[0] for name in said["missing_keys"]} == {"pooler"}
    assert not said["unexpected_keys"]
    assert torch.equal(hidden(again.eval()), hidden(model))
    assert torch.equal(ours(tmp_path / "saved"), ours(folder))


def timm_names(state):
    """A ViT of Hugging Face under the names of timm, written down a second time and by other means."""
    out = {}
    for name, value in state.items():
        if name.startswith("pooler"):
            continue
        new = name.replace("encoder.layer", "blocks").replace("layernorm_before", "norm1")
        new = new.replace("layernorm_after", "norm2").replace("attention.output.dense", "attn.proj")
        new = new.replace("intermediate.dense", "mlp.fc1").replace("output.dense", "mlp.fc2")
        new = new.replace("embeddings.patch_embeddings.projection", "patch_embed.proj")
        new = new.replace("embeddings.cls_token", "cls_token").replace("embeddings.distillation_token", "dist_token")
        new = new.replace("embeddings.position_embeddings", "pos_embed").replace("layernorm", "norm")
        if "attention.attention.query" in new:
            parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
            out[new.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
        elif "attention.attention" not in new:
            out[new] = value
    return out


def wide(distilled=False):
    """timm's heads are 64 wide, so that this model is wider than the others here."""
    sizes = TINY | {"hidden_size": 128, "num_attention_heads": 2, "layer_norm_eps": 1e-6}
    kind = "deit" if distilled else "vit"
    cls, config = type(TOWERS[kind]()), DeiTConfig(**sizes) if distilled else ViTConfig(**sizes)
    return noisy(cls(config))


def timm(folder, model, config, change=timm_names):
    """A folder of timm's, with a head; no config is a file of the first repositories."""
    folder.mkdir()
    there = saved(model, folder / "theirs")
    state = change(load_file(there / "model.safetensors")) | {"head.weight": torch.zeros(5, 128)}
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("distilled", [False, True])
@pytest.mark.parametrize("config", [None, {"architecture": "deit_base_patch14_28", "pretrained_cfg": {}}])
def test_names_of_timm_equal_those_of_hugging_face(distilled, config, tmp_path):
    model = wide(distilled)
    assert close(ours(timm(tmp_path / "timm", model, config)), hidden(model))


def test_timm_stretches_positions_with_antialias_and_the_first_repositories_do_not(tmp_path):
    """Literal: what the first block sees of a raster of 1 × 4."""
    model = wide()
    picture = torch.randn(3, 14, 56, generator=torch.Generator().manual_seed(0))
    for config, antialias in (({"architecture": "vit_base_patch14_28"}, True), (None, False)):
        image = load(timm(tmp_path / str(antialias), model, config)).image
        table = image.positions[1:].view(1, 2, 2, -1).permute(0, 3, 1, 2)
        table = torch.nn.functional.interpolate(table, size=(1, 4), mode="bicubic", antialias=antialias)
        cells, _ = image.patches([picture])
        assert close(image.trace([picture]).start.x[1:], cells + table[0].flatten(1).T)


def test_a_flexivit_of_timm_has_no_position_for_its_class_token_and_is_written_as_timm_does(tmp_path):
    sizes = TINY | {"hidden_size": 384, "num_attention_heads": 6, "layer_norm_eps": 1e-6, "num_hidden_layers": 1}
    model = noisy(type(TOWERS["vit"]())(ViTConfig(**sizes)))
    with torch.no_grad():
        model.embeddings.position_embeddings[:, 0] = 0

    def flexible(state):
        state = timm_names(state)
        return state | {"pos_embed": state["pos_embed"][:, 1:]}

    folder = timm(tmp_path / "flexi", model, {"architecture": "flexivit_small"}, flexible)
    assert close(ours(folder), hidden(model))
    save(load(folder), tmp_path / "again")
    assert torch.equal(ours(tmp_path / "again"), ours(folder))
    assert load_file(tmp_path / "again" / "model.safetensors").keys() == (
        load_file(folder / "model.safetensors").keys() - {"head.weight"}
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Preparation(Shortest(32), (28, 28), "even", mean=IMAGENET_MEAN, std=IMAGENET_STD)),
        (
            {"crop_pct": 0.9, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
            Preparation(Shortest(31), (28, 28), "even", vit(28).kernel, mean=(0.5,) * 3, std=(0.5,) * 3),
        ),
        (
            {"crop_pct": 1.0, "crop_mode": "squash"},
            Preparation(Squash((28, 28)), (28, 28), "even", mean=IMAGENET_MEAN, std=IMAGENET_STD),
        ),
    ],
)
@pytest.mark.parametrize("old", [False, True], ids=["pretrained_cfg", "flat"])
def test_timm_says_how_pictures_are_prepared(said, expected, old, tmp_path):
    config = {"architecture": "vit_base_patch14_28"} | (said if old else {"pretrained_cfg": said})
    assert load(timm(tmp_path / "timm", wide(), config)).preparation == expected


def test_without_a_file_pictures_are_prepared_as_the_class_would(reference):
    model, folder = reference
    assert load(folder).preparation == (deit(28) if model.config.model_type == "deit" else vit(28))


@pytest.mark.parametrize("processor", [ViTImageProcessorPil, DeiTImageProcessorPil])
def test_the_processor_of_the_folder_counts(processor, reference, tmp_path):
    folder = rewritten(reference[1], tmp_path / "with", dict)
    processor(size={"height": 28, "width": 42}, image_mean=[0.0, 0.1, 0.2], do_center_crop=False).save_pretrained(
        folder
    )
    kernel = Image.Resampling(processor.resample)
    prepared = Preparation(Squash((28, 42)), kernel=kernel, mean=(0.0, 0.1, 0.2), std=(0.5, 0.5, 0.5))
    assert load(folder).preparation == prepared


def test_a_file_of_timm_that_says_its_heads_is_believed(tmp_path):
    config = {"architecture": "vit_huge_patch14_28", "model_args": {"num_heads": 4}}
    assert load(timm(tmp_path / "timm", wide(), config)).image.config.blocks.heads == 4
    assert load(timm(tmp_path / "bare", wide(), None)).image.config.blocks.heads == 2


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"layernorm.weight": None}, MissingKeys, "1 tensors are missing, the first is layernorm.weight"),
        ({"embeddings.cls_token": torch.zeros(1, 1, 31)}, WrongShape, r"cls_token is \[1, 1, 31\]"),
        ({"fc_norm.weight": torch.zeros(32)}, MissingKeys, "no place in this model, the first is 'fc_norm.weight'"),
        ({"encoder.layer.2.output.dense.bias": torch.zeros(32)}, MissingKeys, "2 layers are said, 3 are there"),
    ],
)
def test_a_tensor_too_few_too_many_or_wrong_is_named(change, error, said, reference, tmp_path):
    def changed(state):
        return {name: value for name, value in {**state, **change}.items() if value is not None}

    with pytest.raises(error, match=said):
        load(rewritten(reference[1], tmp_path / "other", changed))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"pos_embed": None}, MissingKeys, "pos_embed is missing"),
        ({"pos_embed": torch.zeros(5, 128)}, WrongShape, r"pos_embed is \[5, 128\], expected 3 dimensions"),
        ({"blocks.0.ls1.gamma": torch.zeros(128)}, MissingKeys, "blocks.0.ls1.gamma"),
    ],
)
def test_a_tower_of_timm_that_lexel_does_not_build_is_refused(change, error, said, tmp_path):
    def changed(state):
        return {n: v for n, v in {**timm_names(state), **change}.items() if v is not None}

    with pytest.raises(error, match=said):
        load(timm(tmp_path / "timm", wide(), {"architecture": "vit_base_patch14_28"}, changed))


def test_a_preparation_of_timm_that_lexel_cannot_repeat_is_refused(tmp_path):
    config = {"architecture": "vit_base_patch14_28", "pretrained_cfg": {"crop_mode": "border"}}
    with pytest.raises(LoadError, match="crop_mode 'border'"):
        load(timm(tmp_path / "timm", wide(), config))


def test_an_architecture_of_timm_that_nobody_knows_is_named(reference, tmp_path):
    other = rewritten(reference[1], tmp_path / "other", dict)
    (other / "config.json").write_text('{"architecture": "efficientnet_b0"}')
    with pytest.raises(UnknownLayout, match=r"config.json says 'efficientnet_b0'; lexel reads"):
        load(other)


def test_old_files_say_both_sides_as_one_number(reference, tmp_path):
    old = rewritten(reference[1], tmp_path / "old", dict)
    (old / "preprocessor_config.json").write_text('{"size": 35, "image_mean": 0.5, "image_std": 0.5}')
    assert load(old).preparation.resize == Squash((35, 35))
    assert np.array_equal(load(old).preparation.mean, [0.5] * 3)
    assert same([load(old).image.positions], [load(reference[1]).image.positions])
