"""DINOv2's tower against that of `transformers`."""

import pytest
import torch
from tolerances import close
from towers.peers import noisy
from transformers import Dinov2Config as TheirConfig
from transformers import Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from lexel.errors import BadArguments
from lexel.nn.positions import Resampling
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers.dinov2 import Dinov2Config, Dinov2Image

WIDTH, DEPTH, HEADS, PATCH, GRID = 32, 3, 4, 7, 4
KINDS = ["plain", "registers", "gated", "gated with registers"]


def pair(kind, *, resampling=None):
    """A tiny model of `transformers` with noise on every number, and ours with the same numbers."""
    gated, registers = "gated" in kind, 4 if "registers" in kind else 0
    sizes = {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "mlp_ratio": 4 if gated else 2,
        "image_size": PATCH * GRID,
        "patch_size": PATCH,
        "use_swiglu_ffn": gated,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if registers:
            peer = noisy(Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes, num_register_tokens=registers)))
        else:
            peer = noisy(Dinov2Model(TheirConfig(**sizes)))
    blocks = Blocks(WIDTH, DEPTH, HEADS, 88 if gated else 64, "silu" if gated else "gelu", eps=1e-6)
    how = resampling or Resampling(antialias=registers > 0)
    tower = Dinov2Image(Dinov2Config(blocks, PATCH, GRID, registers, how, gated))
    tower.load_state_dict(named(peer.state_dict()))
    return peer, tower.eval().requires_grad_(False)


def named(state):
    """A state in memory of `transformers` under our names."""
    ours = {
        "class_token": state["embeddings.cls_token"][0, 0],
        "positions": state["embeddings.position_embeddings"][0],
        "patches.weight": state["embeddings.patch_embeddings.projection.weight"],
        "patches.bias": state["embeddings.patch_embeddings.projection.bias"],
        "norm_out.weight": state["layernorm.weight"],
        "norm_out.bias": state["layernorm.bias"],
    }
    if "embeddings.register_tokens" in state:
        ours["registers"] = state["embeddings.register_tokens"][0]
    for i in range(DEPTH):
        their, our = f"encoder.layer.{i}", f"transformer.blocks.{i}"
        for half in (1, 2):
            ours[f"{our}.scale{half}.weight"] = state[f"{their}.layer_scale{half}.lambda1"]
        for part in ("weight", "bias"):
            for half in (1, 2):
                ours[f"{our}.norm{half}.{part}"] = state[f"{their}.norm{half}.{part}"]
            qkv = [state[f"{their}.attention.{p}_proj.{part}"] for p in "qkv"]
            ours[f"{our}.attention.qkv.{part}"] = torch.cat(qkv)
            ours[f"{our}.attention.out.{part}"] = state[f"{their}.attention.o_proj.{part}"]
            if f"{their}.mlp.fc1.{part}" in state:
                up, down = state[f"{their}.mlp.fc1.{part}"], state[f"{their}.mlp.fc2.{part}"]
            else:
                up = torch.cat([state[f"{their}.mlp.{p}_proj.{part}"] for p in ("gate", "up")])
                down = state[f"{their}.mlp.down_proj.{part}"]
            ours[f"{our}.mlp.fc1.{part}"], ours[f"{our}.mlp.fc2.{part}"] = up, down
    return ours


def pixels(*sizes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(3, *size, generator=draw) for size in sizes]


@pytest.mark.parametrize("kind", KINDS)
def test_dinov2_equals_transformers(kind):
    peer, tower = pair(kind)
    batch = torch.stack(pixels(*[(PATCH * GRID, PATCH * GRID)] * 3))
    theirs = peer(batch)
    ours = tower.encode_pixels(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(tower.pooled(ours), theirs.pooler_output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(14, 35), (35, 14), (45, 8), (7, 7), (63, 56)])
def test_dinov2_of_any_size_equals_transformers(kind, size):
    peer, tower = pair(kind)
    [picture] = pixels(size)
    theirs = peer(picture[None]).last_hidden_state[0]
    assert close(tower.encode_pixels([picture]).x, theirs)
    other = Resampling(antialias=not tower.config.resampling.antialias)
    assert not close(pair(kind, resampling=other)[1].encode_pixels([picture]).x, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_dinov2_of_unequal_pictures_in_one_batch_equals_one_by_one(kind):
    _, tower = pair(kind)
    pictures = pixels((28, 28), (14, 35), (7, 7), (35, 21))
    batch = tower.encode_pixels(pictures)
    pooled = tower.pooled(batch)
    for b, (picture, rows) in enumerate(zip(pictures, batch.x.split(list(batch.counts)), strict=True)):
        alone = tower.encode_pixels([picture])
        assert close(alone.x, rows, tolerance=1e-6)
        assert close(tower.pooled(alone)[0], pooled[b], tolerance=1e-6)


@pytest.mark.parametrize(("kind", "registers"), [("plain", 0), ("registers", 4)])
def test_rows_are_the_class_token_the_registers_and_then_the_raster(kind, registers):
    _, tower = pair(kind)
    packed = tower.encode_pixels(pixels((14, 21)))
    assert packed.kind.tolist() == [Kind.CLASS] + [Kind.REGISTER] * registers + [Kind.REGION] * 6
    assert packed.grid.tolist() == [[2, 3]]


def test_dinov2_of_no_pictures_is_no_tokens():
    _, tower = pair("registers")
    empty = tower.encode_pixels([])
    assert empty.x.shape == tower.pooled(empty).shape == (0, WIDTH)


def test_pixels_that_are_no_pictures_are_refused():
    _, tower = pair("plain")
    with pytest.raises(BadArguments, match=r"\[3, H, W\] of 7 pixels a side or more"):
        tower.encode_pixels([torch.zeros(3, 28, 6)])


@pytest.mark.parametrize("kind", ["plain", "registers"])
def test_merging_inside_spares_the_class_token_and_the_registers(kind):
    _, tower = pair(kind)
    packed = tower.with_inside(ToMe(r=2)).encode_pixels(pixels((28, 28)))
    first = (packed.kind != Kind.REGION).sum()
    assert packed.mass[packed.kind != Kind.REGION].tolist() == [1] * first
    assert (packed.mass.sum(), len(packed.x)) == (first + 16, first + 16 - 2 * DEPTH)


@pytest.mark.parametrize(
    ("width", "depth", "gated", "registers", "count"),
    [
        (384, 12, False, 0, 22_056_576),
        (768, 12, False, 0, 86_580_480),
        (1024, 24, False, 0, 304_368_640),
        (1536, 40, True, 0, 1_136_480_768),
        (768, 12, False, 4, 86_583_552),
    ],
)
def test_dinov2_has_the_published_number_of_parameters(width, depth, gated, registers, count):
    """The published file has a mask token besides, which nothing but training needs."""
    blocks = Blocks(width, depth, width // 64, 4096 if gated else 4 * width, "silu" if gated else "gelu", eps=1e-6)
    with torch.device("meta"):
        tower = Dinov2Image(Dinov2Config(blocks, 14, 37, registers, Resampling(), gated))
    assert sum(parameter.numel() for parameter in tower.parameters()) + width == count
