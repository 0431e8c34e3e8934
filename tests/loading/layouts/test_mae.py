"""Every way in which a masked autoencoder is published gives the model of `transformers`."""

import numpy as np
import pytest
import torch
from loading.layouts.test_vit import timm_names
from loading.references import BLOCKS, TOWERS, noisy, pixels, rewritten, saved
from safetensors.torch import load_file, save_file
from tolerances import close
from transformers import ViTMAEConfig, ViTMAEForPreTraining, ViTMAEModel

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save

NOISE = torch.tensor([[0.3, 0.1, 0.4, 0.2], [0.9, 0.2, 0.1, 0.3]])  # one patch of four is shown: 1, and 2
VISIBLE = [np.arange(4) == 1, np.arange(4) == 2]


def theirs(model):
    with torch.no_grad():
        return model(pixels(), noise=NOISE).logits.flatten(0, 1)


def ours(folder):
    return load(folder).image.paint(pixels(), VISIBLE)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    model = noisy(TOWERS["mae"]())
    return model, saved(model, tmp_path_factory.mktemp("mae"))


def test_a_saved_model_equals_transformers(reference):
    model, folder = reference
    assert close(ours(folder), theirs(model))


def test_names_of_the_hub_and_of_memory_equal_those_that_transformers_5_saves(reference, tmp_path):
    model, folder = reference

    def hub(state):
        return {
            name.replace("decoder.decoder_encoder.layer.", "decoder.decoder_layers."): v for name, v in state.items()
        }

    assert torch.equal(ours(rewritten(folder, tmp_path / "hub", hub)), ours(folder))
    assert torch.equal(ours(rewritten(folder, tmp_path / "memory", lambda _: model.state_dict())), ours(folder))


def test_what_is_saved_is_what_transformers_reads(reference, tmp_path):
    model, folder = reference
    save(load(folder), tmp_path / "saved")
    again, said = ViTMAEForPreTraining.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(theirs(again.eval()), theirs(model))
    assert torch.equal(ours(tmp_path / "saved"), ours(folder))
    assert "decoder.decoder_layers.0.attention.attention.query.weight" in load_file(
        tmp_path / "saved" / "model.safetensors"
    )


def first_names(state):
    """A masked autoencoder of Hugging Face under its first names, written down a second time and by other means."""
    encoder = {n.removeprefix("vit."): v for n, v in state.items() if n.startswith("vit.")}
    decoder = {n.removeprefix("decoder."): v for n, v in state.items() if n.startswith("decoder.")}
    blocks = {n.removeprefix("decoder_"): v for n, v in decoder.items() if n.startswith("decoder_encoder")}
    rest = {n: v for n, v in decoder.items() if not n.startswith("decoder_encoder")}
    return timm_names(encoder) | {f"decoder_{n}": v for n, v in timm_names(blocks).items()} | rest


def test_names_of_the_first_repository_equal_those_of_hugging_face(tmp_path):
    """Its encoders have heads of 64 and its decoders 16 heads, so that this model is wider than the others here."""
    sizes = BLOCKS | {"hidden_size": 64, "num_attention_heads": 1, "image_size": 28, "patch_size": 14}
    painter = {"decoder_hidden_size": 32, "decoder_num_hidden_layers": 2, "decoder_intermediate_size": 36}
    model = noisy(ViTMAEForPreTraining(ViTMAEConfig(**sizes, **painter, layer_norm_eps=1e-6)))
    state = first_names(load_file(saved(model, tmp_path / "theirs") / "model.safetensors"))
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "model.safetensors")
    assert close(ours(tmp_path), theirs(model))


@pytest.fixture(scope="module")
def alone(reference, tmp_path_factory):
    return reference[0].vit, saved(reference[0].vit, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("form", ["disk", "memory", "under vit."])
def test_an_encoder_alone_equals_the_encoder_of_the_whole(form, alone, reference, tmp_path):
    change = {
        "disk": dict,
        "memory": lambda _: alone[0].state_dict(),
        "under vit.": lambda state: {f"vit.{name}": value for name, value in state.items()},
    }[form]
    model = load(rewritten(alone[1], tmp_path / "alone", change))
    assert torch.equal(model.encode_pixels(pixels()).x, load(reference[1]).encode_pixels(pixels()).x)
    save(model, tmp_path / "again")
    again, said = ViTMAEModel.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert all(torch.equal(again.state_dict()[name], value) for name, value in alone[0].state_dict().items())


def test_an_encoder_alone_says_that_it_has_no_decoder(alone):
    model = load(alone[1])
    with pytest.raises(LoadError, match=r"has no decoder"):
        model.detokenize(model.tokenize([]))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"decoder.mask_token": None}, MissingKeys, "1 tensors are missing, the first is decoder.mask_token"),
        ({"decoder.decoder_pred.weight": torch.zeros(588, 23)}, WrongShape, r"decoder_pred.weight is \[588, 23\]"),
        (
            {"decoder.decoder_encoder.layer.1.output.dense.bias": torch.zeros(24)},
            MissingKeys,
            "1 layers are said, 2 are there",
        ),
    ],
)
def test_a_tensor_too_few_too_many_or_wrong_is_named(change, error, said, reference, tmp_path):
    def changed(state):
        return {name: value for name, value in {**state, **change}.items() if value is not None}

    with pytest.raises(error, match=said):
        load(rewritten(reference[1], tmp_path / "other", changed))
