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
from transformers.models.flava.configuration_flava import FlavaImageCodebookConfig
from transformers.models.flava.modeling_flava import FlavaImageCodebook
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


def flava(**more):
    torch.manual_seed(0)
    sizes = {"num_blocks_per_group": 2, "hidden_size": 8, "vocab_size": 37} | more
    model = noisy(FlavaImageCodebook(FlavaImageCodebookConfig(**sizes)))
    for name, value in model.named_parameters():  # those of a new one are so small that all cells get one code
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(value)
    return model


def dvae(start=6, width=8, codes=37):
    """Both halves under the names of openai/DALL-E: the encoder FLAVA's, the decoder drawn."""
    state = {}
    for name, value in flava(hidden_size=width, vocab_size=codes).state_dict().items():
        new = name.replace(".group.", ".").replace(".path.", ".").replace(".weight", ".w").replace(".bias", ".b")
        state[f"encoder.{new}"] = value
    shapes = {"input": (start, codes, 1), "output.conv": (6, width, 1)}
    before = start
    for group, times in enumerate((8, 4, 2, 1), start=1):
        for block in (1, 2):
            wide, inside = times * width, times * width // 4
            where = f"group_{group}.block_{block}"
            sizes = ((inside, before, 1), (inside, inside, 3), (inside, inside, 3), (wide, inside, 3))
            shapes |= {f"{where}.res_path.conv_{i}": size for i, size in enumerate(sizes, start=1)}
            shapes |= {f"{where}.id_path": (wide, before, 1)} if before != wide else {}
            before = wide
    generator = torch.Generator().manual_seed(3)
    for name, (out, inputs, side) in shapes.items():
        scale = 1 / (inputs * side**2) ** 0.5
        state[f"decoder.blocks.{name}.w"] = torch.randn(out, inputs, side, side, generator=generator) * scale
        state[f"decoder.blocks.{name}.b"] = torch.randn(out, generator=generator) * 0.1
    return state


def vqvae2(width=8, narrow=4, dim=5, codes=11, *, averages=True):
    """A state of rosinality's VQ-VAE-2, drawn, with codebooks as far apart as latents."""
    half = width // 2
    sizes = {
        "enc_b.blocks.0": (half, 3, 4, 4),
        "enc_b.blocks.2": (width, half, 4, 4),
        "enc_b.blocks.4": (width, width, 3, 3),
        "enc_t.blocks.0": (half, width, 4, 4),
        "enc_t.blocks.2": (width, half, 3, 3),
        "quantize_conv_t": (dim, width, 1, 1),
        "quantize_conv_b": (dim, dim + width, 1, 1),
        "dec_t.blocks.0": (width, dim, 3, 3),
        "dec_t.blocks.4": (width, dim, 4, 4),
        "upsample_t": (dim, dim, 4, 4),
        "dec.blocks.0": (width, 2 * dim, 3, 3),
        "dec.blocks.4": (width, half, 4, 4),
        "dec.blocks.6": (half, 3, 4, 4),
    }
    for where, first in (("enc_b", 5), ("enc_t", 3), ("dec_t", 1), ("dec", 1)):
        for block in (first, first + 1):
            sizes[f"{where}.blocks.{block}.conv.1"] = (narrow, width, 3, 3)
            sizes[f"{where}.blocks.{block}.conv.3"] = (width, narrow, 1, 1)
    generator, state = torch.Generator().manual_seed(4), {}
    transposed = {"dec_t.blocks.4", "upsample_t", "dec.blocks.4", "dec.blocks.6"}
    for name, size in sizes.items():
        state[f"{name}.weight"] = torch.randn(size, generator=generator) * (2 / (size[1] * size[2] * size[3])) ** 0.5
        state[f"{name}.bias"] = torch.randn(size[1 if name in transposed else 0], generator=generator) * 0.1
    for level in "tb":
        embed = torch.randn(dim, codes, generator=generator)
        more = {"cluster_size": torch.ones(codes), "embed_avg": embed.clone()} if averages else {}
        state |= {f"quantize_{level}.{name}": value for name, value in ({"embed": embed} | more).items()}
    return state
