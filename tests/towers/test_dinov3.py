"""DINOv3's tower against that of `transformers`."""

from functools import reduce

import pytest
import torch
from tolerances import close
from towers.peers import noisy
from transformers import DINOv3ViTConfig, DINOv3ViTModel

from lexel.errors import BadArguments
from lexel.ragged.plan import Plan
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks
from lexel.towers.dinov3 import Dinov3Config, Dinov3Image

WIDTH, DEPTH, HEADS, PATCH, REGISTERS = 32, 3, 4, 7, 4
KINDS = {  # of the published models: S, B and L; S+ and H+; 7B; and the class default, which has no registers
    "plain": {"num_register_tokens": REGISTERS},
    "gated": {"num_register_tokens": REGISTERS, "use_gated_mlp": True, "hidden_act": "silu"},
    "without biases": {
        "num_register_tokens": REGISTERS,
        "use_gated_mlp": True,
        "hidden_act": "silu",
        "query_bias": False,
        "value_bias": False,
    },
    "without registers": {},
}


def pair(kind):
    """A tiny model of `transformers` with noise on every number, and ours with the same numbers."""
    config = DINOv3ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        intermediate_size=40,
        image_size=28,
        patch_size=PATCH,
        **KINDS[kind],
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        peer = DINOv3ViTModel(config)
    frequencies = peer.rope_embeddings.inv_freq.clone()
    noisy(peer).rope_embeddings.inv_freq.copy_(frequencies)  # constants, not weights
    blocks = Blocks(WIDTH, DEPTH, HEADS, 40, config.hidden_act, eps=1e-5)
    registers = config.num_register_tokens
    tower = Dinov3Image(Dinov3Config(blocks, PATCH, registers, 100.0, config.use_gated_mlp, config.query_bias))
    tower.load_state_dict(named(peer.state_dict()))
    return peer, tower.eval().requires_grad_(False)


def named(state):
    """A state in memory of `transformers` under our names."""
    ours = {
        "class_token": state["embeddings.cls_token"][0, 0],
        "registers": state["embeddings.register_tokens"][0],
        "patches.weight": state["embeddings.patch_embeddings.weight"],
        "patches.bias": state["embeddings.patch_embeddings.bias"],
        "norm_out.weight": state["norm.weight"],
        "norm_out.bias": state["norm.bias"],
    }
    for i in range(DEPTH):
        their, our = f"model.layer.{i}", f"transformer.blocks.{i}"
        for half in (1, 2):
            ours[f"{our}.scale{half}.weight"] = state[f"{their}.layer_scale{half}.lambda1"]
        for part in ("weight", "bias"):
            for half in (1, 2):
                ours[f"{our}.norm{half}.{part}"] = state[f"{their}.norm{half}.{part}"]
            qkv = [state.get(f"{their}.attention.{p}_proj.{part}") for p in "qkv"]
            if present := [x for x in qkv if x is not None]:
                ours[f"{our}.attention.qkv.{part}"] = torch.cat(present)
            ours[f"{our}.attention.out.{part}"] = state[f"{their}.attention.o_proj.{part}"]
            up = [state.get(f"{their}.mlp.{p}_proj.{part}") for p in ("gate", "up")]
            ours[f"{our}.mlp.fc1.{part}"] = torch.cat([x for x in up if x is not None])
            ours[f"{our}.mlp.fc2.{part}"] = state[f"{their}.mlp.down_proj.{part}"]
    return ours


def pixels(*sizes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(3, *size, generator=draw) for size in sizes]


@pytest.mark.parametrize("kind", KINDS)
def test_dinov3_equals_transformers(kind):
    peer, tower = pair(kind)
    batch = torch.stack(pixels((28, 28), (28, 28), (28, 28)))
    theirs = peer(batch)
    ours = tower.encode_pixels(batch)
    assert close(ours.x, theirs.last_hidden_state.flatten(0, 1))
    assert close(tower.pooled(ours), theirs.pooler_output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(28, 42), (42, 28), (45, 8), (7, 7), (63, 56)])
def test_dinov3_of_any_size_equals_transformers(kind, size):
    peer, tower = pair(kind)
    [picture] = pixels(size)
    assert close(tower.encode_pixels([picture]).x, peer(picture[None]).last_hidden_state[0])


def test_dinov3_in_bfloat16_turns_in_bfloat16_as_transformers_does():
    peer, tower = (model.to(torch.bfloat16) for model in pair("plain"))
    batch = torch.stack(pixels((28, 42)))
    exact = pair("plain")[0](batch).last_hidden_state[0]
    ours, theirs = tower.encode_pixels(batch).x, peer(batch).last_hidden_state[0]
    assert ours.dtype == torch.bfloat16
    assert (ours - exact).abs().max() <= 1.5 * (theirs - exact).abs().max()


@pytest.mark.parametrize("kind", ["plain", "without registers"])
def test_dinov3_of_unequal_pictures_in_one_batch_equals_one_by_one(kind):
    _, tower = pair(kind)
    pictures = pixels((28, 28), (14, 35), (7, 7), (35, 21))
    batch = tower.encode_pixels(pictures)
    pooled = tower.pooled(batch)
    for b, (picture, rows) in enumerate(zip(pictures, batch.x.split(list(batch.counts)), strict=True)):
        alone = tower.encode_pixels([picture])
        assert close(alone.x, rows, tolerance=1e-6)
        assert close(tower.pooled(alone)[0], pooled[b], tolerance=1e-6)


def test_only_patches_have_places():
    _, tower = pair("plain")
    packed = tower.encode_pixels(pixels((14, 21)))
    assert packed.kind.tolist() == [Kind.CLASS] + [Kind.REGISTER] * REGISTERS + [Kind.REGION] * 6
    assert packed.places[: 1 + REGISTERS].tolist() == [[0, 0]] * (1 + REGISTERS)
    y, x = [-0.5, 0.5], [-2 / 3, 0, 2 / 3]
    assert close(packed.places[1 + REGISTERS :], torch.tensor([(a, b) for a in y for b in x]))


def test_dinov3_of_no_pictures_is_no_tokens():
    _, tower = pair("plain")
    empty = tower.encode_pixels([])
    assert empty.x.shape == tower.pooled(empty).shape == (0, WIDTH)


def test_pixels_that_are_no_pictures_are_refused_by_dinov3():
    _, tower = pair("plain")
    with pytest.raises(BadArguments, match=r"\[3, H, W\] of 7 pixels a side or more"):
        tower.encode_pixels([torch.zeros(1, 28, 28)])


def test_merged_patches_lie_at_their_mean_place():
    """Every place is the mean of those that its token stands for, and the middle of the picture stays the middle."""
    _, tower = pair("plain")
    trace = tower.with_inside(ToMe(r=3)).trace(pixels((28, 42)))
    end = trace.packed
    region = end.kind == Kind.REGION
    assert end.mass[~region].tolist() == [1] * (1 + REGISTERS)
    assert (end.mass[region].sum(), region.sum()) == (24, 24 - 3 * DEPTH)
    whole = reduce(Plan.then, [plan.host() for plan in trace.plans])
    for target in range(len(end.x)):
        sources = torch.from_numpy(whole.source[whole.target == target])
        assert close(end.places[target], trace.start.places[sources].mean(0), tolerance=1e-6)
    assert close((end.places * end.mass[:, None]).sum(0), torch.zeros(2))


@pytest.mark.parametrize(
    ("width", "depth", "count"), [(384, 12, 21_596_544), (768, 12, 85_660_416), (1024, 24, 303_129_600)]
)
def test_dinov3_has_the_published_number_of_parameters(width, depth, count):
    """The published file has a mask token besides, which nothing but training needs."""
    blocks = Blocks(width, depth, width // 64, 4 * width, "gelu", eps=1e-5)
    with torch.device("meta"):
        tower = Dinov3Image(Dinov3Config(blocks, 16, 4, 100.0, gated=False, biased=True))
    assert sum(parameter.numel() for parameter in tower.parameters()) + width == count
