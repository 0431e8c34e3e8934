"""Tiny autoencoders of `diffusers` with noise on every parameter, their files, and the same under taming's names."""

import json
import re
from pathlib import Path

import torch
from diffusers import AutoencoderDC, AutoencoderKL, VQModel
from loading.references import noisy
from safetensors.torch import load_file, save_file
from transformers.models.chameleon.configuration_chameleon import ChameleonVQVAEConfig
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE
from transformers.models.emu3.configuration_emu3 import Emu3VQVAEConfig
from transformers.models.emu3.modeling_emu3 import Emu3VQVAE
from transformers.models.janus.configuration_janus import JanusVQVAEConfig
from transformers.models.janus.modeling_janus import JanusVQVAE

WEIGHTS = "diffusion_pytorch_model.safetensors"

LEVELS = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "norm_num_groups": 4,
}
ATTENTION = LEVELS | {
    "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
}
# As the published configs differ: Stable Diffusion; SD3 and FLUX; three levels of unequal widths.
KL = {
    "sd": LEVELS | {"latent_channels": 4, "sample_size": 48},
    "flux": LEVELS
    | {
        "latent_channels": 16,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "mid_block_add_attention": False,
    },
    "attention, f4": {
        "block_out_channels": (8, 8, 16),
        "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D", "DownEncoderBlock2D"),
        "up_block_types": ("UpDecoderBlock2D", "AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        "layers_per_block": 2,
        "norm_num_groups": 4,
        "latents_mean": [0.1, -0.2, 0.3, 0.05],
        "latents_std": [1.5, 0.5, 2.0, 1.0],
        "scaling_factor": 1.0,
    },
}


def kl(kind="sd", **more):
    torch.manual_seed(0)
    return noisy(AutoencoderKL(**KL[kind] | more))


def saved(model, folder):
    model.save_pretrained(folder)
    return Path(folder)


def rewritten(folder, other, change, *, weights=WEIGHTS, **config):
    """A copy of a folder whose tensors went through `change`, and whose settings have `config` in them."""
    other.mkdir()
    settings = json.loads((folder / "config.json").read_text()) | config
    (other / "config.json").write_text(json.dumps(settings))
    save_file({n: v.contiguous() for n, v in change(load_file(folder / weights)).items()}, other / weights)
    return other


def bare(state, folder, *, weights="model.safetensors"):
    """A folder with these tensors and no settings."""
    folder.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in state.items()}, folder / weights)
    return folder


def pixels(height, width, *, count=2, seed=1):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


def rows(maps):
    """[B, C, h, w] as rows, picture by picture."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def maps(packed, height, width):
    """Rows of equal pictures as [B, C, h, w]."""
    return packed.x.unflatten(0, (-1, height, width)).permute(0, 3, 1, 2)


PARTS = {"query": "q", "key": "k", "value": "v", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def taming_names(state, levels):
    """Tensors of diffusers under the names of taming-transformers and latent diffusion, written down a second time."""
    out = {}
    for name, value in state.items():
        new = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
        new = re.sub(r"down_blocks\.(\d+)\.attentions\.", r"down.\1.attn.", new)
        new = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", new)
        for theirs, ours in (("resnets", "block"), ("attentions", "attn")):
            new = re.sub(
                rf"up_blocks\.(\d+)\.{theirs}\.", lambda m, ours=ours: f"up.{levels - 1 - int(m[1])}.{ours}.", new
            )
        new = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", new)
        new = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", new)
        new = new.replace("mid_block.attentions.0", "mid.attn_1").replace("conv_norm_out", "norm_out")
        new = new.replace("conv_shortcut", "nin_shortcut").replace("spatial_norm", "norm").replace("group_norm", "norm")
        attention = re.fullmatch(r"(.*attn.*)\.(to_q|to_k|to_v|to_out\.0)\.(weight|bias)", new)
        if attention:
            new = f"{attention[1]}.{PARTS[attention[2]]}.{attention[3]}"
            value = value[:, :, None, None] if value.ndim == 2 else value
        out[new] = value
    return out


HALVES = {
    "block_types": ("ResBlock", "EfficientViTBlock"),
    "block_out_channels": (16, 32),
    "layers_per_block": (1, 1),
    "qkv_multiscales": ((), (5,)),
}
DCAE = {"latent_channels": 4, "attention_head_dim": 8} | {
    f"{half}_{name}": value for half in ("encoder", "decoder") for name, value in HALVES.items()
}
# As the published configs differ: SANA's; the first ones, with batch norms in the decoder; pixels halved at once.
DC = {
    "sana": DCAE | {"downsample_block_type": "Conv", "upsample_block_type": "interpolate", "scaling_factor": 0.41407},
    "in-1.0": DCAE | {"decoder_norm_types": ("batch_norm", "rms_norm"), "decoder_act_fns": ("relu", "silu")},
    "batch norms in attention, no shortcuts": DCAE
    | {"decoder_norm_types": "batch_norm", "encoder_out_shortcut": False, "decoder_in_shortcut": False},
    "f4, halved at once": {
        "latent_channels": 8,
        "attention_head_dim": 8,
        "encoder_block_types": ("ResBlock", "ResBlock", "EfficientViTBlock"),
        "decoder_block_types": ("ResBlock", "ResBlock", "EfficientViTBlock"),
        "encoder_block_out_channels": (8, 16, 32),
        "decoder_block_out_channels": (8, 16, 32),
        "encoder_layers_per_block": (0, 1, 2),
        "decoder_layers_per_block": (0, 2, 1),
        "encoder_qkv_multiscales": ((), (), (3, 5)),
        "decoder_qkv_multiscales": ((), (), ()),
    },
}


def dc(kind="sana"):
    torch.manual_seed(0)
    return noisy(AutoencoderDC(**DC[kind]))


CODES = {"num_vq_embeddings": 11, "vq_embed_dim": 5, "latent_channels": 4}
WIDE = {"block_out_channels": (32, 64), "norm_num_groups": 32}  # 32 groups, which files without settings cannot say
VQ = {
    "plain": LEVELS | CODES | {"sample_size": 48},
    "attention": ATTENTION | CODES,
    "spatial": ATTENTION | CODES | WIDE | {"norm_type": "spatial", "vq_embed_dim": 4},
    "no middle": LEVELS | CODES | {"mid_block_add_attention": False, "vq_embed_dim": None},
}


def vq(kind="plain", **more):
    torch.manual_seed(0)
    return spread(noisy(VQModel(**VQ[kind] | more)))


def spread(model):
    """The model with latents of a picture for its codes: those of a new one lie in a heap, and all cells get one."""
    with torch.no_grad():
        found = rows(model.quant_conv(model.encoder(pixels(16, 16, seed=7))))
        codebook = model.quantize.embedding.weight
        codebook.copy_(found[torch.randperm(len(found), generator=torch.Generator().manual_seed(5))[: len(codebook)]])
    return model


STACKS = {
    "num_embeddings": 37,
    "latent_channels": 16,
    "base_channels": 32,
    "channel_multiplier": [1, 2],
    "num_res_blocks": 1,
}


def chameleon(**more):
    torch.manual_seed(0)
    return spread(noisy(ChameleonVQVAE(ChameleonVQVAEConfig(**STACKS | {"embed_dim": 8, "resolution": 32} | more))))


def janus(**more):
    torch.manual_seed(0)
    return spread(noisy(JanusVQVAE(JanusVQVAEConfig(**STACKS | {"embed_dim": 8, "num_patches": 8} | more))))


EMU3 = {"channel_multiplier": [1, 2], "num_res_blocks": 1, "hidden_size": 64, "codebook_size": 37, "embed_dim": 4}


def emu3(**more):
    torch.manual_seed(0)
    sizes = EMU3 | {"latent_channels": 4, "base_channels": 32, "attn_resolutions": [1]} | more
    return noisy(Emu3VQVAE(Emu3VQVAEConfig(**sizes)))
