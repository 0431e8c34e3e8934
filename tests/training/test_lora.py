"""Adapters on the tiny dual encoder: what they leave alone, what they learn, and whose they are."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tolerances import close
from towers.duals import PICTURES, TEXTS, dual
from towers.peers import SIDE, clip_peer, our_clip, our_siglip, siglip_peer

from lexel.errors import BadArguments, LoadError
from lexel.pictures.published import clip as clip_preparation
from lexel.pictures.published import siglip as siglip_preparation
from lexel.training import lora
from lexel.training.contrastive import clip_loss

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


@pytest.fixture(scope="module")
def clip():
    peer = clip_peer()
    return dual(peer, our_clip(peer), clip_preparation(SIDE))


def learned(model, seed=0):
    """As after some training: noise on every adapter."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=draw)
    return model


def literal(model, clip, scale):
    """The same model with scale · up · down added to each weight by hand."""
    plain = clip.trainable().eval().requires_grad_(False)
    state = plain.state_dict()
    tensors = model.state_dict()
    for name in (name.removesuffix(".up") for name in tensors if name.endswith(".up")):
        state[f"{name}.weight"] += scale * tensors[f"{name}.up"] @ tensors[f"{name}.down"]
    return plain


def equal(a, b):
    """Whether two models give the same bits for pictures and texts."""
    return (a.embed(PICTURES) == b.embed(PICTURES)).all() and (a.embed(TEXTS) == b.embed(TEXTS)).all()


def test_adapters_change_nothing_before_they_have_learned(clip):
    tuned = lora.add(clip).eval()
    assert equal(tuned, clip)


def test_only_adapters_have_gradients(clip):
    tuned = learned(lora.add(clip, rank=2))
    pixels = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    tuned.image.pooled(tuned.encode_pixels(pixels)).square().sum().backward()
    ids = [torch.tensor([5, 9, 63])]
    tuned.text.pooled(tuned.text.encode_ids(ids), ids).square().sum().backward()
    with_gradients = {name for name, parameter in tuned.named_parameters() if parameter.grad is not None}
    assert with_gradients == {name for name, _ in tuned.named_parameters() if name.endswith((".down", ".up"))}
    assert len(with_gradients) == 2 * 2 * (3 + 3)  # qkv and out, of three blocks in two towers
    assert not any(parameter.requires_grad for parameter in clip.parameters())


def test_adapters_learn_which_text_belongs_to_which_picture(clip):
    tuned = lora.add(clip, rank=2)
    adam = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=1e-2)
    pixels = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    ids = [torch.tensor([5, 9, 63]), torch.tensor([7, 63]), torch.tensor([11, 30, 8, 63])]
    normalize, losses = torch.nn.functional.normalize, []
    for _ in range(30):
        images = normalize(tuned.image.pooled(tuned.encode_pixels(pixels)))
        texts = normalize(tuned.text.pooled(tuned.text.encode_ids(ids), ids))
        losses.append(clip_loss(images, texts, tuned.logit_scale))
        adam.zero_grad()
        losses[-1].backward()
        adam.step()
    assert losses[-1] < 0.5 * losses[0]
    merged = lora.merge(tuned).state_dict()
    changed = {name for name, value in clip.state_dict().items() if not torch.equal(value, merged[name])}
    assert all(name.endswith((".attention.qkv.weight", ".attention.out.weight")) for name in changed)
    assert len(changed) == 12


def test_adapters_are_weight_plus_up_times_down(clip):
    tuned = learned(lora.add(clip, rank=2, alpha=6)).eval()
    plain = literal(tuned, clip, scale=3)
    assert close(tuned.embed(PICTURES), plain.embed(PICTURES), tolerance=1e-6)
    assert not close(tuned.embed(PICTURES), clip.embed(PICTURES), tolerance=1e-2)


def test_merged_adapters_equal_those_beside(clip):
    tuned = learned(lora.add(clip, rank=3, targets=["*.attention.*", "*.mlp.fc?"])).eval()
    merged = lora.merge(tuned)
    assert merged.state_dict().keys() == clip.state_dict().keys()
    assert close(merged.embed(PICTURES), tuned.embed(PICTURES), tolerance=1e-6)
    assert close(merged.embed(TEXTS), tuned.embed(TEXTS), tolerance=1e-6)
    assert merged.digest not in (clip.digest, tuned.digest)
    assert not any(parameter.requires_grad for parameter in merged.parameters())


def test_a_layer_that_only_lends_its_weight_is_adapted_too():
    """SigLIP's last attention multiplies with parts of `qkv.weight` and never calls the layer."""
    peer = siglip_peer()
    siglip = dual(peer, our_siglip(peer), siglip_preparation(SIDE), biased=True)
    tuned = learned(lora.add(siglip, targets=["image.head.attention.qkv"])).eval()
    assert not close(tuned.embed(PICTURES), siglip.embed(PICTURES), tolerance=1e-2)
    assert close(lora.merge(tuned).embed(PICTURES), tuned.embed(PICTURES), tolerance=1e-6)


def test_saved_adapters_come_back(clip, tmp_path):
    path = tmp_path / "birds.safetensors"
    tuned = learned(lora.add(clip, rank=2, alpha=5)).eval()
    lora.save(tuned, path)
    again = lora.load(clip, path)
    assert equal(again, tuned)
    assert again.digest not in (clip.digest, tuned.digest)
    assert not again.training
    lora.save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["lexel.lora"]) == {
            "version": 1,
            "base": "weights",
            "name": "./tiny",
            "alpha": 5.0,
        }
        assert all(name.endswith((".down", ".up")) for name in file.keys())  # noqa: SIM118


def test_adapters_are_loaded_onto_no_other_weights(clip, tmp_path):
    lora.save(lora.add(clip), tmp_path / "birds.safetensors")
    other = clip.trainable()
    other.digest = "other"
    with pytest.raises(LoadError, match=r"are not of \./tiny") as raised:
        lora.load(other, tmp_path / "birds.safetensors")
    assert "trained on ./tiny, of other weights" in raised.value.hint


@pytest.mark.parametrize("facts", [None, "[]", '{"version": 2}', '{"version": 1}'])
def test_a_file_without_adapters_is_refused(clip, tmp_path, facts):
    save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors", metadata=facts and {"lexel.lora": facts})
    with pytest.raises(LoadError, match="holds no adapters"):
        lora.load(clip, tmp_path / "x.safetensors")


def test_a_file_that_is_none_is_refused(clip, tmp_path):
    save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "x.safetensors").read_bytes()[:20])
    for name in ("cut", "none"):
        with pytest.raises(LoadError, match="cannot be read as adapters"):
            lora.load(clip, tmp_path / f"{name}.safetensors")


def test_adapters_of_a_layer_that_is_not_there_are_refused(clip, tmp_path):
    path = tmp_path / "birds.safetensors"
    lora.save(lora.add(clip), path)
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    moved = {name.replace("image.transformer", "image.nowhere"): x for name, x in load_file(path).items()}
    save_file(moved, path, metadata=facts)
    with pytest.raises(LoadError, match="fit no layer"):
        lora.load(clip, path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"rank": 0}, "1 or more"), ({"targets": ["*.nothing"]}, "no linear layer '\\*.nothing'")],
)
def test_adapters_that_cannot_be_are_refused(clip, arguments, said):
    with pytest.raises(BadArguments, match=said):
        lora.add(clip, **arguments)


def test_adapters_are_not_put_on_adapters(clip):
    with pytest.raises(BadArguments, match="merge them first"):
        lora.add(lora.add(clip))


def test_what_has_no_adapters_or_no_files_is_not_saved(clip, tmp_path):
    with pytest.raises(BadArguments, match="has no adapters"):
        lora.save(clip, tmp_path / "x.safetensors")
    fresh = clip.trainable()
    fresh.digest = ""
    with pytest.raises(BadArguments, match="not loaded from files"):
        lora.save(lora.add(fresh), tmp_path / "x.safetensors")


def test_the_same_seed_draws_the_same_adapters(clip):
    first, second, other = (lora.add(clip, seed=seed).state_dict() for seed in (0, 0, 1))
    name = "image.transformer.blocks.0.attention.qkv.down"
    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], other[name])
