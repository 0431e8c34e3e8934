"""OpenCLIP's and OpenAI's files give the model that Hugging Face's files of the same weights give."""

import json

import pytest
import torch
from loading.references import OPENCLIP, features, noisy, openclip, openclip_names, reference_features, same
from safetensors.torch import load_file, save_file
from tolerances import close

from lexel.errors import LoadError, MissingKeys
from lexel.loading.load import load, save
from lexel.training import fresh


def test_openclip_equals_hugging_face(clip, tmp_path):
    native = openclip(clip[1], tmp_path / "native")
    assert same(features(load(native)), features(load(clip[1])))
    save(load(native), tmp_path / "again")
    assert same(features(load(tmp_path / "again")), features(load(clip[1])))


def test_openclip_with_its_text_tower_under_text_equals_hugging_face(clip, tmp_path):
    config = {**OPENCLIP, "model_cfg": OPENCLIP["model_cfg"] | {"custom_text": True}}

    def custom(state):
        native = openclip_names(state)
        return {n if n.startswith(("visual.", "logit")) else f"text.{n}": v for n, v in native.items()}

    native = openclip(clip[1], tmp_path / "native", config=config, change=custom)
    assert same(features(load(native)), features(load(clip[1])))


def test_openais_keys_say_all_but_the_heads(tmp_path):
    """Heads are 64 wide in every archive of OpenAI, so that this model is wider than the others here."""
    from transformers import CLIPConfig, CLIPModel

    wide = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = wide | {"vocab_size": 64, "max_position_embeddings": 16, "eos_token_id": 2}
    config = CLIPConfig(vision_config=wide | {"image_size": 28, "patch_size": 14}, text_config=text, projection_dim=24)
    model = noisy(CLIPModel(config))
    state = openclip_names(model.state_dict()) | {
        "input_resolution": torch.tensor(28),
        "context_length": torch.tensor(16),
        "vocab_size": torch.tensor(64),
    }
    state = {n: v.contiguous() for n, v in state.items() if not n.endswith("position_ids")}
    save_file(state, tmp_path / "model.safetensors")
    for ours, theirs in zip(features(load(tmp_path)), reference_features(model, "clip"), strict=True):
        assert close(ours, theirs)


@pytest.mark.parametrize("lost", ["visual.conv1.weight", "positional_embedding", "text_projection"])
def test_an_archive_of_openai_without_what_says_its_size_is_refused(lost, clip, tmp_path):
    state = openclip_names(load_file(clip[1] / "model.safetensors")) | {"input_resolution": torch.tensor(28)}
    save_file({n: v.contiguous() for n, v in state.items() if n != lost}, tmp_path / "model.safetensors")
    with pytest.raises(MissingKeys, match=f"{lost} is missing, which says how large the model is"):
        load(tmp_path)


@pytest.mark.parametrize("option", [{"no_ln_pre": True}, {"timm_model_name": "vit_medium"}, {"pool_type": "avg"}])
def test_an_openclip_tower_that_lexel_does_not_build_is_refused(option, clip, tmp_path):
    model = OPENCLIP["model_cfg"]
    config = {"model_cfg": model | {"vision_cfg": model["vision_cfg"] | option}}
    [(name, value)] = option.items()
    with pytest.raises(LoadError, match=f"{name} is True|{value}"):
        load(openclip(clip[1], tmp_path / "native", config=config))


def trunk_names(state):
    """A SigLIP of Hugging Face under the names of timm and OpenCLIP, written down a second time."""
    out = {}
    for name, value in state.items():
        new = name.replace("vision_model.encoder.layers", "visual.trunk.blocks")
        new = new.replace("text_model.encoder.layers", "text.transformer.resblocks")
        text = new.startswith("text")
        new = new.replace("self_attn", "attn").replace("attn.out_proj", "attn.out_proj" if text else "attn.proj")
        new = new.replace("final_layer_norm", "ln_final").replace("layer_norm", "ln_" if text else "norm")
        new = new.replace("mlp.fc1", "mlp.c_fc").replace("mlp.fc2", "mlp.c_proj") if text else new
        if "attn.q_proj" in new:
            joined = torch.cat([state[name.replace("q_proj", f"{p}_proj")] for p in "qkv"])
            leaf = new.rpartition(".")[2]
            out[new.replace(f"q_proj.{leaf}", f"in_proj_{leaf}" if text else f"qkv.{leaf}")] = joined
        elif "in_proj" in new:
            leaf = new.rpartition("_")[2]
            out[f"visual.trunk.attn_pool.q.{leaf}"], out[f"visual.trunk.attn_pool.kv.{leaf}"] = value.split([64, 128])
        elif "attn.k_proj" not in new and "attn.v_proj" not in new:
            for theirs, native in TRUNK:
                new = new.replace(theirs, native)
            out[new] = value[None] if new == "visual.trunk.pos_embed" else value
    return out


TRUNK = [
    ("vision_model.embeddings.patch_embedding", "visual.trunk.patch_embed.proj"),
    ("vision_model.embeddings.position_embedding.weight", "visual.trunk.pos_embed"),
    ("vision_model.post_layernorm", "visual.trunk.norm"),
    ("vision_model.head.probe", "visual.trunk.attn_pool.latent"),
    ("vision_model.head.attention.out_proj", "visual.trunk.attn_pool.proj"),
    ("vision_model.head.attn.out_proj", "visual.trunk.attn_pool.proj"),
    ("vision_model.head.layernorm", "visual.trunk.attn_pool.norm"),
    ("vision_model.head.mlp", "visual.trunk.attn_pool.mlp"),
    ("text_model.embeddings.token_embedding", "text.token_embedding"),
    ("text_model.embeddings.position_embedding.weight", "text.positional_embedding"),
    ("text_model.ln_final", "text.ln_final"),
    ("text_model.head", "text.text_projection"),
]


def test_siglip_with_a_trunk_of_timm_equals_hugging_face(tmp_path):
    """Heads of timm's trunk are 64 wide, so that this model is wider than the others here."""
    from transformers import SiglipConfig, SiglipModel

    wide = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1}
    text = wide | {"vocab_size": 64, "max_position_embeddings": 16, "projection_size": 64}
    config = SiglipConfig(vision_config=wide | {"image_size": 28, "patch_size": 14}, text_config=text)
    model = noisy(SiglipModel(config))
    words = {"context_length": 16, "vocab_size": 64, "width": 64, "heads": 1, "layers": 2, "mlp_ratio": 1.5}
    settings = {
        "embed_dim": 64,
        "custom_text": True,
        "vision_cfg": {"image_size": 28, "timm_model_name": "vit_base_patch14_siglip_28", "timm_pool": "map"},
        "text_cfg": words | {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": settings}))
    state = {name: value.contiguous() for name, value in trunk_names(model.state_dict()).items()}
    save_file(state, tmp_path / "open_clip_model.safetensors")
    ours = load(tmp_path)
    for a, b in zip(features(ours, "siglip"), reference_features(model, "siglip"), strict=True):
        assert close(a, b)
    assert ours.logit_bias == model.logit_bias
    save(ours, tmp_path / "again")
    assert same(features(load(tmp_path / "again"), "siglip"), features(ours, "siglip"))


def convolutional(folder):
    """A tiny tower with convolutions in OpenCLIP's layout, written from a model of ours with noise everywhere."""
    from lexel.towers._config import Blocks, TextConfig
    from lexel.towers._modified_resnet import ModifiedResNet, ResNetConfig
    from lexel.towers.clip import ClipText

    image = ModifiedResNet(ResNetConfig((1, 2, 1, 1), width=8, grid=2, embed_dim=24))
    text = ClipText(TextConfig(Blocks(32, 2, 4, 48), vocab_size=64, length=16, embed_dim=24))
    torch.manual_seed(0)
    state = {f"visual.{n}": torch.rand_like(v.float()) for n, v in image.state_dict().items()}
    words = {f"text.{n}": torch.randn_like(v) for n, v in text.state_dict().items()}
    for name, value in words.items():
        new = name.replace("text.words", "token_embedding").replace("text.positions", "positional_embedding")
        new = new.replace("text.norm_out", "ln_final").replace("text.projection.weight", "text_projection")
        new = new.replace("text.transformer.blocks", "transformer.resblocks").replace("norm1", "ln_1")
        new = (
            new.replace("norm2", "ln_2")
            .replace("attention.qkv.", "attn.in_proj_")
            .replace("attention.out", "attn.out_proj")
        )
        new = new.replace("fc1", "c_fc").replace("fc2", "c_proj")
        state[new] = value.T if new == "text_projection" else value
    state["logit_scale"] = torch.tensor(2.0)
    folder.mkdir(exist_ok=True)
    save_file({n: v.contiguous() for n, v in state.items()}, folder / "open_clip_model.safetensors")
    model = OPENCLIP["model_cfg"] | {"vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8}}
    (folder / "open_clip_config.json").write_text(json.dumps(OPENCLIP | {"model_cfg": model}))
    return state, words


def test_convolutional_towers_are_read_under_their_own_names_and_written_again(tmp_path):
    state, words = convolutional(tmp_path / "native")
    model = load(tmp_path / "native")
    loaded = model.state_dict()
    for name, value in state.items():
        if name.startswith("visual.") and not name.endswith("num_batches_tracked"):
            assert torch.equal(loaded[name.replace("visual.", "image.")], value)
    assert all(torch.equal(loaded[name], value) for name, value in words.items())
    save(model, tmp_path / "again")
    again = load(tmp_path / "again")
    assert all(torch.equal(again.state_dict()[name], value) for name, value in loaded.items())
    assert again.preparation == model.preparation
    assert again.text.config == model.text.config


def test_convolutional_towers_keep_a_vocabulary_of_their_own(tmp_path):
    captions = [f"{color} {thing}" for color in ("red", "blue") for thing in ("cup", "car", "cat")]
    fresh.speller(captions, vocab_size=530, folder=tmp_path / "native")
    state, _ = convolutional(tmp_path / "native")
    state["token_embedding.weight"] = torch.randn(530, 32)
    save_file({n: v.contiguous() for n, v in state.items()}, tmp_path / "native" / "open_clip_model.safetensors")
    settings = tmp_path / "native" / "open_clip_config.json"
    config = json.loads(settings.read_text())
    config["model_cfg"]["text_cfg"] |= {"vocab_size": 530, "hf_tokenizer_name": "org/name"}
    settings.write_text(json.dumps(config))
    model = load(tmp_path / "native")
    save(model, tmp_path / "again")
    again = load(tmp_path / "again")
    assert again.speller(captions).ids.tolist() == model.speller(captions).ids.tolist()
    assert (again.embed(captions) == model.embed(captions)).all()
