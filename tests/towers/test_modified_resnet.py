"""CLIP's convolutional towers: published sizes, and a literal forward, because no peer has them."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 — as everybody calls it
from tolerances import close
from towers.peers import noisy
from towers.test_clip import parameters, pixels

from lexel.errors import BadArguments
from lexel.reducers.tome import ToMe
from lexel.towers._config import Blocks, TextConfig
from lexel.towers._modified_resnet import ModifiedResNet, ResNetConfig
from lexel.towers.clip import ClipText

TINY = ResNetConfig(blocks=(2, 1, 1, 1), width=8, grid=2, embed_dim=5)


@pytest.fixture(scope="module")
def tower():
    """Every number drawn; running variances stay positive."""
    torch.manual_seed(0)
    model = noisy(ModifiedResNet(TINY))
    with torch.no_grad():
        for name, x in model.named_buffers():
            if name.endswith("running_var"):
                x.uniform_(0.5, 2)
        model.attnpool.positional_embedding.normal_()
    return model


def literal(state, x, config):
    """The published forward of one picture [1, 3, H, W], step by step: the cells and the pooled vector."""

    def norm(x, name):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        y = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        return y * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    x = F.relu(norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=1), "bn1"))
    x = F.relu(norm(F.conv2d(x, state["conv2.weight"], padding=1), "bn2"))
    x = F.relu(norm(F.conv2d(x, state["conv3.weight"], padding=1), "bn3"))
    x = F.avg_pool2d(x, 2)
    for stage, blocks in enumerate(config.blocks, start=1):
        for j in range(blocks):
            at, stride = f"layer{stage}.{j}", 2 if stage > 1 and j == 0 else 1
            y = F.relu(norm(F.conv2d(x, state[f"{at}.conv1.weight"]), f"{at}.bn1"))
            y = F.relu(norm(F.conv2d(y, state[f"{at}.conv2.weight"], padding=1), f"{at}.bn2"))
            y = F.avg_pool2d(y, stride) if stride > 1 else y
            y = norm(F.conv2d(y, state[f"{at}.conv3.weight"]), f"{at}.bn3")
            if f"{at}.downsample.0.weight" in state:
                x = F.avg_pool2d(x, stride) if stride > 1 else x
                x = norm(F.conv2d(x, state[f"{at}.downsample.0.weight"]), f"{at}.downsample.1")
            x = F.relu(y + x)
    cells = x[0].flatten(1).T
    tokens = torch.cat([cells.mean(0, keepdim=True), cells]) + state["attnpool.positional_embedding"]
    q, k, v = (tokens @ state[f"attnpool.{p}_proj.weight"].T + state[f"attnpool.{p}_proj.bias"] for p in "qkv")
    heads = config.width // 2
    q, k, v = (t.view(len(t), heads, -1).transpose(0, 1) for t in (q[:1], k, v))
    mixed = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v
    pooled = mixed.flatten() @ state["attnpool.c_proj.weight"].T + state["attnpool.c_proj.bias"]
    return cells, pooled


def test_the_tower_equals_the_literal_steps(tower):
    pictures = torch.stack(pixels((64, 64), (64, 64)))
    ours = tower.encode_pixels(pictures)
    pooled = tower.pooled(ours)
    for b in range(2):
        cells, vector = literal(tower.state_dict(), pictures[b : b + 1], TINY)
        assert close(ours.x[4 * b : 4 * b + 4], cells)
        assert close(pooled[b], vector)


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one(tower):
    pictures = pixels((64, 64), (32, 96), (96, 64))
    batch = tower.encode_pixels(pictures)
    assert batch.counts == (4, 3, 6)
    rows, pooled = batch.x.split(list(batch.counts)), tower.pooled(batch)
    for b, picture in enumerate(pictures):
        alone = tower.encode_pixels([picture])
        assert close(alone.x, rows[b], tolerance=1e-6)
        assert close(tower.pooled(alone)[0], pooled[b], tolerance=1e-6)


def test_a_constant_picture_gives_equal_interior_cells(tower):
    cells = tower.encode_pixels(torch.ones(1, 3, 32 * 9, 32 * 9)).x.view(9, 9, -1)
    assert close(cells[4:6, 4:6].flatten(0, 1), cells[5, 5].expand(4, -1))


def test_a_cell_where_words_live_is_its_value(tower):
    packed = tower.encode_pixels(pixels((64, 64)))
    state = tower.state_dict()
    placed = packed.x + state["attnpool.positional_embedding"][1:]
    value = placed @ state["attnpool.v_proj.weight"].T + state["attnpool.v_proj.bias"]
    assert close(tower.shared(packed), value @ state["attnpool.c_proj.weight"].T + state["attnpool.c_proj.bias"])


def test_no_selector_stands_inside(tower):
    with pytest.raises(BadArguments, match="convolutions"):
        tower.with_inside(ToMe(r=1))


@pytest.mark.parametrize(
    ("blocks", "width", "grid", "embed", "words", "image_count", "whole"),
    [
        ((3, 4, 6, 3), 64, 7, 1024, 512, 38_316_896, 102_007_137),
        ((3, 4, 23, 3), 64, 7, 512, 512, 56_259_936, 119_688_033),
        ((4, 6, 10, 6), 80, 9, 640, 640, 87_137_080, 178_300_601),
        ((6, 8, 18, 8), 96, 12, 768, 768, 167_328_912, 290_979_217),
        ((3, 15, 36, 10), 128, 14, 1024, 1024, 420_380_352, 623_258_305),
    ],
)
def test_parameter_counts_are_the_published_ones(blocks, width, grid, embed, words, image_count, whole):
    with torch.device("meta"):
        image = ModifiedResNet(ResNetConfig(blocks, width, grid, embed))
        text = ClipText(TextConfig(Blocks(words, 12, words // 64, 4 * words), 49_408, 77, embed))
    assert parameters(image) == image_count
    assert parameters(image) + parameters(text) + 1 == whole
