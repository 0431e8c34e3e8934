"""Tiny ViTs, DeiTs and masked autoencoders of `transformers`, and their states under our names.

The tables that load published files are tested elsewhere; these few lines are a second, independent spelling of the
same correspondence, from the names in memory.
"""

import torch
from towers.peers import noisy
from transformers import DeiTConfig, DeiTModel, ViTMAEConfig, ViTMAEForPreTraining, ViTModel
from transformers import ViTConfig as TheirViTConfig

from lexel.towers._config import Blocks
from lexel.towers.mae import MAEConfig, MAEImage
from lexel.towers.vit import ViTConfig, ViTImage

WIDTH, DEPTH, HEADS, HIDDEN, PATCH, SIDE = 32, 3, 4, 40, 7, 28
SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": HIDDEN,
    "image_size": SIDE,
    "patch_size": PATCH,
}
PAINTER = {
    "decoder_hidden_size": 24,
    "decoder_num_hidden_layers": 2,
    "decoder_num_attention_heads": 3,
    "decoder_intermediate_size": 36,
}
BLOCKS = Blocks(WIDTH, DEPTH, HEADS, HIDDEN, "gelu", 1e-12)
DECODER = Blocks(24, 2, 3, 36, "gelu", 1e-12)


def vit_peer(*, distilled=False):
    peer = DeiTModel(DeiTConfig(**SIZES)) if distilled else ViTModel(TheirViTConfig(**SIZES))
    return noisy(peer)


def mae_peer(**how):
    return noisy(ViTMAEForPreTraining(ViTMAEConfig(**SIZES, **PAINTER, **how)))


def our_vit(peer, *, distilled=False):
    image = ViTImage(ViTConfig(BLOCKS, PATCH, SIDE // PATCH, distilled=distilled))
    return _filled(image, _encoder(peer.state_dict()))


def our_mae(peer):
    state = peer.state_dict()
    image = MAEImage(MAEConfig(BLOCKS, PATCH, SIDE // PATCH, decoder=DECODER))
    theirs = {name.removeprefix("vit."): value for name, value in state.items()}
    decoder = {
        "decoder.mask_token": state["decoder.mask_token"].flatten(),
        "decoder.positions": state["decoder.decoder_pos_embed"][0],
        **_both(state, "decoder.decoder_embed", "decoder.embed"),
        **_both(state, "decoder.decoder_norm", "decoder.norm_out"),
        **_both(state, "decoder.decoder_pred", "decoder.pixels"),
        **_blocks(state, "decoder.decoder_layers", "decoder.transformer.blocks", 2),
    }
    return _filled(image, _encoder(theirs) | decoder)


def _encoder(state):
    tokens = {"class_token": "cls_token", "distillation_token": "distillation_token"}
    tokens = {ours: f"embeddings.{theirs}" for ours, theirs in tokens.items()}
    return {
        **{ours: state[theirs].flatten() for ours, theirs in tokens.items() if theirs in state},
        "positions": state["embeddings.position_embeddings"][0],
        **_both(state, "embeddings.patch_embeddings.projection", "patches"),
        **_both(state, "layernorm", "norm_out"),
        **_blocks(state, "layers", "transformer.blocks", DEPTH),
    }


def _blocks(state, theirs, ours, depth):
    out = {}
    for i in range(depth):
        for kind in ("weight", "bias"):
            parts = [state[f"{theirs}.{i}.attention.{part}_proj.{kind}"] for part in "qkv"]
            out[f"{ours}.{i}.attention.qkv.{kind}"] = torch.cat(parts)
        for their, our in {
            "attention.o_proj": "attention.out",
            "layernorm_before": "norm1",
            "layernorm_after": "norm2",
            "mlp.fc1": "mlp.fc1",
            "mlp.fc2": "mlp.fc2",
        }.items():
            out |= _both(state, f"{theirs}.{i}.{their}", f"{ours}.{i}.{our}")
    return out


def _both(state, theirs, ours):
    return {f"{ours}.{kind}": state[f"{theirs}.{kind}"] for kind in ("weight", "bias")}


def _filled(module, state):
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)
