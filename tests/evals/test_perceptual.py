"""LPIPS with random weights of the published shapes: its steps written out, and files that are none of it."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lexel.errors import BadArguments, LoadError, MissingKeys, UnsafeFile, WrongShape
from lexel.evals.perceptual import ALEXNET, LPIPS, VGG16
from lexel.measures.trial import Distance

# What stands in `features` of torchvision, place by place: convolution, ReLU, max-pooling.
WIDTHS = {
    "vgg": (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
    "alex": (3, 64, 192, 384, 256, 256),
}
LAYERS = {"vgg": "CRCRPCRCRPCRCRCRPCRCRCRPCRCRCRP", "alex": "CRPCRPCRCRCRP"}
TAPS = {"vgg": (3, 8, 15, 22, 29), "alex": (1, 4, 7, 9, 11)}
KERNELS = {"vgg": [3] * 13, "alex": [11, 5, 3, 3, 3]}
CHANNELS = {"vgg": VGG16.channels, "alex": ALEXNET.channels}


def weights(net):
    torch.manual_seed(0)
    features, conv = {}, 0
    for number, layer in enumerate(LAYERS[net]):
        if layer == "C":
            into, out, kernel = WIDTHS[net][conv], WIDTHS[net][conv + 1], KERNELS[net][conv]
            features[f"features.{number}.weight"] = torch.randn(out, into, kernel, kernel) / (into * kernel**2) ** 0.5
            features[f"features.{number}.bias"] = torch.randn(out) / 10
            conv += 1
    lin = {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1) for k, c in enumerate(CHANNELS[net])}
    return features, lin


@pytest.fixture(scope="module", params=["vgg", "alex"])
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    features, lin = weights(request.param)
    save_file(features | {"classifier.0.weight": torch.zeros(2)}, folder / "trunk.safetensors")
    save_file(lin | {f"lins.{k}": v.clone() for k, v in enumerate(lin.values())}, folder / "lin.safetensors")
    return request.param, LPIPS(str(folder / "trunk.safetensors"), str(folder / "lin.safetensors"))


def literal(net, a, b):
    """The steps of the paper's code, one by one, on pictures from −1 to 1."""
    features, lin = weights(net)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    taps = []
    for x in (a, b):
        x, seen = (x - shift[:, None, None]) / scale[:, None, None], []
        for number, layer in enumerate(LAYERS[net][: TAPS[net][-1] + 1]):
            if layer == "C":
                w, bias = features[f"features.{number}.weight"], features[f"features.{number}.bias"]
                stride, padding = (4, 2) if w.shape[2] == 11 else (1, w.shape[2] // 2)
                x = torch.nn.functional.conv2d(x[None], w, bias, stride=stride, padding=padding)[0]
            elif layer == "R":
                x = x.clamp(min=0)
            else:
                x = torch.nn.functional.max_pool2d(x, 2 if net == "vgg" else 3, 2)
            if number in TAPS[net]:
                seen.append(x)
        taps.append(seen)
    total = 0.0
    for k, (x, y) in enumerate(zip(*taps, strict=True)):
        unit = [f / (torch.sqrt((f * f).sum(0)) + 1e-10) for f in (x, y)]
        weight = lin[f"lin{k}.model.1.weight"].reshape(-1)
        total += float(((unit[0] - unit[1]) ** 2 * weight[:, None, None]).sum(0).mean())
    return total


def test_lpips_equals_its_literal_steps(files):
    net, lpips = files
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    tensors = [torch.tensor(x).permute(2, 0, 1) / 127.5 - 1 for x in (a, b)]
    assert lpips(a, b) == pytest.approx(literal(net, *tensors), rel=1e-5)
    assert lpips(a, a) == 0
    assert lpips.name == f"LPIPS ({net})"
    assert isinstance(lpips, Distance)


def test_many_are_measured_together_with_gradients(files):
    net, lpips = files
    a, b = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    a.requires_grad_()
    found = lpips.network(a, b)
    assert found.tolist() == pytest.approx([literal(net, *pair) for pair in zip(a.detach(), b, strict=True)], rel=1e-5)
    found.sum().backward()
    assert a.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in lpips.network.parameters())


def test_a_trunk_is_the_published_one(files):
    net, lpips = files
    count = sum(value.numel() for value in lpips.network.convolutions.parameters())
    assert count == {"vgg": 14_714_688, "alex": 2_469_696}[net]  # of torchvision's, without the classifier


def test_other_weights_have_another_digest(files, tmp_path):
    _, lpips = files
    assert len(lpips.digest) == 65
    save_file(
        {f"lin{k}.model.1.weight": torch.ones(1, c, 1, 1) for k, c in enumerate(VGG16.channels)},
        tmp_path / "o.safetensors",
    )
    assert LPIPS(lpips.trunk, str(tmp_path / "o.safetensors")).digest != lpips.digest


def test_pictures_too_small_for_the_trunk_are_refused(files):
    net, lpips = files
    least = {"vgg": 16, "alex": 31}[net]
    tiny = np.zeros((least, least, 3), np.uint8)
    assert lpips(tiny, tiny) == 0
    with pytest.raises(BadArguments, match=f"takes {least} pixels a side"):
        lpips(tiny[1:], tiny[1:])


def test_files_that_are_none_of_it_are_refused(files, tmp_path):
    _, lpips = files
    save_file({"lin0.model.1.weight": torch.ones(1, 7, 1, 1)}, tmp_path / "narrow.safetensors")
    save_file({"features.0.weight": torch.ones(64, 3, 3, 3)}, tmp_path / "short.safetensors")
    (tmp_path / "old.pth").write_bytes(b"pickle")
    with pytest.raises(WrongShape, match=r"narrow.safetensors: holds no weights of LPIPS"):
        lpips.__class__(lpips.trunk, str(tmp_path / "narrow.safetensors")).name  # noqa: B018
    with pytest.raises(MissingKeys, match="of torchvision"):
        LPIPS(str(tmp_path / "short.safetensors"), lpips.lin)(*np.zeros((2, 40, 40, 3), np.uint8))
    with pytest.raises(UnsafeFile):
        LPIPS(str(tmp_path / "old.pth"), lpips.lin).digest  # noqa: B018
    with pytest.raises(LoadError, match="is not there"):
        LPIPS("nowhere.safetensors", lpips.lin).digest  # noqa: B018
