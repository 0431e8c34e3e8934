"""VQ-VAE-2: a file under rosinality's names against its steps, one by one; tokens of two rasters."""

import numpy as np
import pytest
import torch
from autoencoders.peers import bare, pixels, vqvae2
from tolerances import close

from lexel.autoencoders.vqvae2 import VQVAE2Config, VQVAE2Network
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, LoadError, MissingKeys, TokensError
from lexel.loading.load import load, save

F = torch.nn.functional


class Literal:
    """The published network from its state, a call a line."""

    def __init__(self, state):
        self.state = state

    def conv(self, x, name, stride=1):
        weight = self.state[f"{name}.weight"]
        padding = 1 if stride == 2 else weight.shape[2] // 2
        return F.conv2d(x, weight, self.state[f"{name}.bias"], stride=stride, padding=padding)

    def up(self, x, name):
        return F.conv_transpose2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], stride=2, padding=1)

    def res(self, x, name, *blocks):
        for block in blocks:
            where = f"{name}.blocks.{block}.conv"
            x = x + self.conv(self.conv(x.relu(), f"{where}.1").relu(), f"{where}.3")
        return x.relu()

    def nearest(self, x, level):
        rows, embed = x.permute(0, 2, 3, 1), self.state[f"quantize_{level}.embed"]
        codes = torch.cdist(rows.flatten(0, 2).double(), embed.T.double()).argmin(1).view(rows.shape[:3])
        return codes, embed.T[codes].permute(0, 3, 1, 2)

    def encode(self, x):
        fine = self.conv(self.conv(x, "enc_b.blocks.0", 2).relu(), "enc_b.blocks.2", 2).relu()
        fine = self.res(self.conv(fine, "enc_b.blocks.4"), "enc_b", 5, 6)
        coarse = self.conv(self.conv(fine, "enc_t.blocks.0", 2).relu(), "enc_t.blocks.2")
        top, quant_t = self.nearest(self.conv(self.res(coarse, "enc_t", 3, 4), "quantize_conv_t"), "t")
        seen = self.up(self.res(self.conv(quant_t, "dec_t.blocks.0"), "dec_t", 1, 2), "dec_t.blocks.4")
        bottom, quant_b = self.nearest(self.conv(torch.cat([seen, fine], 1), "quantize_conv_b"), "b")
        return top, bottom, quant_t, quant_b

    def decode(self, quant_t, quant_b):
        x = torch.cat([self.up(quant_t, "upsample_t"), quant_b], 1)
        x = self.res(self.conv(x, "dec.blocks.0"), "dec", 1, 2)
        return self.up(self.up(x, "dec.blocks.4").relu(), "dec.blocks.6")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(bare(vqvae2(), tmp_path_factory.mktemp("vqvae2")))


@pytest.mark.parametrize("averages", [True, False])
def test_vqvae2_equals_the_literal_steps(averages, tmp_path):
    state = vqvae2(averages=averages)
    ours, literal = load(bare(state, tmp_path)), Literal(state)
    with torch.no_grad():
        top, bottom, quant_t, quant_b = literal.encode(pixels(16, 24))
        seen = ours.encode_pixels(pixels(16, 24))
        expected = torch.cat([torch.cat([a.flatten(), b.flatten()]) for a, b in zip(top, bottom, strict=True)])
        assert torch.equal(seen.x, expected)
        assert len(top.unique()) > 2
        assert len(bottom.unique()) > 2
        assert close(torch.stack(ours.decode_pixels(seen)), literal.decode(quant_t, quant_b))


def test_tokens_are_of_two_rasters_and_come_back(model):
    pictures = [make_picture(20, 44), make_picture(64, 33, seed=1)]
    tokens = model.tokenize(pictures)
    assert tokens.pictures.grids.tolist() == [[3, 6], [5, 11], [8, 5], [16, 9]]  # those that show some of the picture
    assert tokens.counts.tolist() == [3 * 6 + 6 * 12, 8 * 5 + 16 * 10]
    first = tokens[0]
    assert first.level.tolist() == [1] * 18 + [0] * 72 == (1 - first["crop"]).tolist()
    sides = first.boxes[:, 2:] - first.boxes[:, :2]
    shown = first.kind == 0
    assert float(sides[:18].prod(1).sum()) == pytest.approx(1, abs=1e-5)
    assert float(sides[18:][shown[18:]].prod(1).sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(TokensError, match="lie on no raster"):
        model.detokenize(tokens.where(tokens.kind == 0))
    back = model.detokenize(tokens)
    assert [picture.pixels.shape for picture in back] == [(20, 44, 3), (64, 33, 3)]
    prepared, _ = model.preparation.prepare(pictures[0])
    with torch.inference_mode():
        shown = model.decode_pixels(model.encode_pixels(torch.from_numpy(prepared)[None]))[0]
    levels = ((shown.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()[:20, :44]
    assert np.abs(back[0].pixels - levels).max() <= 1


def test_the_fine_codes_look_at_the_coarse_ones(model):
    with torch.inference_mode():
        fine = model.image.fine(pixels(16, 16))
        coarse = torch.zeros(2, 2, 2, dtype=torch.int64)
        found = []
        for code in (0, 7):
            vectors = model.image.coarse_codes.decode((coarse + code).flatten()).view(2, 2, 2, -1).permute(0, 3, 1, 2)
            found.append(model.image.to_fine(torch.cat([model.image.seen(vectors), fine], dim=1)))
    assert not torch.allclose(*found)


def test_vqvae2_has_the_published_number_of_parameters():
    """Codebooks are buffers there, and not counted."""
    with torch.device("meta"):
        network = VQVAE2Network(VQVAE2Config())
    books = 2 * 512 * 64
    assert sum(value.numel() for value in network.parameters()) - books == 1_388_867


def test_sides_that_8_does_not_divide_are_refused(model):
    with pytest.raises(BadArguments, match="sides are multiples of 8, not 12 × 16"):
        model.encode_pixels(pixels(12, 16))


def test_a_file_that_lacks_a_tensor_is_refused_and_no_layout_writes_one(model, tmp_path):
    state = {name: value for name, value in vqvae2().items() if name != "dec.blocks.6.bias"}
    with pytest.raises(MissingKeys, match=r"the first is dec.blocks.6.bias"):
        load(bare(state, tmp_path / "less"))
    with pytest.raises(LoadError, match="no published layout holds"):
        save(model, tmp_path / "again")
