"""Priors: what was saved loads again to the last bit, and what does not go together is a sentence."""

import json

import pytest
import torch
from generators.networks import OBJECTIVES, prior
from safetensors.torch import load_file, save_file

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.generators._generator import Generator
from lexel.loading.load import load, save


@pytest.fixture(params=OBJECTIVES)
def folder(request, tmp_path):
    save(Generator(prior(request.param, side=8)), tmp_path)
    return tmp_path


def changed(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return folder


def test_what_was_saved_loads_again(folder):
    model = load(folder)
    assert isinstance(model, Generator)
    expected = prior(model.image.config.objective, side=8)
    assert model.image.config == expected.config
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    for name, value in expected.state_dict().items():
        assert torch.equal(model.image.state_dict()[name], value)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    again = Generator.from_pretrained(folder)
    assert again.sample(1, height=2, width=3).equals(model.sample(1, height=2, width=3))


def test_the_config_says_whose_codes_it_knows(folder):
    said = json.loads((folder / "config.json").read_text())["vocabulary"]
    assert said == {"name": "./vq", "digest": "0" * 32, "codebook_size": 11, "width": 5, "cell": 2}


def test_a_config_that_says_no_side_means_16_cells(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({key: said for key, said in json.loads(path.read_text()).items() if key != "side"}))
    assert load(folder).image.config.side == 16


def test_a_missing_tensor_is_named(folder):
    state = load_file(folder / "model.safetensors")
    del state["prior.norm_out.weight"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(MissingKeys, match=r"prior\.norm_out\.weight"):
        load(folder)


def test_another_codebook_is_a_wrong_shape(folder):
    vocabulary = json.loads((folder / "config.json").read_text())["vocabulary"] | {"codebook_size": 12}
    with pytest.raises(WrongShape, match=r"prior\.(bias|codes)"):
        load(changed(folder, vocabulary=vocabulary))


def test_an_unknown_objective_is_named(folder):
    with pytest.raises(LoadError, match="objective is 'diffusion', expected one of maskgit"):
        load(changed(folder, objective="diffusion"))


def test_heads_that_cannot_be_turned_are_refused(folder):
    with pytest.raises(LoadError, match="a head has 2 channels, no multiple of 4"):
        load(changed(folder, num_attention_heads=8))


def test_the_half_of_words_is_not_there(folder):
    with pytest.raises(LoadError, match="has no text tower"):
        load(folder, part="text")
