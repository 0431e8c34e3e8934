"""DC-AE: files of diffusers give the model of diffusers."""

import json

import pytest
import torch
from autoencoders.peers import DC, dc, maps, pixels, rewritten, rows, saved
from diffusers import AutoencoderDC
from tolerances import close

from lexel.autoencoders._continuous import Continuous, Scaling
from lexel.autoencoders.dcae import DCAE, DCAEConfig, Half, Level
from lexel.errors import BadArguments, LoadError, MissingKeys, WrongShape
from lexel.loading.load import load, save


@pytest.mark.parametrize("kind", DC)
@pytest.mark.parametrize("size", [(24, 40), (4, 4)])  # the smaller has fewer cells than a head is wide
def test_a_dcae_equals_diffusers(kind, size, tmp_path):
    peer = dc(kind)
    ours = load(saved(peer, tmp_path))
    assert isinstance(ours, Continuous)
    with torch.no_grad():
        latents = peer.encode(pixels(*size)).latent
        seen = ours.encode_pixels(pixels(*size))
        assert close(seen.x, rows(latents))
        shown = torch.stack(ours.decode_pixels(seen))
        assert close(shown, peer.decode(maps(seen, *latents.shape[2:])).sample)
    assert ours.image.scaling == Scaling(0.41407 if kind == "sana" else 1.0)


@pytest.mark.parametrize("kind", DC)
def test_what_lexel_saves_of_a_dcae_diffusers_loads(kind, tmp_path):
    peer = dc(kind)
    save(load(saved(peer, tmp_path / "model")), tmp_path / "again")
    again, said = AutoencoderDC.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(said[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.no_grad():
        latents = peer.encode(pixels(8, 16)).latent
        assert torch.equal(again.eval().encode(pixels(8, 16)).latent, latents)
        assert torch.equal(again.decode(latents).sample, peer.decode(latents).sample)


def test_the_parameter_count_of_a_dcae_is_that_of_diffusers():
    """f32c32 as SANA has it: attention in the coarse half, 2 blocks a level of the encoder's first, 3 elsewhere."""
    levels = (128, 256, 512, 512, 1024, 1024)

    def half(blocks):
        kernels = (None, None, None, (5,), (5,), (5,))
        sizes = zip(levels, blocks, kernels, strict=True)
        return Half(levels=tuple(Level(width=w, blocks=b, kernels=k) for w, b, k in sizes), shuffled=False)

    with torch.device("meta"):
        network = DCAE(
            DCAEConfig(
                encoder=half((2, 2, 2, 3, 3, 3)),
                decoder=half((3, 3, 3, 3, 3, 3)),
                latent=32,
                head=32,
                activation="relu",
                scaling=Scaling(0.41407),
            )
        )
        kinds = ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3
        peer = AutoencoderDC(
            encoder_block_types=kinds,
            decoder_block_types=kinds,
            downsample_block_type="Conv",
            upsample_block_type="interpolate",
        )
    assert network.cell == 32
    assert sum(v.numel() for v in network.parameters()) == sum(v.numel() for v in peer.parameters())


def test_sides_that_the_cell_does_not_divide_are_refused(tmp_path):
    with pytest.raises(BadArguments, match="sides are multiples of 2, not 9 × 8"):
        load(saved(dc(), tmp_path)).encode_pixels(pixels(9, 8))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder_block_types": "Block"}, "encoder_block_types is 'Block', expected ResBlock or EfficientViTBlock"),
        ({"decoder_act_fns": ["silu"]}, "decoder_act_fns has 1 words for 2 levels"),
        ({"attention_head_dim": 5}, "a width of 32 is no multiple of heads of 5"),
        ({"decoder_layers_per_block": [1, 7]}, "7 blocks are said, 1 parts are there: decoder.up_blocks.1"),
        ({"encoder_layers_per_block": [1]}, "the encoder's widths, blocks and kernels do not fit"),
        ({"encoder_block_out_channels": ["x"]}, "encoder_block_out_channels is .*, expected a list of whole numbers"),
        ({"in_channels": 1}, "do not fit pictures"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(change, said, tmp_path):
    folder = saved(dc(), tmp_path)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=said):
        load(folder)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(tmp_path):
    folder = saved(dc(), tmp_path / "model")
    name = "encoder.down_blocks.1.0.attn.to_k.weight"
    less = rewritten(folder, tmp_path / "less", lambda state: {n: v for n, v in state.items() if n != name})
    with pytest.raises(MissingKeys, match=f"1 tensors are missing, the first is {name}"):
        load(less)
    other = rewritten(folder, tmp_path / "other", lambda state: state | {name: torch.zeros(32, 31)})
    with pytest.raises(WrongShape, match=r"is \[32, 3.\], the settings say \[32, 32\]"):
        load(other)
