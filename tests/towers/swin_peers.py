"""Tiny Swins of `transformers` with noise on every parameter, and their states under our names.

A second, independent spelling of what the tables of layouts say.
"""

from copy import deepcopy

import torch
from loading.references import noisy
from transformers import SwinConfig as PeerConfig
from transformers import SwinModel, Swinv2Model
from transformers import Swinv2Config as PeerConfigV2

from lexel.towers._swin import SwinConfig
from lexel.towers.swin import Swin
from lexel.towers.swinv2 import SwinV2, SwinV2Config

WINDOW, PATCH, WIDTH, DEPTHS, HEADS = 4, 2, 8, (2, 3), (2, 4)


def peer(version, *, side=32, pretrained=(0, 0), seed=0):
    """A `SwinModel` or a `Swinv2Model`."""
    sizes = {"patch_size": PATCH, "embed_dim": WIDTH, "depths": DEPTHS, "num_heads": HEADS, "window_size": WINDOW}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if version == 1:
            return noisy(SwinModel(PeerConfig(image_size=side, **sizes)), seed).requires_grad_(False)
        config = PeerConfigV2(image_size=side, pretrained_window_sizes=pretrained, **sizes)
        return noisy(Swinv2Model(config), seed).requires_grad_(False)


def our(model, *, side=32, pretrained=(0, 0)):
    """The tower with the numbers of `model`."""
    sizes = {"patch_size": PATCH, "width": WIDTH, "depths": DEPTHS, "heads": HEADS, "window": WINDOW, "side": side}
    two = isinstance(model, Swinv2Model)
    tower = SwinV2(SwinV2Config(**sizes, pretrained=pretrained)) if two else Swin(SwinConfig(**sizes))
    theirs = model.state_dict()
    state = {ours: _stored(theirs, ours, two) for ours in tower.state_dict()}
    tower.load_state_dict(state)
    return tower.eval().requires_grad_(False)


def stages_of(model, pixels):
    """The last hidden state, the pooled vector and every stage before it is made coarser, rows in raster order.

    A `SwinModel` remembers the smallest raster that it ever saw, and cuts smaller windows from then on: it is copied.
    """
    model = deepcopy(model)
    said = model(pixels)
    begun, grid = model.embeddings(pixels)
    encoded = model.encoder(begun, grid, output_hidden_states=True, output_hidden_states_before_downsampling=True)
    _, *maps = encoded.reshaped_hidden_states
    stages = [rows(stage) for stage in maps]
    return said.last_hidden_state.flatten(0, 1), said.pooler_output, stages


def rows(maps):
    """[B, D, h, w] → [B·h·w, D]."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _stored(state, ours, two):
    name = ours
    for here, there in (NAMES_V2 if two else NAMES) + FRAME:
        name = name.replace(here, there)
    if "qkv" not in name:
        return state[name]
    parts = ("query", "key", "value") if two else ("q_proj", "k_proj", "v_proj")
    names = [name.replace("qkv", part) for part in parts]
    return torch.cat([state[part] for part in names if part in state])


FRAME = [
    ("layers.", "encoder.layers."),
    ("merge.linear", "downsample.reduction"),
    ("merge", "downsample"),
    ("patches", "embeddings.patch_embeddings.projection"),
    ("norm_in", "embeddings.norm"),
    ("norm_out", "layernorm"),
    ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"),
]
NAMES = [
    ("attention.out", "attention.o_proj"),
    ("attention.positions", "attention.relative_position_bias.relative_position_bias_table"),
]
NAMES_V2 = [
    ("attention.out", "attention.output.dense"),
    ("attention.qkv", "attention.self.qkv"),
    ("attention.scale", "attention.self.logit_scale"),
    ("attention.positions", "attention.self.continuous_position_bias_mlp"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
]
