"""VAR's tokenizer: a file under its names against its steps, one by one; tokens of ten rasters; what is refused."""

import math

import numpy as np
import pytest
import torch
from autoencoders.literal import Literal
from autoencoders.peers import bare
from autoencoders.published import var
from tolerances import close

from lexel.autoencoders._stacks import Stacks
from lexel.autoencoders.var import SCALES, VARConfig, VARNetwork, nearest_phi
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, LoadError, MissingKeys, TokensError
from lexel.loading.load import load, save
from lexel.tokens.value import Tokens

PHIS = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]  # of each scale, as the published module picks them


def areas(side, large):
    """[side, large]: the mean of the cells that an area touches."""
    matrix = torch.zeros(side, large)
    for i in range(side):
        start, stop = i * large // side, math.ceil((i + 1) * large / side)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def cubic(large, side):
    """[large, side]: cubic convolution with a = −0.75, the last cells going on beyond the edge."""
    matrix, a = torch.zeros(large, side), -0.75
    for i in range(large):
        place = (i + 0.5) * side / large - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - tap)
            near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
            matrix[i, min(max(tap, 0), side - 1)] += near if d <= 1 else far
    return matrix


class Steps(Literal):
    """The published network, a call a line."""

    def encode(self, x):
        return self.conv(self.down(x), "quant_conv")

    def decode(self, latents):
        return self.up(self.conv(latents, "post_quant_conv"))

    def shown(self, raster, scale):
        x = self.state["quantize.embedding.weight"][raster].permute(0, 3, 1, 2)
        matrix = cubic(16, x.shape[2]) if scale < 9 else torch.eye(16)
        x = matrix @ x @ matrix.T
        return 0.5 * x + 0.5 * self.conv(x, f"quantize.quant_resi.qresi_ls.{PHIS[scale]}")

    def codes(self, rest):
        book, found = self.state["quantize.embedding.weight"], []
        for scale, side in enumerate(SCALES):
            rows = (areas(side, 16) @ rest @ areas(side, 16).T).permute(0, 2, 3, 1)
            found.append(torch.cdist(rows.flatten(0, 2).double(), book.double()).argmin(1).view(rows.shape[:3]))
            rest = rest - self.shown(found[-1], scale)
        return found


def pixels(side=32, count=2):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(bare(var(), tmp_path_factory.mktemp("var")))


@pytest.mark.parametrize(("widths", "blocks"), [((32, 64), 1), ((32, 32, 64), 2)])
def test_var_equals_the_literal_steps(widths, blocks, tmp_path):
    state = var(widths, blocks=blocks)
    ours, literal = load(bare(state, tmp_path)), Steps(state)
    x = pixels(16 * 2 ** (len(widths) - 1))
    with torch.no_grad():
        latents = literal.encode(x)
        assert close(ours.image.encode(x), latents)
        rasters = literal.codes(latents)
        seen = ours.encode_pixels(x)
        assert torch.equal(seen.x, torch.cat([raster[b].flatten() for b in range(2) for raster in rasters]))
        assert len(seen.x.unique()) > 20
        whole = sum(literal.shown(raster, scale) for scale, raster in enumerate(rasters))
        assert close(ours.image.quantizer.decode(rasters), whole)
        assert close(torch.stack(ours.decode_pixels(seen)), literal.decode(whole))


def test_scales_share_the_published_convolutions():
    assert [nearest_phi(scale, 10, 4) for scale in range(10)] == PHIS
    assert [nearest_phi(scale, 10, 10) for scale in range(10)] == list(range(10))
    assert {nearest_phi(scale, 10, 1) for scale in range(10)} == {0}


def test_more_scales_come_nearer(model):
    """With a φ that leaves what comes in as it is: the rest of each scale is then what the next one is given."""
    with torch.no_grad():
        quantizer = model.trainable().image.quantizer
        for phi in quantizer.phis:
            torch.nn.init.dirac_(phi.weight)
            phi.bias.zero_()
        latents = model.image.encode(pixels())
        quantizer.book.codebook.copy_(latents.permute(0, 2, 3, 1).flatten(0, 2)[:37])
        quantizer.book.codebook[0] = 0  # so that no scale needs to change anything
        rasters = quantizer.codes(latents)
        lost = [(latents - quantizer.decode(rasters[:count])).square().mean() for count in (1, 5, 10)]
    assert lost[0] > lost[1] > lost[2]


def test_var_has_the_published_number_of_codes_and_parameters():
    stacks = Stacks(widths=(160, 160, 320, 320, 640), blocks=2, attention=(False,) * 4 + (True,), latent=32)
    with torch.device("meta"):
        network = VARNetwork(VARConfig(stacks=stacks, codebook_size=4096))
    assert network.config.edge == 256
    assert sum(side**2 for side in network.config.scales) == 680
    assert sum(value.numel() for value in network.parameters()) == 108_948_355


def test_tokens_are_ten_rasters_that_tile_the_picture(model):
    pictures = [make_picture(40, 40), make_picture(32, 64, seed=1)]
    tokens = model.tokenize(pictures)
    assert tokens.counts.tolist() == [680, 680]
    assert tokens.pictures.grids.tolist() == [[side, side] for side in SCALES] * 2
    sides = tokens.boxes[:, 2:] - tokens.boxes[:, :2]
    for b, share in enumerate((1, 0.5)):  # the second picture is cut to its centre
        some = slice(*tokens.splits[b : b + 2])
        assert tokens.level[some].tolist() == [9 - scale for scale, side in enumerate(SCALES) for _ in range(side**2)]
        for level in range(10):
            assert float(sides[some][tokens.level[some] == level].prod(1).sum()) == pytest.approx(share, abs=1e-5)
    back = model.detokenize(tokens)
    assert [picture.pixels.shape for picture in back] == [(32, 32, 3), (32, 64, 3)]
    prepared, _ = model.preparation.prepare(pictures[0])
    with torch.inference_mode():
        shown = model.decode_pixels(model.encode_pixels(torch.from_numpy(prepared)[None]))[0]
    levels = ((shown.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()
    assert np.abs(back[0].pixels - levels).max() <= 1
    with pytest.raises(TokensError, match="lie on no raster"):
        model.detokenize(tokens.where(np.arange(1360) != 5))


def test_pictures_are_decoded_a_few_at_a_time(model, monkeypatch):
    tokens = model.tokenize([make_picture(32, 32, seed=seed) for seed in range(3)])
    together = model.detokenize(tokens)
    monkeypatch.setattr("lexel.autoencoders.var.PIXELS", 1)
    one_by_one = model.detokenize(tokens)
    assert len(one_by_one) == 3
    assert all(np.abs(a.pixels - np.float32(b.pixels)).max() <= 1 for a, b in zip(together, one_by_one, strict=True))
    assert model.detokenize(Tokens.concat([tokens[0]]))[0].name == together[0].name


def test_what_is_no_var_is_refused(model, tmp_path):
    state = var()
    with pytest.raises(BadArguments, match="pictures are 32 × 32, not 32 × 48"):
        model.encode_pixels(torch.zeros(1, 3, 32, 48))
    with pytest.raises(BadArguments, match="pictures have one size here, 32, not 64"):
        model.tokenize([], size=64)
    with pytest.raises(LoadError, match="no published layout holds"):
        save(model, tmp_path / "again")
    less = bare({k: v for k, v in state.items() if k != "quantize.quant_resi.qresi_ls.3.bias"}, tmp_path / "less")
    with pytest.raises(MissingKeys, match=r"the first is quantize.quant_resi.qresi_ls.3.bias"):
        load(less)
    other = bare(state | {"quantize.ema_vocab_hit_SV": torch.zeros(4, 37)}, tmp_path / "other")
    with pytest.raises(LoadError, match="has 4 scales, the published ones are"):
        load(other)
