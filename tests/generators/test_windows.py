"""Rasters larger than what a prior learned: which windows are drawn, in which order, and what they leave alone."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from generators.networks import prior, rasters
from hypothesis import given
from hypothesis import strategies as st

import lexel
from lexel.contracts.making import make_picture
from lexel.generators._region import hidden, painted
from lexel.generators._windows import filled, windows
from lexel.generators.absorbing import Absorbing
from lexel.generators.autoregressive import Autoregressive
from lexel.generators.maskgit import MaskGIT

BOX = (0.4, 0.4, 0.6, 0.55)
WAYS = [MaskGIT(steps=3), Absorbing(steps=3), Autoregressive()]


@dataclass
class Numbering:
    """A way of drawing: the codes of the first window are 0, of the second 1, and so on."""

    causal: bool = False
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def filled(self, prior, codes, *, seed):
        self.shapes.append(tuple(codes.shape))
        self.seeds.append(seed)
        return torch.where(codes == prior.blank, len(self.shapes) - 1, codes)

    def lots(self, shape, *, seed):
        raise AssertionError("nothing is trained here")

    def bits(self, prior, codes, *, seed=0):
        raise AssertionError("nothing is measured here")


@st.composite
def masks(draw):
    """Any cells of any raster."""
    h, w = draw(st.integers(0, 14)), draw(st.integers(0, 14))
    share = draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    return np.random.default_rng(draw(st.integers(0, 99))).random((h, w)) < share


def blanked(cells, network):
    return torch.where(torch.from_numpy(cells), network.blank, rasters(*cells.shape))


@given(masks(), st.integers(1, 6), st.booleans())
def test_every_blank_cell_is_kept_from_one_window(cells, side, causal):
    kept = np.zeros(cells.shape, int)
    for y, x in windows(cells, side, causal=causal):
        for span, length in ((y, cells.shape[0]), (x, cells.shape[1])):
            assert 0 <= span.start <= span.first < span.stop <= span.start + span.size <= length
            assert span.size == min(side, length)
        kept[y.drawn, x.drawn] += 1
    assert (kept <= 1).all()
    assert (kept[cells] == 1).all()


@given(masks(), st.integers(1, 6))
def test_a_cell_knows_what_lies_a_quarter_of_a_window_around_it(cells, side):
    for window in windows(cells, side, causal=False):
        for span, length in zip(window, cells.shape, strict=True):
            assert span.first - span.start >= side // 4 or span.start == 0
            assert span.start + span.size - span.stop >= side // 4 or span.start + span.size == length


@given(masks(), st.integers(1, 6))
def test_what_sees_no_cell_after_it_is_drawn_at_the_bottom_of_its_window(cells, side):
    for rows, _ in windows(cells, side, causal=True):
        assert rows.stop == rows.start + rows.size or rows.start == 0


@given(masks(), st.integers(1, 6), st.booleans())
def test_blank_cells_are_drawn_and_no_others_in_rasters_of_a_window(cells, side, causal):
    network, by = prior(side=side, codes=200), Numbering(causal)
    codes = blanked(cells, network)
    before = codes.clone()
    anew = filled(network, codes, by, seed=3)
    assert torch.equal(codes, before)
    assert torch.equal(anew[~cells], codes[~cells])
    assert (anew != network.blank).all()
    assert all(shape[0] == 1 and max(shape[1:]) <= side for shape in by.shapes)
    assert by.seeds[:1] == [3][: len(by.seeds)]
    assert len(set(by.seeds)) == len(by.seeds)


@pytest.mark.parametrize("by", WAYS, ids=lambda by: type(by).__name__)
def test_a_raster_that_fits_in_one_window_is_drawn_at_once(by):
    network, cells = prior("autoregressive" if by.causal else "maskgit", side=6), np.zeros((6, 5), bool)
    cells[:5, 1:] = True
    codes = blanked(cells, network)
    assert torch.equal(filled(network, codes, by, seed=5), by.filled(network, codes[None], seed=5)[0])


@pytest.mark.parametrize("by", WAYS, ids=lambda by: type(by).__name__)
def test_the_same_seed_draws_the_same_codes_window_after_window(by):
    network, cells = prior("autoregressive" if by.causal else "maskgit", side=4), np.zeros((6, 6), bool)
    cells[1:5, 1:5] = True
    codes = blanked(cells, network)
    once = filled(network, codes, by, seed=1)
    assert torch.equal(filled(network, codes, by, seed=1), once)
    assert not torch.equal(filled(network, codes, by, seed=2), once)
    assert torch.equal(once[~cells], codes[~cells])
    assert (once < network.blank).all()


def test_where_most_is_known_is_drawn_first():
    assert order(slice(2, 8), slice(2, 8), causal=False)[0, 0] == 0
    assert order(slice(2, 8), slice(0, 4), causal=False)[0].tolist() == [1, 0]  # left of it there is no picture


def test_what_sees_no_cell_after_it_is_drawn_row_by_row():
    assert order(slice(2, 8), slice(2, 8), causal=True).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def order(rows, columns, *, causal):
    """Of each part of a hole in a raster of 10 × 10, parts of 2 × 2, which window drew it."""
    network, cells = prior(side=4, codes=200), np.zeros((10, 10), bool)
    cells[rows, columns] = True
    anew = filled(network, blanked(cells, network), Numbering(causal), seed=0)[rows, columns]
    parts = anew.unflatten(1, (-1, 2)).unflatten(0, (-1, 2))
    assert (parts == parts[:, :1, :, :1]).all()
    return parts[:, 0, :, 0]


@pytest.mark.parametrize("causal", [False, True])
def test_a_window_sees_what_earlier_ones_drew(causal):
    """What is known on one side of a hole goes through many windows to the other."""

    class Spreading(Numbering):
        def filled(self, prior, codes, *, seed):
            return torch.where(codes == prior.blank, codes[codes != prior.blank].max(), codes)

    network, codes = prior(side=4), torch.full((4, 20), 11)
    codes[:, 0] = 7
    assert (filled(network, codes, Spreading(causal), seed=0) == 7).all()


def test_a_box_of_a_large_photograph_is_drawn_with_the_shipped_models():
    """The network never sees more cells than it learned, and nothing outside the box changes."""
    generator = lexel.load("lexel/photo-prior")
    vocabulary, photograph = lexel.load(generator.vocabulary.name), make_picture(427, 640)
    tokens, seen = vocabulary.tokenize([photograph]), []
    generator.image.register_forward_pre_hook(lambda _, codes: seen.append(tuple(codes[0].shape)))
    anew = generator.inpaint(tokens, BOX, by=MaskGIT(steps=2))
    side = generator.image.config.side
    assert set(seen) == {(1, side, side)}
    [cells] = hidden(tokens.pictures, BOX)
    assert (anew.grid(0)[~cells] == tokens.grid(0)[~cells]).all()
    assert (anew.grid(0)[cells] != tokens.grid(0)[cells]).any()
    [drawn] = vocabulary.detokenize(anew)
    shown = painted(photograph, drawn, BOX)
    inside = np.zeros((427, 640), bool)
    inside[171:235, 256:384] = True
    assert (shown.pixels[~inside] == photograph.pixels[~inside]).all()
    assert (shown.pixels[inside] != photograph.pixels[inside]).any()
