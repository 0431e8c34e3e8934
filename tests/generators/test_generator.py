"""What users call: new codes in the space of a vocabulary, and a box of a picture drawn anew."""

import numpy as np
import pytest
import torch
from autoencoders.peers import saved, vq
from generators.networks import prior
from hypothesis import given
from hypothesis import strategies as st

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, SpaceMismatch
from lexel.generators._generator import OBJECTIVES, Generator
from lexel.generators._prior import Prior, PriorConfig, Vocabulary
from lexel.generators._region import hidden, painted
from lexel.generators.absorbing import Absorbing
from lexel.generators.autoregressive import Autoregressive
from lexel.generators.maskgit import MaskGIT
from lexel.loading.load import load, save
from lexel.nn.loaded import changed
from lexel.pipelines.compose import pipeline
from lexel.quantizers._quantizer import built
from lexel.tokens.meaning import PictureTable
from lexel.towers._config import Blocks

BOX = (0.25, 0.5, 0.5, 0.75)
unit = st.floats(0, 1)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return load(saved(vq(), tmp_path_factory.mktemp("vq")))


@pytest.fixture(scope="module", params=OBJECTIVES)
def generator(request, vocabulary):
    return made(vocabulary, request.param)


def made(vocabulary, objective):
    network = Prior(PriorConfig(Vocabulary.of(vocabulary), objective, Blocks(16, 2, 2, 24, "gelu")))
    network.load_state_dict(prior(objective).state_dict())
    return Generator(network.requires_grad_(False).eval(), name="./prior")


def test_samples_are_tokens_of_the_vocabulary(generator, vocabulary):
    tokens = generator.sample(3, height=4, width=6, seed=2)
    assert tokens.space == vocabulary.tokenize([]).space
    assert tokens.pictures.grids.tolist() == [[4, 6]] * 3
    assert tokens.pictures.sizes.tolist() == [[8, 12]] * 3
    pictures = vocabulary.detokenize(tokens)
    assert [picture.pixels.shape for picture in pictures] == [(8, 12, 3)] * 3
    assert [picture.name for picture in pictures] == ["2.0", "2.1", "2.2"]


def test_the_same_seed_draws_the_same_pictures(generator):
    tokens = generator.sample(3, height=4, width=4, seed=2)
    assert generator.sample(3, height=4, width=4, seed=2).equals(tokens)
    assert generator.sample(2, height=4, width=4, seed=2).equals(tokens[:2])
    assert not generator.sample(3, height=4, width=4, seed=3).equals(tokens)


def test_no_sample_is_a_value_too(generator, vocabulary):
    tokens = generator.sample(0, height=4, width=4)
    assert (len(tokens), tokens.total) == (0, 0)
    assert vocabulary.detokenize(tokens) == []
    assert generator.inpaint(tokens, BOX).equals(tokens)
    assert generator.bits(tokens).shape == (0,)


def test_a_box_is_drawn_anew_and_nothing_else(generator, vocabulary):
    tokens = vocabulary.tokenize([make_picture(12, 12), make_picture(9, 16, seed=1)])
    anew = generator.inpaint(tokens, BOX, seed=1)
    assert anew.with_(data=tokens.data).equals(tokens)
    cells = np.concatenate([cells.ravel() for cells in hidden(tokens.pictures, BOX)])
    assert 0 < cells.sum() < len(cells)
    assert (anew.data[~cells] == tokens.data[~cells]).all()
    assert (anew.data[cells] != tokens.data[cells]).any()
    assert generator.inpaint(tokens, BOX, seed=1).equals(anew)


def test_a_wide_prior_draws_in_two_ways(vocabulary):
    wide = made(vocabulary, "maskgit")
    drawn = [wide.sample(1, height=4, width=4, by=by) for by in (MaskGIT(steps=2), Absorbing(steps=9))]
    assert not drawn[0].equals(drawn[1])
    with pytest.raises(BadArguments, match="trained for maskgit"):
        wide.sample(1, height=4, width=4, by=Autoregressive())


def test_codes_of_another_vocabulary_are_refused_by_name(generator, vocabulary):
    other = vocabulary.tokenize([make_picture(8, 8)])
    other = other.with_(space=type(other.space)("codes", 5, (11,), digest="f" * 32, name="org/other"))
    for ask in (generator.bits, lambda tokens: generator.inpaint(tokens, BOX)):
        with pytest.raises(SpaceMismatch, match=rf"knows codes of {vocabulary.name}.* these are codes of org/other"):
            ask(other)


def test_bits_add_up_to_those_of_the_codes(generator, vocabulary):
    """Every raster of a picture has a probability: none takes fewer bits than none, few take more than plain ones."""
    tokens = vocabulary.tokenize([make_picture(8, 8), make_picture(4, 6)])
    bits = generator.bits(tokens)
    assert bits.shape == (2,)
    assert (bits > 0).all()
    alone = [generator.bits(tokens[b])[0] for b in range(2)]
    assert bits.tolist() == pytest.approx(alone)


@pytest.mark.parametrize(("count", "height", "width"), [(-1, 4, 4), (1, 0, 4), (1, 4, -2)])
def test_sizes_that_are_none_are_refused(generator, count, height, width):
    with pytest.raises(BadArguments, match="cannot be drawn"):
        generator.sample(count, height=height, width=width)


def test_a_vocabulary_of_several_codebooks_is_refused(vocabulary):
    network = changed(vocabulary.image, quantizer=built("product('fsq(3, 3)', 2)"))
    with pytest.raises(BadArguments, match="has 2 codebooks, a prior knows one"):
        Vocabulary.of(changed(vocabulary, image=network))


@given(st.tuples(unit, unit, unit, unit), st.integers(1, 5), st.integers(1, 5))
def test_every_cell_with_a_pixel_of_the_box_is_hidden_and_its_neighbours(box, h, w):
    x0, x1 = sorted(box[::2])
    y0, y1 = sorted(box[1::2])
    if x0 == x1 or y0 == y1:
        return
    view = (0.0, 0.0, 1.25, 1.5)  # cells at the edges reach over the picture
    table = PictureTable.of([make_picture(8, 8)], [view], [(h, w)])
    [cells] = hidden(table, (x0, y0, x1, y1))
    touched = np.zeros((h, w), bool)
    for row in range(h):
        for column in range(w):
            left, right = (np.float32(min(1, (column + k) * 1.25 / w)) for k in (0, 1))
            top, bottom = (np.float32(min(1, (row + k) * 1.5 / h)) for k in (0, 1))
            touched[row, column] = left < x1 and right > x0 and top < y1 and bottom > y0
    expected = np.zeros((h, w), bool)
    for row, column in np.argwhere(touched):
        expected[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
    assert (cells == expected).all()


@pytest.mark.parametrize(
    "box", [(0.5, 0.0, 0.5, 1.0), (0.0, 0.6, 1.0, 0.5), (-0.1, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.1)]
)
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(BadArguments, match="a box is x0, y0, x1, y1"):
        hidden(PictureTable.of([], [], []), box)


def test_pixels_outside_the_box_stay_as_they_were():
    """And those inside are the drawn ones, at the scale of the original."""
    original, drawn = make_picture(40, 60), make_picture(20, 30, seed=3)
    shown = painted(original, drawn, (0.25, 0.5, 0.5, 0.75))
    same = (shown.pixels == original.pixels).all(2)
    inside = np.zeros((40, 60), bool)
    inside[20:30, 15:30] = True
    assert same[~inside].all()
    assert not same[inside].all()
    assert shown.name == original.name


def test_a_generator_is_no_stage_of_a_pipeline(tmp_path, vocabulary):
    save(made(vocabulary, "maskgit"), tmp_path / "prior")
    with pytest.raises(BadArguments, match="makes no tokens of pictures"):
        pipeline(str(tmp_path / "prior"))


def test_what_it_draws_does_not_depend_on_the_dtype_of_torch(vocabulary):
    """A prior in float16 on a GPU, float32 here: draws are in float64 either way."""
    half = made(vocabulary, "maskgit").to(torch.bfloat16)
    tokens = half.sample(2, height=4, width=4)
    assert tokens.data.dtype == np.int64
    assert (tokens.data < 11).all()
