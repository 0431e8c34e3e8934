"""Open-MAGVIT2: a file under SEED-Voken's names against its steps, one by one; averages; what is refused."""

import pytest
import torch
from autoencoders.literal import Literal
from autoencoders.peers import bare, pixels
from autoencoders.published import magvit2
from tolerances import close

from lexel.autoencoders.magvit2 import MAGVIT2, LowestFirst, MAGVIT2Config, Twice
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, LoadError, MissingKeys
from lexel.loading.load import load, save


class Steps(Literal):
    """The published network, a call a line."""

    def encode(self, x):
        x = self.conv(x, "encoder.conv_in")
        for level in range(self.levels("encoder.down.")):
            x = self.blocks(x, f"encoder.down.{level}.block")
            if f"encoder.down.{level}.downsample.weight" in self.state:
                x = self.conv(x, f"encoder.down.{level}.downsample", stride=2)
        x = self.blocks(x, "encoder.mid_block")
        return self.conv(self.swish(self.norm(x, "encoder.norm_out")), "encoder.conv_out")

    def decode(self, signs):
        x = self.blocks(self.conv(signs, "decoder.conv_in"), "decoder.mid_block")
        for level in reversed(range(self.levels("decoder.up."))):
            x = self.blocks(self.adapted(x, signs, f"decoder.adaptive.{level}"), f"decoder.up.{level}.block")
            if f"decoder.up.{level}.upsample.conv1.weight" in self.state:
                x = to_space(self.conv(x, f"decoder.up.{level}.upsample.conv1"))
        return self.conv(self.swish(self.norm(x, "decoder.norm_out")), "decoder.conv_out")

    def adapted(self, x, signs, name):
        mean = signs.mean((2, 3))
        variance = (signs - mean[:, :, None, None]).square().sum((2, 3)) / (signs.shape[2] * signs.shape[3] - 1)
        scale, shift = (
            rows @ self.state[f"{name}.{part}.weight"].T + self.state[f"{name}.{part}.bias"]
            for part, rows in (("gamma", (variance + 1e-6).sqrt()), ("beta", mean))
        )
        return scale[:, :, None, None] * self.norm(x, None) + shift[:, :, None, None]


def to_space(x):
    """Channel (i · 2 + j) · C + c of a cell is channel c at (i, j) of its square."""
    width = x.shape[1] // 4
    out = torch.empty(len(x), width, 2 * x.shape[2], 2 * x.shape[3])
    for i in range(2):
        for j in range(2):
            out[:, :, i::2, j::2] = x[:, (2 * i + j) * width : (2 * i + j + 1) * width]
    return out


def averages(state):
    """A file of training: other weights under their names, `state` as their averages."""
    means = {f"model_ema.{name.replace('.', '')}": value for name, value in state.items()}
    rest = {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(7)}
    rest |= {"model_ema.lossdiscriminatormain0weight": torch.ones(2), "loss.discriminator.main.0.weight": torch.ones(2)}
    return {name: value + 1 for name, value in state.items()} | means | rest


@pytest.mark.parametrize("widths", [(32, 64), (32, 32, 64)])
@pytest.mark.parametrize("written", [dict, averages], ids=["plain", "averages"])
def test_magvit2_equals_the_literal_steps(widths, written, tmp_path):
    state = magvit2(widths)
    ours, literal = load(bare(written(state), tmp_path)), Steps(state)
    cell = ours.image.cell
    assert cell == 2 ** (len(widths) - 1)
    x = pixels(5 * cell, 6 * cell)
    with torch.no_grad():
        latents = literal.encode(x)
        assert close(ours.image.encode(x), latents)
        bits = latents > 0
        expected = (bits * 2 ** torch.arange(5)[:, None, None]).sum(1).flatten()
        seen = ours.encode_pixels(x)
        assert torch.equal(seen.x, expected)
        assert len(seen.x.unique()) > 8
        assert close(torch.stack(ours.decode_pixels(seen)), literal.decode(2.0 * bits - 1))


def test_the_first_number_is_the_lowest_bit():
    quantizer = LowestFirst(4)
    assert quantizer.codes(torch.tensor([[1.0, -1, -1, -1], [0.0, -2, -0.5, 3]])).tolist() == [1, 8]
    assert quantizer.decode(torch.tensor([1, 8])).tolist() == [[1, -1, -1, -1], [-1, -1, -1, 1]]
    every = torch.arange(16)
    assert torch.equal(quantizer.codes(quantizer.decode(every)), every)


def test_twice_the_size_takes_offsets_before_channels():
    twice, x = Twice(3), torch.randn(2, 3, 4, 5)
    assert torch.equal(twice(x), to_space(twice.conv(x)))
    assert not torch.allclose(twice(x), torch.nn.functional.pixel_shuffle(twice.conv(x), 2))


def test_magvit2_is_as_large_as_the_published_modules():
    with torch.device("meta"):
        network = MAGVIT2(MAGVIT2Config())
        assert network.encode(torch.zeros(1, 3, 256, 384)).shape == (1, 18, 16, 24)
        assert network.decode(torch.zeros(1, 18, 16, 24)).shape == (1, 3, 256, 384)
    assert network.quantizer.sizes == (262_144,)
    counts = (sum(value.numel() for value in half.parameters()) for half in (network.encoder, network.decoder))
    assert tuple(counts) == (49_751_442, 65_376_387)


def test_a_picture_of_one_cell_comes_back(tmp_path):
    model = load(bare(magvit2(), tmp_path))
    tokens = model.tokenize([make_picture(2, 2)])
    assert tokens.total == 1
    with torch.inference_mode():
        assert model.decode_pixels(model.encode_pixels(pixels(2, 2)))[0].isfinite().all()
    assert model.detokenize(tokens)[0].pixels.shape == (2, 2, 3)


def test_what_is_no_magvit2_is_refused(tmp_path):
    state = magvit2()
    model = load(bare(state, tmp_path / "good"))
    with pytest.raises(BadArguments, match="sides are multiples of 2, not 5 × 4"):
        model.encode_pixels(pixels(5, 4))
    with pytest.raises(LoadError, match="no published layout holds"):
        save(model, tmp_path / "again")
    less = bare({k: value for k, value in state.items() if k != "decoder.adaptive.1.beta.bias"}, tmp_path / "less")
    with pytest.raises(MissingKeys, match=r"the first is decoder.adaptive.1.beta.bias"):
        load(less)
    with pytest.raises(LoadError, match="25 bits and widths"):
        load(bare(state | {"encoder.conv_out.weight": torch.zeros(25, 64, 1, 1)}, tmp_path / "wide"))
