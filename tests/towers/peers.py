"""Tiny models of `transformers` with noise on every number, and their states under our names.

The tables that load published files are tested elsewhere; these few lines are a second, independent spelling of the
same correspondence.
"""

import torch
from transformers import CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

from lexel.nn.positions import Resampling
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers.clip import ClipImage, ClipText
from lexel.towers.siglip import SiglipImage, SiglipText

WIDTH, DEPTH, HEADS, HIDDEN = 32, 3, 4, 40
TEXT_WIDTH, VOCAB, LENGTH = 24, 64, 11
PATCH, SIDE, EMBED = 7, 28, 20

State = dict[str, torch.Tensor]


def clip_peer(*, activation="quick_gelu", end=2, seed=0):
    config = CLIPConfig(
        vision_config=_sizes(activation) | {"image_size": SIDE, "patch_size": PATCH},
        text_config=_text_sizes(activation) | {"eos_token_id": end},
        projection_dim=EMBED,
    )
    return _made(CLIPModel, config, seed)


def siglip_peer(*, seed=0):
    config = SiglipConfig(
        vision_config=_sizes("gelu_pytorch_tanh") | {"image_size": SIDE, "patch_size": PATCH},
        text_config=_text_sizes("gelu_pytorch_tanh") | {"projection_size": WIDTH},
    )
    return _made(SiglipModel, config, seed)


def naflex_peer(*, seed=0):
    config = Siglip2Config(
        vision_config=_sizes("gelu_pytorch_tanh") | {"num_patches": 16, "patch_size": PATCH},
        text_config=_text_sizes("gelu_pytorch_tanh") | {"projection_size": WIDTH},
    )
    return _made(Siglip2Model, config, seed)


def noisy(model, seed=0):
    """Zeros and ones hide mistakes: N(0, 0.05²) on every parameter and every float buffer."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for x in (*model.parameters(), *model.buffers()):
            if x.is_floating_point():
                x += 0.05 * torch.randn(x.shape, generator=draw)
    return model.eval().requires_grad_(False)


def _made(model, config, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return noisy(model(config), seed)


def our_clip(peer, *, end=None, resampling=None):
    """Image and text tower with the numbers of a `CLIPModel`."""
    activation = peer.config.vision_config.hidden_act
    image = ClipImage(
        ImageConfig(_blocks(WIDTH, activation, 1e-5), PATCH, SIDE // PATCH, EMBED, resampling or Resampling())
    )
    text = ClipText(TextConfig(_blocks(TEXT_WIDTH, activation, 1e-5), VOCAB, LENGTH, EMBED, end))
    state = peer.state_dict()
    vision = {
        "patches.weight": state["vision_model.embeddings.patch_embedding.weight"],
        "class_token": state["vision_model.embeddings.class_embedding"],
        "positions": state["vision_model.embeddings.position_embedding.weight"],
        "projection.weight": state["visual_projection.weight"],
        **_norm(state, "vision_model.pre_layrnorm", "norm_in"),
        **_norm(state, "vision_model.post_layernorm", "norm_out"),
        **_blocks_of(state, "vision_model"),
    }
    words = _text(state) | {"projection.weight": state["text_projection.weight"]}
    return _filled(image, vision), _filled(text, words)


def our_siglip(peer, *, naflex=False):
    """Image and text tower with the numbers of a `SiglipModel` or a `Siglip2Model`."""
    resampling = Resampling("bilinear", antialias=True) if naflex else Resampling()
    blocks = _blocks(WIDTH, "gelu_pytorch_tanh", 1e-6)
    image = SiglipImage(ImageConfig(blocks, PATCH, SIDE // PATCH, WIDTH, resampling))
    text = SiglipText(TextConfig(_blocks(TEXT_WIDTH, "gelu_pytorch_tanh", 1e-6), VOCAB, LENGTH, WIDTH))
    state = peer.state_dict()
    patches = state["vision_model.embeddings.patch_embedding.weight"]
    if naflex:  # published as rows of (row, column, channel)
        patches = patches.view(WIDTH, PATCH, PATCH, 3).permute(0, 3, 1, 2)
    head = "vision_model.head"
    vision = {
        "patches.weight": patches,
        "patches.bias": state["vision_model.embeddings.patch_embedding.bias"],
        "positions": state["vision_model.embeddings.position_embedding.weight"],
        **_norm(state, "vision_model.post_layernorm", "norm_out"),
        **_blocks_of(state, "vision_model"),
        "head.probe": state[f"{head}.probe"][0, 0],
        "head.attention.qkv.weight": state[f"{head}.attention.in_proj_weight"],
        "head.attention.qkv.bias": state[f"{head}.attention.in_proj_bias"],
        **_norm(state, f"{head}.attention.out_proj", "head.attention.out"),
        **_norm(state, f"{head}.layernorm", "head.norm"),
        **_norm(state, f"{head}.mlp.fc1", "head.mlp.fc1"),
        **_norm(state, f"{head}.mlp.fc2", "head.mlp.fc2"),
    }
    words = _text(state) | _norm(state, "text_model.head", "projection")
    return _filled(image, vision), _filled(text, words)


def _sizes(activation):
    return {
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "hidden_act": activation,
    }


def _text_sizes(activation):
    return _sizes(activation) | {
        "hidden_size": TEXT_WIDTH,
        "vocab_size": VOCAB,
        "max_position_embeddings": LENGTH,
        "bos_token_id": 0,
        "pad_token_id": 1,
    }


def _blocks(width, activation, eps):
    return Blocks(width, DEPTH, HEADS, HIDDEN, activation, eps)


def _text(state: State) -> State:
    return {
        "words.weight": state["text_model.embeddings.token_embedding.weight"],
        "positions": state["text_model.embeddings.position_embedding.weight"],
        **_norm(state, "text_model.final_layer_norm", "norm_out"),
        **_blocks_of(state, "text_model"),
    }


def _blocks_of(state: State, tower: str) -> State:
    ours: State = {}
    for i in range(DEPTH):
        theirs, block = f"{tower}.encoder.layers.{i}", f"transformer.blocks.{i}"
        for kind in ("weight", "bias"):
            parts = [state[f"{theirs}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            ours[f"{block}.attention.qkv.{kind}"] = torch.cat(parts)
        ours |= _norm(state, f"{theirs}.self_attn.out_proj", f"{block}.attention.out")
        for their, our in {"layer_norm1": "norm1", "layer_norm2": "norm2"}.items():
            ours |= _norm(state, f"{theirs}.{their}", f"{block}.{our}")
        for name in ("mlp.fc1", "mlp.fc2"):
            ours |= _norm(state, f"{theirs}.{name}", f"{block}.{name}")
    return ours


def _norm(state: State, theirs: str, ours: str) -> State:
    return {f"{ours}.{kind}": state[f"{theirs}.{kind}"] for kind in ("weight", "bias")}


def _filled(module, state: State):
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)
