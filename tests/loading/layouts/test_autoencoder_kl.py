"""AutoencoderKL: files of diffusers, new and old, and of latent diffusion give the model of diffusers."""

import json
import re

import pytest
import torch
from autoencoders.peers import KL, WEIGHTS, bare, kl, maps, pixels, rewritten, rows, saved, taming_names
from diffusers import AutoencoderKL
from tolerances import close

from lexel.autoencoders._continuous import Scaling, Variational
from lexel.errors import BadArguments, LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import convolutional

CELL = {"sd": 2, "flux": 2, "attention, f4": 4}


def equal(ours, peer, height, width):
    """Whether both see and show alike, ours through the packed door."""
    batch = pixels(height, width)
    with torch.no_grad():
        mean = peer.encode(batch).latent_dist.mean
        seen = ours.encode_pixels(batch)
        assert close(seen.x, rows(mean))
        shown = torch.stack(ours.decode_pixels(seen))
        assert close(shown, peer.decode(maps(seen, *mean.shape[2:])).sample)


@pytest.mark.parametrize("kind", KL)
@pytest.mark.parametrize("size", [(16, 24), (29, 23)])
def test_an_autoencoder_kl_equals_diffusers(kind, size, tmp_path):
    peer = kl(kind)
    ours = load(saved(peer, tmp_path))
    assert isinstance(ours, Variational)
    assert ours.image.cell == CELL[kind]
    equal(ours, peer, *size)
    with torch.no_grad():
        theirs = peer.encode(pixels(*size)).latent_dist
        for a, b in zip(ours.image.posterior(pixels(*size)), (theirs.mean, theirs.logvar), strict=True):
            assert close(a, b)


@pytest.mark.parametrize("kind", KL)
def test_what_lexel_saves_diffusers_loads(kind, tmp_path):
    peer = kl(kind)
    ours = load(saved(peer, tmp_path / "model"))
    save(ours, tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["config.json", WEIGHTS]
    again, said = AutoencoderKL.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    for name, value in peer.config.items():
        if not name.startswith("_") and value is not None:
            expected = list(value) if isinstance(value, tuple) else value
            assert again.config[name] == expected or list(again.config[name]) == expected, name
    batch = pixels(16, 24)
    with torch.no_grad():
        assert torch.equal(again.encode(batch).latent_dist.mean, peer.encode(batch).latent_dist.mean)
        latents = peer.encode(batch).latent_dist.mean
        assert torch.equal(again.decode(latents).sample, peer.decode(latents).sample)
    assert torch.equal(load(tmp_path / "again").encode_pixels(batch).x, ours.encode_pixels(batch).x)


@pytest.mark.parametrize(
    ("kind", "scaling"),
    [
        ("sd", Scaling(0.18215)),
        ("flux", Scaling(0.3611, shift=(0.1159,))),
        ("attention, f4", Scaling(1.0, shift=(0.1, -0.2, 0.3, 0.05), std=(1.5, 0.5, 2.0, 1.0))),
    ],
)
def test_the_published_scale_is_read(kind, scaling, tmp_path):
    assert load(saved(kl(kind), tmp_path)).image.scaling == scaling


def test_pictures_are_prepared_for_the_size_that_the_config_says(tmp_path):
    assert load(saved(kl("sd"), tmp_path)).preparation == convolutional(48, 2)


def old_names(state):
    """The names of attention before diffusers 0.17."""
    parts = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    return {re.sub(r"to_(q|k|v|out\.0)(?=\.)", lambda m: parts[m[0]], name): value for name, value in state.items()}


@pytest.mark.parametrize("kind", ["sd", "attention, f4"])
def test_files_from_before_0_17_equal_todays(kind, tmp_path):
    peer = kl(kind)
    equal(load(rewritten(saved(peer, tmp_path / "new"), tmp_path / "old", old_names)), peer, 16, 24)


@pytest.mark.parametrize("kind", ["sd", "flux"])
@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_files_of_latent_diffusion_equal_those_of_diffusers(kind, prefix, tmp_path):
    """With 32 groups, which no tensor says."""
    peer = kl(kind, block_out_channels=(32, 64), norm_num_groups=32)
    state = {prefix + name: value for name, value in taming_names(peer.state_dict(), 2).items()}
    more = {"loss.logvar": torch.zeros(())} if not prefix else {"model.diffusion_model.out.0.weight": torch.zeros(3)}
    ours = load(bare(state | more, tmp_path / "model"))
    equal(ours, peer, 16, 24)
    assert ours.preparation == convolutional(256, 2)
    with pytest.raises(BadArguments, match="no file of this model says how its latents are scaled"):
        ours.tokenize([], scaled=True)
    save(ours, tmp_path / "again")
    equal(load(tmp_path / "again"), AutoencoderKL.from_pretrained(tmp_path / "again").eval(), 16, 24)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"act_fn": "relu"}, "act_fn is 'relu', expected silu"),
        ({"in_channels": 1}, "in_channels is 1, expected 3: pictures"),
        ({"down_block_types": ["DownEncoderBlock2D", "Block"]}, "expected a list of DownEncoderBlock2D, AttnDown"),
        ({"up_block_types": ["UpDecoderBlock2D"]}, "block_out_channels, down_block_types and up_block_types do not"),
        ({"layers_per_block": 5}, r"5 encoder.down_blocks.0.resnets.\* are said, 1 are there"),
        ({"norm_num_groups": 3}, r"widths \(8, 16\) are no multiples of 3 groups"),
        ({"latents_mean": [1.0]}, r"latents_mean is \[1.0\], expected 4 numbers"),
        ({"latents_std": [1.0, 1.0, 0.0, 1.0]}, "latents are scaled by 0 or less"),
        ({"scaling_factor": 0}, "latents are scaled by 0 or less"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(change, said, tmp_path):
    folder = saved(kl(), tmp_path)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=said):
        load(folder)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(tmp_path):
    folder = saved(kl(), tmp_path / "model")
    name = "decoder.up_blocks.0.upsamplers.0.conv.bias"
    less = rewritten(folder, tmp_path / "less", lambda state: {n: v for n, v in state.items() if n != name})
    with pytest.raises(MissingKeys, match=f"1 tensors are missing, the first is {name}"):
        load(less)
    other = rewritten(folder, tmp_path / "other", lambda state: state | {name: torch.zeros(15)})
    with pytest.raises(WrongShape, match=rf"{name} is \[15\], the settings say \[16\]"):
        load(other)
