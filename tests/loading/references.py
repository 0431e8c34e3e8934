"""Tiny models of `transformers` with noise on every parameter, and the other ways in which their files are written."""

import json
import re
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    DeiTConfig,
    DeiTModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    PvtConfig,
    PvtModel,
    PvtV2Config,
    PvtV2Model,
    ResNetConfig,
    ResNetModel,
    SamVisionConfig,
    SamVisionModel,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
    SiglipTextModel,
    SiglipVisionModel,
    SwinConfig,
    SwinModel,
    Swinv2Config,
    Swinv2Model,
    ViTConfig,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTModel,
)

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

BLOCKS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {
    **BLOCKS,
    "vocab_size": 64,
    "max_position_embeddings": 16,
    "bos_token_id": 62,
    "eos_token_id": 63,
    "pad_token_id": 1,
}
IMAGE = {**BLOCKS, "image_size": 28, "patch_size": 14}

PAINTER = {
    "decoder_hidden_size": 24,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 3,
    "decoder_intermediate_size": 36,
}

CLIP = {"vision_config": IMAGE | {"projection_dim": 24}, "text_config": TEXT | {"projection_dim": 24}}
SIGLIP = {"vision_config": IMAGE, "text_config": TEXT | {"projection_size": 32}}
NAFLEX = {
    "vision_config": {**BLOCKS, "patch_size": 14, "num_patches": 16},
    "text_config": TEXT | {"projection_size": 32},
}
# Of a ratio, not of a width, inside the MLP.
DINO = {name: value for name, value in IMAGE.items() if name != "intermediate_size"} | {"mlp_ratio": 2}
PYRAMID = {
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [2, 1, 1, 1],
    "num_attention_heads": [1, 2, 3, 4],
    "mlp_ratios": [2, 3, 2, 2],
}
SAM = {
    "hidden_size": 32,
    "mlp_dim": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 8,
    "window_size": 3,
    "global_attn_indexes": [1],
    "output_channels": 16,
}

SWIN = {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}

WHOLE = {
    "clip": lambda: CLIPModel(CLIPConfig(**CLIP, projection_dim=24)),
    "siglip": lambda: SiglipModel(SiglipConfig(**SIGLIP)),
    "siglip2": lambda: Siglip2Model(Siglip2Config(**NAFLEX)),
}
# A model of every family that has an image tower: the contract of towers is run on each.
TOWERS = {
    **WHOLE,
    "vit": lambda: ViTModel(ViTConfig(**IMAGE)),
    "deit": lambda: DeiTModel(DeiTConfig(**IMAGE)),
    "mae": lambda: ViTMAEForPreTraining(ViTMAEConfig(**IMAGE, **PAINTER)),
    "dinov2": lambda: Dinov2Model(Dinov2Config(**DINO)),
    "dinov2 with registers": lambda: Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO)),
    "dinov3": lambda: DINOv3ViTModel(DINOv3ViTConfig(**IMAGE, num_register_tokens=4)),
    "pvt": lambda: PvtModel(PvtConfig(**PYRAMID, image_size=32)),
    "pvt_v2": lambda: PvtV2Model(PvtV2Config(**PYRAMID)),
    "resnet": lambda: ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[2, 1])),
    "sam": lambda: SamVisionModel(SamVisionConfig(**SAM)),
    "swin": lambda: SwinModel(SwinConfig(**SWIN)),
    "swinv2": lambda: Swinv2Model(Swinv2Config(**SWIN)),
}
HALVES = {
    "clip": (CLIPVisionModel, CLIPTextModel),
    "clip with projection": (CLIPVisionModelWithProjection, CLIPTextModelWithProjection),
    "siglip": (SiglipVisionModel, SiglipTextModel),
}


def noisy(model, seed=0):
    """The model with noise on every parameter and float buffer that is saved: zeros at the start hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn(value.shape, generator=generator) * 0.05)
        stored = model.state_dict()
        for name, value in model.named_buffers():
            if name not in stored:  # computed from the settings: noise would make it another model
                continue
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif value.is_floating_point():
                value.add_(torch.randn(value.shape, generator=generator) * 0.05)
    return model.eval()


def saved(model, folder, **how):
    """The model in a folder, as its own library saves it."""
    model.save_pretrained(folder, **how)
    return Path(folder)


def rewritten(folder, other, change):
    """A copy of a folder whose tensors went through `change`: a dictionary to another."""
    other.mkdir()
    (other / "config.json").write_bytes((folder / "config.json").read_bytes())
    save_file(
        {name: value.contiguous() for name, value in change(load_file(folder / "model.safetensors")).items()},
        other / "model.safetensors",
        metadata={"format": "pt"},
    )
    return other


def openclip_names(state):
    """A CLIP of Hugging Face under OpenCLIP's native keys, written down a second time and by other means."""
    out = {}
    for name, value in state.items():
        new = name.replace("vision_model.encoder.layers", "visual.transformer.resblocks")
        new = new.replace("text_model.encoder.layers", "transformer.resblocks")
        if match := re.fullmatch(r"(.*)\.self_attn\.q_proj\.(weight|bias)", new):
            parts = [state[name.replace("q_proj", f"{p}_proj")] for p in "qkv"]
            out[f"{match[1]}.attn.in_proj_{match[2]}"] = torch.cat(parts)
        elif not re.search(r"self_attn\.[kv]_proj", new):
            for theirs, native in NATIVE:
                new = new.replace(theirs, native)
            out[new] = value.T if new in ("visual.proj", "text_projection") else value
    return out


NATIVE = [
    ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    ("vision_model.embeddings.patch_embedding", "visual.conv1"),
    ("vision_model.pre_layrnorm", "visual.ln_pre"),
    ("vision_model.post_layernorm", "visual.ln_post"),
    ("visual_projection.weight", "visual.proj"),
    ("text_model.embeddings.token_embedding", "token_embedding"),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.final_layer_norm", "ln_final"),
    ("text_projection.weight", "text_projection"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("self_attn.out_proj", "attn.out_proj"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
]

OPENCLIP = {
    "model_cfg": {
        "embed_dim": 24,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 8, "patch_size": 14, "mlp_ratio": 1.5},
        "text_cfg": {"context_length": 16, "vocab_size": 64, "width": 32, "heads": 4, "layers": 2, "mlp_ratio": 1.5},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bilinear"},
}


def openclip(folder, other, *, config=OPENCLIP, change=openclip_names):
    """A CLIP of Hugging Face as a folder of OpenCLIP."""
    other.mkdir()
    (other / "open_clip_config.json").write_text(json.dumps(config))
    state = {name: value.contiguous() for name, value in change(load_file(folder / "model.safetensors")).items()}
    save_file(state, other / "open_clip_model.safetensors")
    return other


IDS = torch.tensor([[62, 5, 9, 7, 63], [62, 3, 63, 1, 1]])


def pixels(kind="clip"):
    return torch.randn(2, 3, 28, 42 if kind == "siglip2" else 28, generator=torch.Generator().manual_seed(1))


def reference_features(model, kind):
    """What `transformers` says: the last hidden state of pictures, and the vectors of pictures and texts."""
    x, ids = pixels(kind), IDS
    how = {}
    if kind == "siglip2":
        x = x.view(2, 3, 2, 14, 3, 14).permute(0, 2, 4, 3, 5, 1).reshape(2, 6, -1)
        x = torch.cat([x, torch.zeros(2, 10, x.shape[2])], dim=1)
        mask = torch.cat([torch.ones(2, 6), torch.zeros(2, 10)], dim=1)
        how = {"pixel_attention_mask": mask, "spatial_shapes": torch.tensor([[2, 3], [2, 3]])}
    if kind != "clip":
        ids = torch.nn.functional.pad(ids, (0, 16 - ids.shape[1]), value=1)
    with torch.no_grad():
        hidden = model.vision_model(x, **how).last_hidden_state[:, : 6 if kind == "siglip2" else None]
        return (
            hidden.flatten(0, 1),
            model.get_image_features(pixel_values=x, **how).pooler_output,
            model.get_text_features(input_ids=ids).pooler_output,
        )


def features(model, kind="clip"):
    """The same of ours."""
    ids = IDS if kind == "clip" else torch.nn.functional.pad(IDS, (0, 16 - IDS.shape[1]), value=1)
    with torch.inference_mode():
        seen = model.encode_pixels(pixels(kind))
        read = model.text.encode_ids(ids)
        return seen.x, model.image.pooled(seen), model.text.pooled(read, ids)


def same(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
