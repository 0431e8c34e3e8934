"""dVAE: the encoder against that of transformers (FLAVA), the decoder against the published steps, one by one."""

import pytest
import torch
from autoencoders.peers import bare, dvae, flava, saved
from tolerances import close
from transformers.models.flava.modeling_flava import FlavaImageCodebook

from lexel.autoencoders.dvae import DVAE, DVAEConfig
from lexel.contracts.making import make_picture
from lexel.errors import LoadError, MissingKeys
from lexel.loading.load import load, save


def batch(height=24, width=40):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1


@pytest.mark.parametrize("size", [(24, 40), (19, 33)])
def test_dvae_equals_the_encoder_of_transformers(size, tmp_path):
    peer = flava()
    alone, whole = load(saved(peer, tmp_path / "flava")), load(bare(dvae(), tmp_path / "dvae"))
    with torch.no_grad():
        logits = peer.blocks(batch(*size))
        codes = peer.get_codebook_indices(batch(*size))
    assert len(codes.unique()) > 2
    for ours in (alone, whole):
        assert close(ours.image.encode(batch(*size)), logits)
        assert torch.equal(ours.encode_pixels(batch(*size)).x, codes.flatten())
    save(alone, tmp_path / "again")
    again = FlavaImageCodebook.from_pretrained(tmp_path / "again").eval()
    with torch.no_grad():
        assert torch.equal(again.blocks(batch(*size)), logits)
    with pytest.raises(LoadError, match="the files hold no decoder"):
        alone.decode_pixels(alone.encode_pixels(batch()))


def test_the_decoder_of_dvae_equals_the_literal_steps(tmp_path):
    state = dvae()
    ours = load(bare(state, tmp_path / "dvae"))
    seen = ours.encode_pixels(batch())
    conv = torch.nn.functional.conv2d

    def run(x, name):
        weight = state[f"decoder.blocks.{name}.w"]
        return conv(x, weight, state[f"decoder.blocks.{name}.b"], padding=weight.shape[2] // 2)

    with torch.no_grad():
        codes = seen.x.view(2, 3, 5)
        x = run(torch.nn.functional.one_hot(codes, 37).float().permute(0, 3, 1, 2), "input")
        for group in (1, 2, 3, 4):
            for block in (1, 2):
                where, y = f"group_{group}.block_{block}", x
                for i in (1, 2, 3, 4):
                    y = run(y.relu(), f"{where}.res_path.conv_{i}")
                x = (run(x, f"{where}.id_path") if f"decoder.blocks.{where}.id_path.w" in state else x) + y / 64
            x = torch.nn.functional.interpolate(x, scale_factor=2) if group < 4 else x
        expected = run(x.relu(), "output.conv")[:, :3].sigmoid()
    assert close(torch.stack(ours.decode_pixels(seen)), expected)


def test_levels_become_and_come_back_from_a_tenth_to_nine_tenths(tmp_path):
    ours = load(bare(dvae(), tmp_path / "dvae"))
    picture = make_picture(16, 24)
    prepared, _ = ours.preparation.prepare(picture)
    expected = picture.pixels.transpose(2, 0, 1) / 255 * 0.8 + 0.1
    assert close(prepared, expected, tolerance=1e-6)
    assert (ours.preparation.unprepared(prepared.transpose(1, 2, 0)) == picture.pixels).all()
    assert ours.detokenize(ours.tokenize([picture]))[0].pixels.shape == (16, 24, 3)


def test_parameter_counts_of_dvae_are_the_published_ones():
    with torch.device("meta"):
        network = DVAE(DVAEConfig(codebook_size=8192, width=256, blocks=2, start=128))
    count = [sum(v.numel() for v in half.parameters()) for half in (network.encoder, network.decoder)]
    assert count == [53_786_240, 43_829_766]


def test_a_file_that_lacks_a_tensor_is_refused_by_name(tmp_path):
    state = dvae()
    del state["decoder.blocks.group_2.block_1.id_path.w"]
    with pytest.raises(MissingKeys, match=r"first is decoder.blocks.group_2.block_1.id_path.w"):
        load(bare(state, tmp_path / "less"))
    folder = saved(flava(num_blocks_per_group=1), tmp_path / "flava")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"num_blocks_per_group": 1', '"num_blocks_per_group": 3'))
    with pytest.raises(MissingKeys, match="3 blocks of a group are said, 1 are there"):
        load(folder)
