"""Emu3's tokenizer: files of transformers, alone and in the language model, give its codes and its pictures."""

import json

import numpy as np
import pytest
import torch
from autoencoders.peers import EMU3, emu3, pixels, saved
from loading.layouts.test_vqgan import whole
from PIL import Image
from tolerances import close
from transformers.models.emu3.configuration_emu3 import Emu3VQVAEConfig
from transformers.models.emu3.image_processing_emu3 import Emu3ImageProcessor
from transformers.models.emu3.modeling_emu3 import Emu3VQVAE

from lexel.autoencoders._stacks import Stacks
from lexel.autoencoders.emu3 import Emu3, Emu3Config
from lexel.contracts.making import make_picture
from lexel.errors import LoadError
from lexel.loading.load import load, save
from lexel.pictures.prepare import Area, Preparation
from lexel.pictures.published import emu3 as prepared


def equal(ours, peer):
    batch = pixels(16, 24)
    with torch.no_grad():
        codes = torch.stack(peer.encode(batch, image_sizes=torch.tensor([[16, 24]] * 2)).image_tokens)
        seen = ours.encode_pixels(batch)
        assert torch.equal(seen.x, codes.flatten())
        assert len(codes.unique()) > 3
        assert close(torch.stack(ours.decode_pixels(seen)), peer.decode(codes))


@pytest.mark.parametrize(
    "sizes", [{}, {"attn_resolutions": [], "num_res_blocks": 2}, {"temporal_downsample_factor": 2}], ids=str
)
def test_emu3_equals_transformers(sizes, tmp_path):
    peer = emu3(**sizes)
    folder = saved(peer, tmp_path / "model")
    ours = load(folder)
    equal(ours, peer)
    equal(load(whole(folder, tmp_path / "whole", "emu3")), peer)
    save(ours, tmp_path / "again")
    again, said = Emu3VQVAE.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    equal(ours, again.eval())
    assert load(tmp_path / "again").preparation == ours.preparation == prepared(2)


def test_the_parameter_count_of_emu3_is_that_of_transformers():
    stacks = Stacks(widths=(256, 512, 512, 1024), blocks=2, attention=(False, False, False, True), latent=4)
    with torch.device("meta"):
        network = Emu3(Emu3Config(stacks=stacks, codebook_size=32_768, times=2))
        peer = Emu3VQVAE(Emu3VQVAEConfig())
    assert sum(v.numel() for v in network.parameters()) == sum(v.numel() for v in peer.parameters())
    assert network.cell == 8


@pytest.mark.parametrize("size", [(40, 40), (17, 90), (200, 31), (64, 48)])
def test_emu3_is_prepared_as_by_its_processor(size):
    """The published areas are large: smaller ones, so that all three ways are gone."""
    processor = Emu3ImageProcessor(min_pixels=32 * 32, max_pixels=48 * 48)
    one = make_picture(*size)
    expected = processor(Image.fromarray(one.pixels), return_tensors="np")["pixel_values"][0]
    ours, view = Preparation(Area(8, 32 * 32, 48 * 48)).prepare(one)
    assert np.array_equal(ours, expected)
    assert view == (0, 0, 1, 1)


def test_settings_that_do_not_fit_are_refused_by_name(tmp_path):
    folder = saved(emu3(), tmp_path / "model")
    for change, said in (
        ({"embed_dim": 8}, "embed_dim is not latent_channels"),
        ({"double_latent": True}, "double_latent or in_channels are not those"),
    ):
        config = json.loads((folder / "config.json").read_text()) | EMU3 | change
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(LoadError, match=said):
            load(folder)
