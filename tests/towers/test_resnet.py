"""ResNet against that of `transformers`."""

import re

import pytest
import torch
from tolerances import close
from towers.peers import noisy
from towers.test_clip import parameters, pixels
from transformers import ResNetConfig as PeerConfig
from transformers import ResNetModel

from lexel.contracts.making import make_picture
from lexel.pictures.prepare import Preparation
from lexel.towers._hierarchy import Hierarchy
from lexel.towers.resnet import ResNet, ResNetConfig

SHAPES = {
    "bottleneck": {"bottleneck": True},
    "basic": {"bottleneck": False},
    "bottleneck, stride in its 1×1": {"bottleneck": True, "first_of_three": True},
    "basic, coarser first stage": {"bottleneck": False, "first_stage": True},
}


def ours_of(state):
    """The peer's state under our names: a second, independent spelling."""
    ours = {}
    for name, value in state.items():
        new = name.replace("embedder.embedder", "stem").replace("normalization", "norm")
        new = re.sub(r"encoder\.stages\.(\d+)\.layers\.(\d+)", r"layers.\1.\2", new)
        ours[new.replace(".layer.", ".steps.")] = value
    return ours


def pair(shape):
    options = {"bottleneck": True, "first_stage": False, "first_of_three": False, **SHAPES[shape]}
    config = PeerConfig(
        embedding_size=8,
        hidden_sizes=[16, 32, 48],
        depths=[2, 1, 2],
        layer_type="bottleneck" if options["bottleneck"] else "basic",
        downsample_in_first_stage=options["first_stage"],
        downsample_in_bottleneck=options["first_of_three"],
    )
    torch.manual_seed(0)
    peer = noisy(ResNetModel(config))
    for name, value in peer.named_buffers():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
    tower = ResNet(ResNetConfig(stem=8, widths=(16, 32, 48), depths=(2, 1, 2), **options))
    tower.load_state_dict(ours_of(peer.state_dict()))
    return peer, tower.eval().requires_grad_(False)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(64, 64), (61, 75), (1, 9)])
def test_every_stage_of_a_resnet_equals_transformers(shape, size):
    peer, tower = pair(shape)
    batch = torch.stack(pixels(size, size))
    theirs = peer(batch, output_hidden_states=True)
    for ours, expected in zip(tower.stages(batch, 2), theirs.hidden_states[1:], strict=True):
        assert close(ours.packed.x, expected.permute(0, 2, 3, 1).flatten(0, 2))
    last = tower.encode_pixels(batch)
    assert close(last.x, theirs.last_hidden_state.permute(0, 2, 3, 1).flatten(0, 2))
    assert close(tower.pooled(last), theirs.pooler_output[:, :, 0, 0])


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one():
    _, tower = pair("bottleneck")
    pictures = pixels((64, 64), (40, 96), (3, 70))
    batch = tower.encode_pixels(pictures)
    assert batch.grid.tolist() == [[4, 4], [3, 6], [1, 5]]
    for picture, rows, pooled in zip(pictures, batch.x.split(list(batch.counts)), tower.pooled(batch), strict=True):
        alone = tower.encode_pixels([picture])
        assert close(alone.x, rows, tolerance=1e-6)
        assert close(tower.pooled(alone)[0], pooled, tolerance=1e-6)


def test_no_pictures_are_no_tokens():
    _, tower = pair("basic")
    assert [stage.packed.x.shape for stage in tower.stages([], 2)] == [(0, 16), (0, 32), (0, 48)]


@pytest.mark.parametrize("shape", ["bottleneck", "basic, coarser first stage"])
@pytest.mark.parametrize("size", [(64, 64), (61, 75)])
def test_boxes_of_every_stage_of_a_resnet_tile_the_picture(shape, size):
    _, tower = pair(shape)
    assert tower.cells == ((8, 16, 32) if "coarser" in shape else (4, 8, 16))
    model = Hierarchy(tower, preparation=Preparation(None))
    for stage, tokens in enumerate(model.hierarchy([make_picture(*size)])):
        cell = tower.cells[stage]
        assert tokens.pictures.grids.tolist() == [[-(-size[0] // cell), -(-size[1] // cell)]]
        sides = tokens.boxes[:, 2:] - tokens.boxes[:, :2]
        assert (sides > 0).all()
        assert sides.prod(1).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_transformers(training):
    """In training, batch norms take the statistics of the batch, and remember them."""
    peer, tower = pair("bottleneck")
    batch = torch.stack(pixels((40, 36), (40, 36)))
    tower.requires_grad_(True).train(training)
    peer.requires_grad_(True).train(training)
    tower.encode_pixels(batch).x.square().sum().backward()
    peer(batch).last_hidden_state.square().sum().backward()
    expected = ours_of(peer.state_dict())
    for name, value in tower.named_buffers():
        assert close(value, expected[name])
    theirs = ours_of({name: value.grad for name, value in peer.named_parameters()})
    scale = max(float(gradient.abs().max()) for gradient in theirs.values())
    for name, value in tower.named_parameters():
        assert close(value.grad / scale, theirs[name] / scale)


@pytest.mark.parametrize(
    ("widths", "depths", "bottleneck", "count"),
    [
        ((64, 128, 256, 512), (2, 2, 2, 2), False, 11_689_512),
        ((64, 128, 256, 512), (3, 4, 6, 3), False, 21_797_672),
        ((256, 512, 1024, 2048), (3, 4, 6, 3), True, 25_557_032),
        ((256, 512, 1024, 2048), (3, 4, 23, 3), True, 44_549_160),
        ((256, 512, 1024, 2048), (3, 8, 36, 3), True, 60_192_808),
    ],
)
def test_parameter_counts_are_the_published_ones(widths, depths, bottleneck, count):
    """Published with a head of 1000 classes."""
    with torch.device("meta"):
        tower = ResNet(ResNetConfig(stem=64, widths=widths, depths=depths, bottleneck=bottleneck))
    assert parameters(tower) + 1000 * widths[-1] + 1000 == count
