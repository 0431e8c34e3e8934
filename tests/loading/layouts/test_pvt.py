"""PVT and PVT v2: files of Hugging Face, whole and with a head, and the original ones equal transformers."""

import json
import re

import pytest
import torch
from loading.references import PYRAMID, TOWERS, noisy, rewritten, same, saved
from safetensors.torch import save_file
from tolerances import close
from transformers import (
    PvtConfig,
    PvtForImageClassification,
    PvtModel,
    PvtV2Config,
    PvtV2ForImageClassification,
    PvtV2Model,
)

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import imagenet, squashed
from lexel.towers._hierarchy import Hierarchy

MODELS = {
    "pvt": TOWERS["pvt"],
    "pvt_v2": TOWERS["pvt_v2"],
    "pvt_v2, linear": lambda: PvtV2Model(PvtV2Config(**PYRAMID, linear_attention=True)),
    "pvt_v2, no bias": lambda: PvtV2Model(PvtV2Config(**PYRAMID, qkv_bias=False)),
}
HEADED = {
    "pvt": lambda: PvtForImageClassification(PvtConfig(**PYRAMID, image_size=32, num_labels=3)),
    "pvt_v2": lambda: PvtV2ForImageClassification(PvtV2Config(**PYRAMID, num_labels=3)),
}
# Published heads are 64 wide in version 1, and 1, 2, 5, 8 in version 2: so these are of other sizes.
NATIVE = {
    "pvt": {
        "hidden_sizes": [64, 64, 128, 128],
        "depths": [1, 2, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "mlp_ratios": [2, 3, 2, 2],
    },
    "pvt_v2": {
        "hidden_sizes": [8, 16, 20, 32],
        "depths": [1, 2, 1, 1],
        "num_attention_heads": [1, 2, 5, 8],
        "mlp_ratios": [2, 3, 2, 2],
    },
}


def batch(kind):
    size = (32, 32) if kind == "pvt" else (40, 61)
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


def expected(model, kind):
    """The last hidden state of `transformers`, as rows."""
    with torch.no_grad():
        hidden = model(batch(kind)).last_hidden_state
    return (hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden).flatten(0, 1)


def features(model, kind):
    with torch.inference_mode():
        return [stage.packed.x for stage in model.image.stages(batch(kind), 3)]


@pytest.mark.parametrize("kind", MODELS)
def test_a_saved_model_equals_transformers(kind, tmp_path):
    peer = noisy(MODELS[kind]())
    ours = load(saved(peer, tmp_path / "model"))
    assert isinstance(ours, Hierarchy)
    assert close(ours.encode_pixels(batch(kind)).x, expected(peer, kind))
    assert ours.preparation == squashed(32 if kind == "pvt" else 224)


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_saved_is_what_transformers_reads(kind, tmp_path):
    peer = noisy(MODELS[kind]())
    ours = load(saved(peer, tmp_path / "model"))
    save(ours, tmp_path / "again")
    again, said = type(peer).from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(expected(again.eval(), kind), expected(peer, kind))
    assert same(features(load(tmp_path / "again"), kind), features(ours, kind))


@pytest.mark.parametrize("kind", HEADED)
def test_a_model_with_a_head_equals_transformers(kind, tmp_path):
    peer = noisy(HEADED[kind]())
    ours = load(saved(peer, tmp_path / "model"))
    assert close(ours.encode_pixels(batch(kind)).x, expected(getattr(peer, kind), kind))
    pooled = ours.image.pooled(ours.encode_pixels(batch(kind)))
    with torch.no_grad():
        assert close(peer.classifier(pooled), peer(batch(kind)).logits)


def native_names(state):
    """A PVT of Hugging Face under its original names, written down a second time and by other means."""
    out = {}
    for name, value in state.items():
        stage = int((re.search(r"\.(\d+)\.", name) or [0, "0"])[1]) + 1
        new = re.sub(r"encoder\.(block|layers)\.\d+\.(blocks\.)?(\d+)\.", rf"block{stage}.\3.", name)
        new = re.sub(r"encoder\.patch_embeddings\.\d+\.(projection|layer_norm)", rf"patch_embed{stage}.\1", new)
        new = re.sub(r"encoder\.layers\.\d+\.patch_embedding\.(proj|layer_norm)", rf"patch_embed{stage}.\1", new)
        new = re.sub(r"encoder\.layers\.\d+\.layer_norm", f"norm{stage}", new)
        new = re.sub(r"encoder\.patch_embeddings\.\d+\.position_embeddings", f"pos_embed{stage}", new)
        new = re.sub(r"encoder\.patch_embeddings\.\d+\.cls_token", "cls_token", new)
        for theirs, native in NAMES:
            new = new.replace(theirs, native)
        if ".attn.key." in new:
            out[new.replace("key", "kv")] = torch.cat([value, state[name.replace("key", "value")]])
        elif ".attn.value." not in new:
            out[new] = value
    return out


NAMES = [
    ("encoder.layer_norm", "norm"),
    ("patch_embed1.projection", "patch_embed1.proj"),
    ("patch_embed2.projection", "patch_embed2.proj"),
    ("patch_embed3.projection", "patch_embed3.proj"),
    ("patch_embed4.projection", "patch_embed4.proj"),
    ("attention.output.dense", "attn.proj"),
    ("attention.self", "attn"),
    ("attention", "attn"),
    ("sequence_reduction", "sr"),
    ("spatial_reduction", "sr"),
    ("layer_norm_", "norm"),
    ("layer_norm", "norm"),
    ("query", "q"),
    ("mlp.dense", "mlp.fc"),
]


@pytest.mark.parametrize(
    ("kind", "linear"), [("pvt", False), ("pvt_v2", False), ("pvt_v2", True)], ids=["pvt", "pvt_v2", "linear"]
)
def test_the_original_files_say_all_but_the_heads(kind, linear, tmp_path):
    """Its norms after patches and reductions have an epsilon of their own, which is kept where it is written."""
    if kind == "pvt":
        peer = noisy(PvtModel(PvtConfig(**NATIVE[kind], image_size=32)))
    else:
        peer = noisy(PvtV2Model(PvtV2Config(**NATIVE[kind], linear_attention=linear)))
    for name, module in peer.named_modules():
        if re.search(r"(patch_embeddings?(\.\d+)?|attention|attention\.self)\.layer_norm$", name):
            module.eps = 1e-5
    native = native_names(peer.state_dict()) | {"head.weight": torch.ones(3, 32), "head.bias": torch.ones(3)}
    (tmp_path / "native").mkdir()
    save_file({n: v.contiguous() for n, v in native.items()}, tmp_path / "native" / "model.safetensors")
    ours = load(tmp_path / "native")
    assert close(ours.encode_pixels(batch(kind)).x, expected(peer, kind), tolerance=2e-6)
    assert ours.preparation.resize == imagenet(32 if kind == "pvt" else 224).resize
    save(ours, tmp_path / "again")
    assert same(features(load(tmp_path / "again"), kind), features(ours, kind))
    assert type(peer).from_pretrained(tmp_path / "again", output_loading_info=True)[1]["missing_keys"] == set()


def test_an_original_file_that_lacks_what_says_its_size_is_refused(tmp_path):
    state = {"pos_embed4": torch.zeros(1, 2, 8), "norm.weight": torch.zeros(8)}
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(MissingKeys, match=r"patch_embed1.proj.weight is missing, which says how large the model is"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("pvt", {"patch_sizes": [4, 2, 2, 1]}, r"patch_sizes is \[4, 2, 2, 1\], expected \[4, 2, 2, 2\]"),
        ("pvt", {"sequence_reduction_ratios": [8, 4, 2, 2]}, "the last stage has a reduction beside its class token"),
        ("pvt", {"image_size": 24}, "pictures of 24 pixels have 6 rows of cells in stage 0, a reduction of 8"),
        ("pvt_v2", {"strides": [4, 2, 2, 1]}, r"strides is \[4, 2, 2, 1\]"),
        ("pvt_v2", {"depths": [2, 1, 1]}, r"depths is \(2, 1, 1\), expected 4 numbers"),
        ("pvt_v2", {"depths": [2, 1, 9, 1]}, "9 layers are said, 1 are there: no encoder.layers.2.blocks.1"),
        ("pvt_v2", {"mlp_ratios": [8, 8, 4, 999]}, "mlp_ratios is .* expected 4 numbers of 1…64"),
        ("pvt_v2", {"sr_ratios": "8421"}, "sr_ratios is '8421', expected a list"),
        ("pvt_v2", {"num_attention_heads": [3, 2, 3, 4]}, "a width of 8 is no multiple of 3 heads"),
        ("pvt_v2", {"hidden_act": "swoosh"}, "hidden_act is 'swoosh'"),
    ],
)
def test_settings_that_no_published_tower_has_are_refused_by_name(kind, change, said, tmp_path):
    folder = saved(MODELS[kind](), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=said):
        load(folder)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(tmp_path):
    folder = saved(MODELS["pvt"](), tmp_path / "model")
    name = "encoder.block.1.0.attention.self.value.bias"
    less = rewritten(folder, tmp_path / "less", lambda state: {n: v for n, v in state.items() if n != name})
    with pytest.raises(MissingKeys, match=f"1 tensors are missing, the first is {name}"):
        load(less)
    other = rewritten(folder, tmp_path / "other", lambda state: state | {name: torch.zeros(15)})
    with pytest.raises(WrongShape, match=r"the settings say \[16"):
        load(other)
