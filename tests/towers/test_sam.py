"""SAM's image tower equals `transformers`, at its own size and, as optical compression uses it, at others."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.peers import noisy
from towers.test_clip import parameters, pixels
from transformers import SamVisionConfig, SamVisionModel, UnlimitedOcrConfig, UnlimitedOcrForConditionalGeneration

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.pictures.published import sam as preparation
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers import sam
from lexel.towers._backbone import Backbone
from lexel.towers._config import Blocks
from lexel.towers.sam import SamConfig, SamImage

PATCH, GRID, WINDOW = 8, 8, 3
TINY = SamConfig(Blocks(32, 2, 4, 40, "gelu", eps=1e-2), PATCH, GRID, WINDOW, everywhere=(1,), embed_dim=16)
SIZES = {
    "hidden_size": 32,
    "output_channels": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": PATCH * GRID,
    "patch_size": PATCH,
    "window_size": WINDOW,
    "global_attn_indexes": [1],
    "mlp_dim": 40,
    "layer_norm_eps": 1e-2,  # large enough to be seen: the neck has its own
}
NAMES = {
    "patch_embed.projection": "patches",
    "pos_embed": "positions",
    "layers.": "blocks.",
    "layer_norm": "norm",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "attn.rel_pos_h": "attention.rows",
    "attn.rel_pos_w": "attention.columns",
    "mlp.lin": "mlp.fc",
    "neck.conv1": "neck.linear",
    "neck.conv2": "neck.conv",
}


def ours(encoder):
    """The tower with the numbers of an encoder of `transformers`."""
    state = {}
    for name, value in encoder.state_dict().items():
        for theirs, mine in NAMES.items():
            name = name.replace(theirs, mine)
        state[name] = value.reshape(GRID**2, 32) if name == "positions" else value
    state["neck.linear.weight"] = state["neck.linear.weight"][:, :, 0, 0]
    tower = SamImage(TINY)
    tower.load_state_dict({name: value for name, value in state.items() if not name.startswith("proj.")}, strict=True)
    return tower.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def peer():
    torch.manual_seed(0)
    return noisy(SamVisionModel(SamVisionConfig(**SIZES)))


@pytest.fixture(scope="module")
def tower(peer):
    return ours(peer.vision_encoder)


def raster(maps):
    """[B, C, h, w] as rows in raster order."""
    return maps.flatten(2).mT.flatten(0, 1)


def test_the_tower_equals_transformers(peer, tower):
    batch = torch.stack(pixels((64, 64), (64, 64)))
    seen = tower.encode_pixels(batch)
    theirs = peer(batch).last_hidden_state
    assert close(seen.x, raster(theirs))
    assert seen.counts == (64, 64)
    assert seen.grid.tolist() == [[8, 8]] * 2
    assert (seen.kind == Kind.REGION).all()
    assert close(tower.pooled(seen), theirs.mean((2, 3)))


@pytest.fixture(scope="module")
def compressor():
    """The tower in front of optical compression, which takes any size: its neck is what SAM gives."""
    text = {
        "vocab_size": 60,
        "hidden_size": 40,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "mlp_layer_types": ["dense"],
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    }
    second = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 1, "num_attention_heads": 4}
    vision = {
        "sam_config": SIZES | {"downsample_channels": [24, 32]},
        "encoder_config": second | {"image_size": 28, "patch_size": 7},
    }
    config = UnlimitedOcrConfig(vision_config=vision, text_config=text, image_token_id=50)
    torch.manual_seed(0)
    return noisy(UnlimitedOcrForConditionalGeneration(config)).model.vision_tower.sam_encoder


@pytest.mark.parametrize("size", [(64, 64), (48, 72), (40, 88), (96, 96), (16, 120)])
def test_other_sizes_equal_the_tower_of_optical_compression(compressor, size):
    """Rasters that are no multiple of the window, longer and shorter than the tables, higher than wide and wider."""
    given = []
    compressor.neck.register_forward_hook(lambda module, x, y: given.append(y))
    batch = torch.stack(pixels(size, size))
    compressor(batch)
    assert close(ours(compressor).encode_pixels(batch).x, raster(given[0]))


def test_pictures_of_unequal_sizes_in_one_batch_equal_one_by_one(tower, monkeypatch):
    monkeypatch.setattr(sam, "TOGETHER", 2 * 64)
    pictures = pixels((64, 64), (40, 72), (64, 64), (64, 64), (40, 72), (8, 8))
    batch = tower.encode_pixels(pictures)
    assert batch.grid.tolist() == [[8, 8], [5, 9], [8, 8], [8, 8], [5, 9], [1, 1]]
    for rows, picture in zip(batch.x.split(list(batch.counts)), pictures, strict=True):
        assert close(rows, tower.encode_pixels([picture]).x, tolerance=1e-6)


def literal(q, k, v, rows, columns):
    """Cell by cell: the scores of one query, and what they mix."""
    windows, heads, h, w, d = q.shape
    mixed = torch.empty(windows, h, w, heads, d)
    for f, head, y, x in np.ndindex(windows, heads, h, w):
        one = q[f, head, y, x]
        scores = torch.tensor(
            [
                [one @ k[f, head, j, i] / d**0.5 + one @ rows[y, j] + one @ columns[x, i] for i in range(w)]
                for j in range(h)
            ]
        )
        mixed[f, y, x, head] = (scores.flatten().softmax(0)[:, None] * v[f, head].flatten(0, 1)).sum(0)
    return mixed


@pytest.mark.parametrize("scores", [1 << 24, 2 * 24**2, 1], ids=["at once", "by rows", "row by row"])
def test_attention_equals_the_literal_loop(scores, monkeypatch):
    monkeypatch.setattr(sam, "SCORES", scores)
    draw = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 3, 2, 4, 6, 5, generator=draw)
    rows, columns = torch.randn(4, 4, 5, generator=draw), torch.randn(6, 6, 5, generator=draw)
    assert close(sam._attention(q, k, v, rows, columns), literal(q, k, v, rows, columns))


def test_a_copy_to_train_has_gradients_of_every_number(tower):
    model = Backbone(tower, preparation=preparation(64)).trainable()
    model.encode_pixels(torch.stack(pixels((64, 64)))).x.square().sum().backward()
    assert all(value.grad.abs().max() > 0 for value in model.parameters())


def test_cells_beside_a_picture_are_padding_and_its_own_tile_it(tower):
    model = Backbone(tower, preparation=preparation(64), name="./tiny")
    tokens = model.tokenize([make_picture(30, 90)])
    assert tokens.counts.tolist() == [64]
    assert tokens.grid(0).shape == (3, 8, 16)
    boxes = tokens.boxes[tokens.kind == Kind.REGION]
    assert np.allclose(boxes[:8, 2], np.arange(1, 9) / 8)
    assert np.allclose(boxes[::8, 3], [8 / 21, 16 / 21, 1])


def test_no_pictures_are_no_tokens(tower):
    empty = tower.encode_pixels([])
    assert empty.x.shape == (0, 16)
    assert tower.pooled(empty).shape == (0, 16)


@pytest.mark.parametrize("wrong", [(1, 64, 64), (3, 64), (3, 64, 7)])
def test_pixels_of_another_shape_are_refused(wrong, tower):
    with pytest.raises(BadArguments, match=r"\[3, H, W\]"):
        tower.encode_pixels([torch.zeros(wrong)])


def test_no_selector_stands_inside(tower):
    with pytest.raises(BadArguments, match=r"tome\(r=1\) cannot stand inside a tower of windows"):
        tower.with_inside(ToMe(r=1))


@pytest.mark.parametrize(
    ("width", "depth", "heads", "everywhere", "count"),
    [
        (768, 12, 12, (2, 5, 8, 11), 89_670_912),
        (1024, 24, 16, (5, 11, 17, 23), 308_278_272),
        (1280, 32, 16, (7, 15, 23, 31), 637_026_048),
    ],
)
def test_parameter_counts_are_the_published_ones(width, depth, heads, everywhere, count):
    with torch.device("meta"):
        tower = SamImage(SamConfig(Blocks(width, depth, heads, 4 * width, "gelu", 1e-6), everywhere=everywhere))
        assert parameters(tower) == count
