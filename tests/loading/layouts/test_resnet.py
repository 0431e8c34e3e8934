"""ResNet: files of Hugging Face, whole and with a head, and those of torchvision give the model of transformers."""

import json
import re

import pytest
import torch
from loading.references import noisy, rewritten, saved
from PIL import Image
from safetensors.torch import save_file
from tolerances import close
from transformers import ResNetConfig, ResNetForImageClassification, ResNetModel

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.prepare import Shortest
from lexel.pictures.published import imagenet
from lexel.towers._hierarchy import Hierarchy

SIZES = {"embedding_size": 8, "hidden_sizes": [16, 32, 32, 48], "depths": [2, 1, 1, 2]}
SHAPES = {
    "bottleneck": {},
    "basic": {"layer_type": "basic"},
    "bottleneck, stride in its 1×1": {"downsample_in_bottleneck": True},
    "coarser first stage": {"downsample_in_first_stage": True, "layer_type": "basic"},
}


def made(shape, kind=ResNetModel):
    return noisy(kind(ResNetConfig(**SIZES, **SHAPES[shape])))


def batch():
    return torch.randn(2, 3, 61, 75, generator=torch.Generator().manual_seed(1))


def expected(model):
    """The last hidden state of `transformers`, as rows."""
    with torch.no_grad():
        return model(batch()).last_hidden_state.permute(0, 2, 3, 1).flatten(0, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_saved_model_equals_transformers_and_is_written_as_it_reads(shape, tmp_path):
    peer = made(shape)
    for module in peer.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.num_batches_tracked += 7
    ours = load(saved(peer, tmp_path / "model"))
    assert isinstance(ours, Hierarchy)
    assert close(ours.encode_pixels(batch()).x, expected(peer))
    assert ours.preparation == imagenet(224)
    save(ours, tmp_path / "again")
    again, said = ResNetModel.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(expected(again.eval()), expected(peer))
    assert torch.equal(load(tmp_path / "again").encode_pixels(batch()).x, ours.encode_pixels(batch()).x)


def test_a_model_with_a_head_equals_transformers(tmp_path):
    peer = made("bottleneck", ResNetForImageClassification)
    ours = load(saved(peer, tmp_path / "model"))
    assert close(ours.encode_pixels(batch()).x, expected(peer.resnet))


def torchvision_names(state):
    """A ResNet of Hugging Face under torchvision's names, written down a second time and by other means."""
    out = {}
    for name, value in state.items():
        new = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
        new = re.sub(r"encoder\.stages\.(\d)\.layers\.", lambda m: f"layer{int(m[1]) + 1}.", new)
        new = re.sub(r"layer\.(\d)\.convolution", lambda m: f"conv{int(m[1]) + 1}", new)
        new = re.sub(r"layer\.(\d)\.normalization", lambda m: f"bn{int(m[1]) + 1}", new)
        out[new.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")] = (
            value
        )
    return out


@pytest.mark.parametrize("shape", ["bottleneck", "basic"])
@pytest.mark.parametrize("counters", [True, False], ids=["with counters", "of old"])
def test_torchvisions_files_equal_hugging_faces(shape, counters, tmp_path):
    peer = made(shape)
    state = torchvision_names(peer.state_dict()) | {"fc.weight": torch.ones(3, 48), "fc.bias": torch.ones(3)}
    kept = {n: v.contiguous() for n, v in state.items() if counters or not n.endswith("num_batches_tracked")}
    save_file(kept, tmp_path / "model.safetensors")
    ours = load(tmp_path)
    assert close(ours.encode_pixels(batch()).x, expected(peer))
    assert (ours.preparation.resize, ours.preparation.crop) == (Shortest(256), (224, 224))
    assert ours.preparation.kernel == Image.Resampling.BILINEAR
    save(ours, tmp_path / "again")
    assert close(expected(ResNetModel.from_pretrained(tmp_path / "again").eval()), expected(peer))


def test_a_file_of_torchvision_that_lacks_what_says_its_size_is_refused(tmp_path):
    state = torchvision_names(made("basic").state_dict())
    save_file({n: v.contiguous() for n, v in state.items() if n != "conv1.weight"}, tmp_path / "model.safetensors")
    with pytest.raises(MissingKeys, match=r"conv1.weight is missing, which says how large the model is"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer_type": "inverted"}, "layer_type is 'inverted', expected bottleneck or basic"),
        ({"hidden_act": "silu"}, "hidden_act is 'silu', expected relu"),
        ({"hidden_sizes": [16, 32, 32]}, "3 hidden_sizes and 4 depths"),
        ({"depths": [2, 1, 5, 2]}, r"5 layers are said, 1 are there: encoder.stages.2.layers"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(change, said, tmp_path):
    folder = saved(made("bottleneck"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=said):
        load(folder)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(tmp_path):
    folder = saved(made("bottleneck"), tmp_path / "model")
    name = "encoder.stages.1.layers.0.shortcut.normalization.running_var"
    less = rewritten(folder, tmp_path / "less", lambda state: {n: v for n, v in state.items() if n != name})
    with pytest.raises(MissingKeys, match=f"1 tensors are missing, the first is {name}"):
        load(less)
    other = rewritten(folder, tmp_path / "other", lambda state: state | {name: torch.zeros(15)})
    with pytest.raises(WrongShape, match=rf"{name} is \[15\], the settings say \[32\]"):
        load(other)
