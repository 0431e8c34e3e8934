"""PVT and PVT v2 against those of `transformers`."""

import re

import pytest
import torch
from tolerances import close
from towers.peers import noisy
from towers.test_clip import parameters, pixels
from transformers import PvtConfig as PeerConfig
from transformers import PvtModel, PvtV2Model
from transformers import PvtV2Config as PeerV2Config

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.pictures.prepare import Preparation
from lexel.tokens.meaning import Kind
from lexel.towers._hierarchy import Hierarchy
from lexel.towers._pyramid import Pyramid
from lexel.towers.pvt import Pvt, PvtConfig
from lexel.towers.pvtv2 import PvtV2, PvtV2Config

WIDTHS, DEPTHS, HEADS, RATIOS = (8, 16, 24, 32), (2, 1, 2, 1), (1, 2, 3, 4), (2, 3, 4, 2)
TINY = Pyramid(widths=WIDTHS, depths=DEPTHS, heads=HEADS, ratios=RATIOS, reductions=(8, 4, 2, 1))
SIZES = {"hidden_sizes": WIDTHS, "depths": DEPTHS, "num_attention_heads": HEADS, "mlp_ratios": RATIOS}

ENDS = {
    "layer_norm_1": "norm1",
    "layer_norm_2": "norm2",
    "attention.self.query": "attention.q",
    "attention.self.sequence_reduction": "attention.reduce.convolution",
    "attention.self.layer_norm": "attention.reduce.norm",
    "attention.output.dense": "attention.out",
    "attention.query": "attention.q",
    "attention.spatial_reduction": "attention.reduce.convolution",
    "attention.layer_norm": "attention.reduce.norm",
    "attention.proj": "attention.out",
    "mlp.dense1": "mlp.fc1",
    "mlp.dense2": "mlp.fc2",
    "mlp.dwconv.dwconv": "mlp.convolution",
    "projection": "patches",
    "patch_embedding.proj": "patches",
    "patch_embedding.layer_norm": "norm_in",
}


def ours_of(peer):
    """The peer's state under our names: a second, independent spelling."""
    ours, theirs = {}, peer.state_dict()
    for name, value in theirs.items():
        stem, _, kind = re.sub(r"^encoder\.", "", name).rpartition(".")
        place, end = re.match(r"((?:patch_embeddings|block|layers)\.\d+(?:(?:\.blocks)?\.\d+)?|)\.?(.*)", stem).groups()
        place = re.sub(r"^block\.(\d+)", r"layers.\1.blocks", place).replace("patch_embeddings", "layers")
        if kind == "position_embeddings":
            ours[f"{place}.positions"] = value[0]
        elif kind == "cls_token":
            ours[f"{place}.class_token"] = value[0, 0]
        elif end.endswith("key"):
            ours[f"{place}.attention.kv.{kind}"] = torch.cat([value, theirs[name.replace("key", "value")]])
        elif not end.endswith("value"):
            norm = "norm_out" if not place or peer.config.model_type == "pvt_v2" else "norm_in"
            ours[f"{place}.{ENDS.get(end, norm)}.{kind}".lstrip(".")] = value
    return ours


def filled(tower, peer):
    tower.load_state_dict(ours_of(peer))
    return tower.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pvt():
    torch.manual_seed(0)
    peer = noisy(PvtModel(PeerConfig(image_size=76, **SIZES)))  # maps of 19, 9, 4 and 2 cells a side
    return peer, filled(Pvt(PvtConfig(TINY, side=76)), peer)


@pytest.fixture(scope="module", params=["convolved", "linear"])
def pvtv2(request):
    torch.manual_seed(0)
    linear = request.param == "linear"
    peer = noisy(PvtV2Model(PeerV2Config(linear_attention=linear, **SIZES)))
    return peer, filled(PvtV2(PvtV2Config(TINY, linear=linear)), peer)


def test_every_stage_of_pvt_equals_transformers(pvt):
    peer, tower = pvt
    batch = torch.stack(pixels((76, 76), (76, 76)))
    theirs = peer(batch, output_hidden_states=True)
    ends = [theirs.hidden_states[i] for i in (1, 2, 4)]  # after the last block of a stage
    for ours, expected in zip(tower.stages(batch, 3), [*ends, theirs.last_hidden_state], strict=True):
        assert close(ours.packed.x, expected.flatten(0, 1))
    assert close(tower.encode_pixels(batch).x, theirs.last_hidden_state.flatten(0, 1))
    assert close(tower.pooled(tower.encode_pixels(batch)), theirs.last_hidden_state[:, 0])


def test_the_class_token_of_pvt_is_first_and_in_the_last_stage_alone(pvt):
    stages = [stage.packed for stage in pvt[1].stages(pixels((76, 76)), 3)]
    assert [stage.counts for stage in stages] == [(361,), (81,), (16,), (5,)]
    assert [stage.grid.tolist() for stage in stages] == [[[19, 19]], [[9, 9]], [[4, 4]], [[2, 2]]]
    assert stages[3].kind.tolist() == [Kind.CLASS] + [Kind.REGION] * 4
    assert not any((stage.kind == Kind.CLASS).any() for stage in stages[:3])


def test_pvt_refuses_pictures_of_another_size(pvt):
    with pytest.raises(BadArguments, match="pictures of 76 × 76 pixels alone, got 76 × 80"):
        pvt[1].encode_pixels(pixels((76, 76), (76, 80)))


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (61, 75), (29, 131)])
def test_every_stage_of_pvtv2_equals_transformers(pvtv2, size):
    peer, tower = pvtv2
    batch = torch.stack(pixels(size, size))
    theirs = peer(batch, output_hidden_states=True)
    for ours, expected in zip(tower.stages(batch, 3), theirs.hidden_states, strict=True):
        assert close(ours.packed.x, expected.permute(0, 2, 3, 1).flatten(0, 2))
    last = theirs.last_hidden_state.flatten(2).transpose(1, 2)
    assert close(tower.encode_pixels(batch).x, last.flatten(0, 1))
    assert close(tower.pooled(tower.encode_pixels(batch)), last.mean(1))


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one(pvtv2):
    _, tower = pvtv2
    pictures = pixels((64, 64), (33, 70))
    batch = [stage.packed for stage in tower.stages(pictures, 3)]
    for b, picture in enumerate(pictures):
        for together, alone in zip(batch, tower.stages(picture[None], 3), strict=True):
            assert alone.packed.grid.tolist() == [together.grid[b].tolist()]
            assert close(alone.packed.x, together.x.split(list(together.counts))[b], tolerance=1e-6)


def test_no_pictures_are_no_tokens(pvt, pvtv2):
    for _, tower in (pvt, pvtv2):
        assert [stage.packed.x.shape for stage in tower.stages([], 3)] == [(0, width) for width in WIDTHS]
        assert tower.pooled(tower.encode_pixels([])).shape == (0, 32)


@pytest.mark.parametrize("size", [(64, 64), (61, 75), (97, 33)])
def test_boxes_of_every_stage_of_pvtv2_tile_the_picture(pvtv2, size):
    model = Hierarchy(pvtv2[1], preparation=Preparation(None))
    for stage, tokens in enumerate(model.hierarchy([make_picture(*size)])):
        cell = 4 << stage
        assert tokens.pictures.grids.tolist() == [[-(-size[0] // cell), -(-size[1] // cell)]]
        sides = tokens.boxes[:, 2:] - tokens.boxes[:, :2]
        assert (sides > 0).all()
        assert sides.prod(1).sum() == pytest.approx(1, abs=1e-6)
        assert tokens.boxes[0, 2:] == pytest.approx([min(1, cell / size[1]), min(1, cell / size[0])])
        assert (tokens.level == stage).all()


def test_a_picture_that_fills_no_square_of_a_reduction_is_refused():
    tower = PvtV2(PvtV2Config(TINY))
    assert tower.encode_pixels(pixels((29, 29))).counts == (1,)
    with pytest.raises(BadArguments, match="29 pixels a side or more"):
        tower.encode_pixels(pixels((64, 28)))


def test_gradients_are_those_of_transformers(pvtv2):
    peer, tower = pvtv2
    picture = pixels((40, 36))[0][None]
    both = []
    for x, run in ((picture.clone(), lambda x: tower.encode_pixels(x).x), (picture.clone(), lambda x: peer(x)[0])):
        x.requires_grad_(True)
        run(x).square().sum().backward()
        both.append(x.grad)
    assert close(*both)


@pytest.mark.parametrize(
    ("name", "widths", "depths", "count"),
    [
        ("v1 Tiny", (64, 128, 320, 512), (2, 2, 2, 2), 13_229_288),
        ("v2 B0", (32, 64, 160, 256), (2, 2, 2, 2), 3_666_760),
        ("v2 B2", (64, 128, 320, 512), (3, 4, 6, 3), 25_362_856),
    ],
)
def test_parameter_counts_are_the_published_ones(name, widths, depths, count):
    """Published with a head of 1000 classes."""
    heads, ratios, reductions = (1, 2, 5, 8), (8, 8, 4, 4), (8, 4, 2, 1)
    stages = Pyramid(widths=widths, depths=depths, heads=heads, ratios=ratios, reductions=reductions)
    with torch.device("meta"):
        tower = Pvt(PvtConfig(stages, side=224)) if name.startswith("v1") else PvtV2(PvtV2Config(stages))
    assert parameters(tower) + 1000 * widths[-1] + 1000 == count
