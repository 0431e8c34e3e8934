"""Cosmos: a file under NVIDIA's names against its steps, one by one; wavelets; what is refused."""

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as peers
from autoencoders.literal import Literal
from autoencoders.peers import bare, pixels
from autoencoders.published import cosmos
from tolerances import close

from lexel.autoencoders.cosmos import Cosmos, CosmosConfig, haar, haar_back
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, LoadError, MissingKeys
from lexel.loading.load import load, save

F = torch.nn.functional


SIGNS = ([1.0, 1.0], [1.0, -1.0])  # of a mean and of a difference
KERNELS = [torch.outer(torch.tensor(down), torch.tensor(right)) for right in SIGNS for down in SIGNS]


def wavelets(x, steps):
    """Four convolutions of every channel, in the published order and scale."""
    for _ in range(steps):
        width = x.shape[1]
        x = torch.cat([F.conv2d(x, k.expand(width, 1, 2, 2) / 4, stride=2, groups=width) for k in KERNELS], 1)
    return x


def pixels_of(x, steps):
    """Their inverse: the same kernels, transposed."""
    for _ in range(steps):
        width = x.shape[1] // 4
        bands = zip(x.chunk(4, 1), KERNELS, strict=True)
        x = sum(F.conv_transpose2d(band, k.expand(width, 1, 2, 2), stride=2, groups=width) for band, k in bands)
    return x


@pytest.mark.parametrize(("halved", "widths", "patch"), [(1, (64, 64), 4), (2, (64, 32, 96), 4), (1, (64,), 2)])
def test_cosmos_equals_the_literal_steps(halved, widths, patch, tmp_path):
    state = cosmos(halved, widths=widths, patch=patch)
    ours, literal = load(bare(state, tmp_path)), Literal(state)
    cell = patch << halved
    assert ours.image.cell == cell
    height, width = 3 * cell, 4 * cell
    x = pixels(height, width)
    with torch.no_grad():
        steps = patch.bit_length() - 1
        latents = literal.conv(literal.down(wavelets(x, steps)), "quant_conv")
        assert close(ours.image.encode(x), latents)
        peer = peers.FSQ([8, 8, 8, 5, 5, 5])
        vectors, codes = peer(latents)
        seen = ours.encode_pixels(x)
        assert torch.equal(seen.x, codes.flatten().long())
        assert len(seen.x.unique()) > 12
        shown = pixels_of(literal.up(literal.conv(vectors, "post_quant_conv")), steps)
        assert close(torch.stack(ours.decode_pixels(seen)), shown)


def test_haar_is_its_published_sums_and_comes_back():
    square = torch.tensor([[1.0, 2], [3, 7]]).expand(1, 3, 2, 2) * torch.tensor([1.0, 10, 100])[:, None, None]
    expected = torch.tensor([13, -7, -5, 3]) / 4
    assert torch.equal(haar(square, 2).view(4, 3), expected[:, None] * torch.tensor([1, 10, 100]))
    x = pixels(24, 32)
    for patch, steps in ((1, 0), (2, 1), (4, 2), (8, 3)):
        bands = haar(x, patch)
        assert bands.shape == (2, 3 * patch**2, 24 // patch, 32 // patch)
        assert close(bands, wavelets(x, steps), tolerance=1e-6)
        assert close(haar_back(bands, patch), x, tolerance=1e-6)
        assert close(bands.norm(), x.norm() / patch)
    whole = torch.randint(0, 256, (1, 3, 16, 16)).float()
    assert torch.equal(haar_back(haar(whole, 4), 4), whole)  # sixteenths of whole numbers are exact in float32


@pytest.mark.parametrize(("halved", "published"), [(1, 79_004_342), (2, 83_723_958)])
def test_cosmos_has_the_published_number_of_parameters(halved, published):
    with torch.device("meta"):
        network = Cosmos(CosmosConfig(halved=halved))
    assert network.cell == 4 << halved
    assert sum(value.numel() for value in network.parameters()) == published
    assert network.quantizer.codebook_size == 64_000


def test_pictures_come_back_and_buffers_of_programs_are_left_out(tmp_path):
    more = {"quantizer._levels": torch.tensor([8]), "encoder.patcher.wavelets": torch.ones(2)}
    model = load(bare(cosmos() | more, tmp_path))
    pictures = [make_picture(20, 44), make_picture(64, 33, seed=1)]
    tokens = model.tokenize(pictures)
    assert tokens.pictures.grids.tolist() == [[3, 6], [8, 5]]
    assert tokens.space.codebook == (64_000,)
    back = model.detokenize(tokens)
    assert [picture.pixels.shape for picture in back] == [(20, 44, 3), (64, 33, 3)]
    prepared, _ = model.preparation.prepare(pictures[0])
    with torch.inference_mode():
        shown = model.decode_pixels(model.encode_pixels(torch.from_numpy(prepared)[None]))[0]
    levels = ((shown.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()[:20, :44]
    assert np.abs(back[0].pixels - levels).max() <= 1


def test_what_is_no_cosmos_is_refused(tmp_path):
    state = cosmos()
    model = load(bare(state, tmp_path / "good"))
    with pytest.raises(BadArguments, match="sides are multiples of 4, not 18 × 16"):
        model.encode_pixels(pixels(18, 16))
    with pytest.raises(LoadError, match="no published layout holds"):
        save(model, tmp_path / "again")
    with pytest.raises(MissingKeys, match=r"the first is decoder.conv_out.bias"):
        load(bare({name: value for name, value in state.items() if name != "decoder.conv_out.bias"}, tmp_path / "less"))
    other = state | {"quant_conv.weight": torch.zeros(5, 16, 1, 1)}
    with pytest.raises(LoadError, match="codes of 5 numbers from 48 wavelets, the published have 6 from 48"):
        load(bare(other, tmp_path / "other"))
    odd = state | {"encoder.down.0.block.0.conv1.weight": torch.zeros(60, 32, 3, 3)}
    with pytest.raises(LoadError, match="are no multiples of 32 groups"):
        load(bare(odd, tmp_path / "odd"))
