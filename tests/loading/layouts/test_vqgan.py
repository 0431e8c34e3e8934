"""VQGAN: files of diffusers, of taming-transformers, LlamaGen, Chameleon and Janus give the codes of their peers."""

import json
import re

import pytest
import torch
from autoencoders.peers import VQ, WIDE, bare, chameleon, janus, pixels, rewritten, rows, saved, taming_names, vq
from diffusers import VQModel
from loading.references import rewritten as rewritten_as
from safetensors.torch import load_file
from tolerances import close
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE
from transformers.models.janus.modeling_janus import JanusVQVAE

from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders._stacks import Stacks
from lexel.autoencoders.vqgan import VQGAN, VQGANConfig
from lexel.contracts.making import make_picture
from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save
from lexel.pictures.published import chameleon as chameleons
from lexel.pictures.published import convolutional


def equal(ours, peer, height=16, width=24):
    """Latents, codes and pixels, of a model of diffusers."""
    batch = pixels(height, width)
    with torch.no_grad():
        latents = peer.encode(batch).latents
        assert close(ours.image.encode(batch), latents)
        seen = ours.encode_pixels(batch)
        assert torch.equal(seen.x, peer.quantize(latents)[2][2])
        assert len(seen.x.unique()) > 3
        assert close(torch.stack(ours.decode_pixels(seen)), peer.decode(latents).sample)


@pytest.mark.parametrize("kind", VQ)
@pytest.mark.parametrize("size", [(16, 24), (29, 23)])
def test_a_vqmodel_equals_diffusers(kind, size, tmp_path):
    peer = vq(kind)
    ours = load(saved(peer, tmp_path))
    assert isinstance(ours, Discrete)
    equal(ours, peer, *size)
    assert (ours.space.kind, ours.space.codebook, ours.space.width) == ("codes", (11,), peer.config.vq_embed_dim or 4)
    assert ours.preparation == convolutional(48 if kind == "plain" else 32, 2)


@pytest.mark.parametrize("kind", VQ)
def test_what_lexel_saves_of_a_vqmodel_diffusers_loads(kind, tmp_path):
    peer = vq(kind)
    ours = load(saved(peer, tmp_path / "model"))
    save(ours, tmp_path / "again")
    again, said = VQModel.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    equal(ours, again.eval())
    equal(load(tmp_path / "again"), peer)


@pytest.mark.parametrize("kind", ["plain", "attention", "no middle"])
@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_files_of_taming_equal_those_of_diffusers(kind, prefix, tmp_path):
    peer = vq(kind, **WIDE)
    state = {prefix + name: value for name, value in taming_names(peer.state_dict(), 2).items()}
    ours = load(bare(state | {f"{prefix}loss.discriminator.main.0.bias": torch.zeros(3)}, tmp_path / "model"))
    equal(ours, peer)
    assert ours.preparation == convolutional(256, 2)
    save(ours, tmp_path / "again")
    equal(load(tmp_path / "again"), peer)


def llamagen_names(state):
    """A Janus of Hugging Face under LlamaGen's names, written down a second time."""
    out = {}
    for name, value in state.items():
        new = re.sub(r"(en|de)coder\.(?:down|up)\.(\d)\.block\.", r"\1coder.conv_blocks.\2.res.", name)
        new = re.sub(r"(en|de)coder\.(?:down|up)\.", r"\1coder.conv_blocks.", new)
        for i, part in enumerate(("block_1", "attn_1", "block_2")):
            new = new.replace(f"mid.{part}", f"mid.{i}")
        out[new] = value
    return out


def directions(peer, batch):
    """Codes by direction, as the original of Janus and LlamaGen finds them: the largest cosine."""
    latents = rows(peer.quant_conv(peer.encoder(batch)))
    unit = torch.nn.functional.normalize
    return (unit(latents) @ unit(peer.quantize.embedding.weight).T).argmax(1)


def alike(ours, peer):
    batch = pixels(16, 16)
    with torch.no_grad():
        codes = directions(peer, batch)
        seen = ours.encode_pixels(batch)
        assert torch.equal(seen.x, codes)
        assert len(codes.unique()) > 3
        assert close(torch.stack(ours.decode_pixels(seen)), peer.decode(codes.view(2, -1)))


@pytest.mark.parametrize("extra", [{}, {"quantize.codebook_used": torch.zeros(65_536)}], ids=["bare", "with counts"])
def test_llamagen_looks_by_direction_and_equals_its_peer(extra, tmp_path):
    peer = janus()
    ours = load(bare(llamagen_names(peer.state_dict()) | extra, tmp_path / "model"))
    alike(ours, peer)
    save(ours, tmp_path / "again")  # as Janus, which is the same network
    alike(load(tmp_path / "again"), JanusVQVAE.from_pretrained(tmp_path / "again", num_patches=8).eval())


def whole(folder, other, kind):
    """The tokenizer inside a language model: its settings a table, its tensors under a prefix, others beside them."""
    inside = json.loads((folder / "config.json").read_text())
    more = {"model.embed_tokens.weight": torch.zeros(2, 2), "lm_head.weight": torch.zeros(2, 2)}
    rewritten_as(folder, other, lambda state: {f"model.vqmodel.{n}": v for n, v in state.items()} | more)
    (other / "config.json").write_text(json.dumps({"model_type": kind, "vq_config": inside}))
    return other


def test_janus_equals_transformers_but_for_the_direction_of_codes(tmp_path):
    peer = janus()
    folder = saved(peer, tmp_path / "model")
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 9, "width": 9}}')  # of the tower that reads
    ours = load(folder)
    alike(ours, peer)
    assert ours.preparation == convolutional(16, 2)
    alike(load(whole(folder, tmp_path / "whole", "janus")), peer)


@pytest.mark.parametrize("attention", [None, [16]])
def test_chameleon_equals_transformers(attention, tmp_path):
    peer = chameleon(attn_resolutions=attention)
    folder = saved(peer, tmp_path / "model")
    batch = pixels(32, 24)
    for ours in (load(folder), load(whole(folder, tmp_path / "whole", "chameleon"))):
        with torch.no_grad():
            theirs = peer.encode(batch)
            assert close(ours.image.encoder(batch), theirs.last_hidden_state)
            assert torch.equal(ours.encode_pixels(batch).x, theirs.image_tokens)
            assert len(theirs.image_tokens.unique()) > 3
        assert ours.preparation == chameleons(32)
        tokens = ours.tokenize([make_picture(40, 60)])
        assert tokens.pictures.grids.tolist() == [[16, 16]]
        with pytest.raises(LoadError, match="the files hold no decoder"):
            ours.detokenize(tokens)
    save(ours, tmp_path / "again")
    again, said = ChameleonVQVAE.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert said["missing_keys"] == {"post_quant_conv.weight", "post_quant_conv.bias"} or not said["missing_keys"]
    with torch.no_grad():
        assert torch.equal(again.eval().encode(batch).image_tokens, theirs.image_tokens)


@pytest.mark.parametrize(
    ("mult", "codes", "dim", "attention", "counts"),
    [
        ((1, 1, 2, 2, 4), 1024, 256, (0, 0, 0, 0, 1), (29_298_176, 42_449_795, 131_584, 262_144)),
        ((1, 1, 2, 2, 4), 16_384, 256, (0, 0, 0, 0, 1), (29_298_176, 42_449_795, 131_584, 4_194_304)),
        ((1, 1, 2, 2, 4), 16_384, 8, (0, 0, 0, 0, 1), 71_883_403),
        ((1, 2, 2, 4), 16_384, 8, (0, 0, 0, 1), 70_109_835),
    ],
    ids=["f16, 1024", "f16, 16384", "LlamaGen VQ-16", "LlamaGen VQ-8"],
)
def test_parameter_counts_of_vqgan_are_the_published_ones(mult, codes, dim, attention, counts):
    widths = tuple(128 * factor for factor in mult)
    stacks = Stacks(widths=widths, blocks=2, attention=tuple(map(bool, attention)), latent=256)
    with torch.device("meta"):
        network = VQGAN(VQGANConfig(stacks=stacks, codebook_size=codes, dim=dim, edge=256, cosine=dim == 8))
    count = lambda *modules: sum(value.numel() for m in modules for value in m.parameters())  # noqa: E731
    if isinstance(counts, int):
        assert count(network) == counts
    else:
        parts = ([network.encoder], [network.decoder], [network.quant, network.post_quant], [network.quantizer])
        assert tuple(count(*part) for part in parts) == counts


def test_settings_that_do_not_fit_are_refused_by_name(tmp_path):
    folder = saved(vq(), tmp_path / "model")
    other = rewritten(folder, tmp_path / "other", lambda state: state, norm_type="ada")
    with pytest.raises(LoadError, match="norm_type is 'ada', expected group or spatial"):
        load(other)
    codebook = saved(chameleon(), tmp_path / "chameleon")
    config = json.loads((codebook / "config.json").read_text()) | {"num_res_blocks": 3}
    (codebook / "config.json").write_text(json.dumps(config))
    with pytest.raises(MissingKeys, match=r"3 encoder.down.0.block.\* are said, 1 are there"):
        load(codebook)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(tmp_path):
    folder = saved(vq(), tmp_path / "model")
    name = "quantize.embedding.weight"
    assert name in load_file(folder / "diffusion_pytorch_model.safetensors")
    other = rewritten(folder, tmp_path / "other", lambda state: state | {name: torch.zeros(11, 6)})
    with pytest.raises(WrongShape, match=rf"{name} is \[11, 6\], the settings say \[11, 5\]"):
        load(other)
    less = rewritten(folder, tmp_path / "less", lambda s: {n: v for n, v in s.items() if n != "quant_conv.bias"})
    with pytest.raises(MissingKeys, match=r"1 tensors are missing, the first is quant_conv.bias"):
        load(less)
