"""How likely codes of a codebook are: the literal sums, whole numbers in any order, and fewer bits for it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures.test_coding import CODEBOOK, smooth

from lexel.measures.coding import Tables
from lexel.measures.turning import turned
from lexel.measures.vectors import BIT, CLASSES, FAR, RARE, RATE, SHARE, TOP, Vectors

BEFORE = [(0, -1), (-1, 0), (-1, 1), (-1, -1)]


def walked(seed, codebook, shape=(40, 44)):
    """Codes of a smooth picture: each the nearest to the middle of its neighbours and a step aside."""
    rng = np.random.default_rng(seed)
    wide = np.zeros((shape[0] + 1, shape[1] + 1, codebook.shape[1]))
    found = np.zeros(shape, np.int64)
    for row, column in np.ndindex(shape):
        middle = (wide[row, column + 1] + wide[row + 1, column]) / 2 + rng.normal(0, 0.35, codebook.shape[1])
        found[row, column] = ((codebook - middle) ** 2).sum(axis=1).argmin()
        wide[row + 1, column + 1] = codebook[found[row, column]]
    return found


@pytest.fixture(scope="module")
def book():
    return np.random.default_rng(9).normal(size=(300, 3))


@pytest.fixture(scope="module")
def vectors():
    return Vectors.fit([smooth(0), smooth(1)], CODEBOOK)


def literal(vectors, raster, row, column, taught):
    """Frequencies of a cell, code by code."""
    height, width = raster.shape
    near = [(row + r, column + c) for r, c in BEFORE]
    four = [int(raster[r, c]) if 0 <= r < height and 0 <= c < width else None for r, c in near]
    book = vectors.codebook.astype(int).tolist()
    nothing = [0] * len(book[0])
    left, up, upper_right, upper_left = known = [nothing if k is None else book[k] for k in four]
    pairs = [(left, upper_left), (up, upper_left), (upper_right, up), (left, up), (left, nothing), (up, nothing)]
    unrest = [math.isqrt(sum((a - b) ** 2 for a, b in zip(*pair, strict=True))) for pair in pairs] + [1]
    wide = sum(a * b for a, b in zip(unrest, vectors.spread.tolist(), strict=True))
    spread = sum(bound < wide for bound in vectors.bounds.tolist())
    around = [x for vector in known for x in vector] + [1]
    sums = [sum(a * b for a, b in zip(around, some, strict=True)) for some in vectors.centre.tolist()]
    expected = [min(max((x + 2048) // 4096, -255), 255) for x in sums]
    logs = []
    for k, vector in enumerate(book):
        radius = min(math.isqrt(sum((a - b) ** 2 for a, b in zip(vector, expected, strict=True))), FAR - 1)
        log = int(vectors.codes[k]) + int(taught[k]) // SHARE
        log += int(vectors.near[spread, sum(bound <= radius for bound in vectors.radii.tolist())])
        if k in four:
            log += int(vectors.same[four.index(k), four.count(k) - 1, spread])
        logs.append(log)
    return [max(round(TOP * 2 ** ((log - max(logs)) / BIT)), RARE // len(book)) for log in logs]


def test_frequencies_are_the_literal_sums(vectors):
    raster = smooth(4, (6, 7))
    cells = vectors.spelling.spelled(raster)
    taught = np.random.default_rng(0).integers(-99, 99, 30) * SHARE * 7 // 3
    rows = vectors.rows(cells, 0, cells.all, taught)
    for i, (row, column) in enumerate(cells.all.T.tolist()):
        assert rows[i].tolist() == literal(vectors, raster, row, column, taught)


def test_frequencies_are_whole_numbers_far_from_halves(vectors):
    """Another machine's powers may differ in their last digit: none is rounded to another number for that."""
    rows = vectors._powers
    assert (rows == np.rint(rows)).all()
    assert rows.max() == TOP
    exact = TOP * np.exp2(-np.arange(len(rows)) / BIT)
    assert np.abs(exact % 1 - 0.5).min() > 1e-6


@settings(max_examples=10)
@given(seed=st.integers(0, 9999))
def test_frequencies_do_not_depend_on_who_is_beside(vectors, seed):
    cells = vectors.spelling.spelled(smooth(seed))
    order = np.random.default_rng(seed).permutation(cells.all.shape[1])
    whole = vectors.rows(cells, 0, cells.all, vectors.start())
    assert (vectors.rows(cells, 0, cells.all[:, order], vectors.start()) == whole[order]).all()
    assert (vectors.rows(cells, 0, cells.all[:, order[:1]], vectors.start()) == whole[order[:1]]).all()


def test_only_cells_before_are_looked_at(vectors):
    raster = smooth(2, (8, 9))
    cells = vectors.spelling.spelled(raster)
    lines = list(cells.lines())
    for number, at in enumerate(lines):
        unknown = vectors.spelling.spelled(raster)
        for later in lines[number:]:
            unknown.inside[later[0], later[1]] = -1
        rows = vectors.rows(unknown, 0, at, vectors.start())
        assert (rows == vectors.rows(cells, 0, at, vectors.start())).all()


def test_a_code_gains_by_what_was_not_expected_of_it(vectors):
    rows = np.array([[1, 3] + [0] * 28, [2, 2] + [0] * 28], np.float32)
    found = vectors.learned(vectors.start(), rows, np.array([0, 0]))
    assert found[0] == RATE * (2 * SHARE - SHARE // 4 - SHARE // 2)
    assert found[1] == -RATE * (SHARE * 3 // 4 + SHARE // 2)
    assert not found[2:].any()
    assert (vectors.learned(found, rows, np.array([0, 0])) == 2 * found).all()


def test_what_a_raster_repeats_becomes_cheap(monkeypatch):
    tables = Tables.fit([smooth(0), smooth(1)], codebook=CODEBOOK)
    two = np.where(np.random.default_rng(0).random((40, 40)) < 0.5, 3, 28)  # a bit a code
    taught = tables.bits(two)
    monkeypatch.setattr("lexel.measures.vectors.RATE", 0)
    assert two.size < taught < tables.bits(two) / 3


def test_fewer_bits_than_of_codes_by_themselves(book):
    """Tables by 16 groups of codes and their members, the coder before this one, took 11,607 bits of this raster."""
    tables = Tables.fit([walked(seed, book) for seed in range(6)], codebook=book)
    raster = walked(77, book)
    often = np.bincount(raster.reshape(-1))
    alone = -(often[often > 0] * np.log2(often[often > 0] / raster.size)).sum()
    assert tables.bits(raster) < 0.75 * alone
    assert tables.bits(raster) < 0.85 * 11_607


def test_rounds_make_bits_fewer(book, monkeypatch):
    rasters = [walked(seed, book) for seed in range(3)]
    bits = []
    for count in (0, 3, 9):
        monkeypatch.setattr("lexel.measures.vectors.ROUNDS", (("near", "same", "codes") * 3)[:count])
        bits.append(Tables.fit(rasters, codebook=book).bits(walked(77, book)))
    assert bits == sorted(bits, reverse=True)
    assert bits[1] < 0.9 * bits[0]


def test_tables_of_many_codes_are_small(tmp_path):
    codebook = np.random.default_rng(0).normal(size=(4096, 8))
    tables = Tables.fit([np.arange(900).reshape(30, 30)], codebook=codebook)
    tables.save(tmp_path / "codes.safetensors")
    assert (tmp_path / "codes.safetensors").stat().st_size < 60_000
    raster = np.random.default_rng(1).integers(0, 4096, (6, 9))
    assert (tables.decode(tables.encode(raster)) == raster).all()


def test_classes_of_spreads_hold_about_equally_many(vectors):
    cells = vectors.spelling.spelled(smooth(1))
    spread = vectors._beside(cells, cells.all).spread
    assert np.bincount(spread, minlength=CLASSES).max() < 5 * spread.size / CLASSES


def test_errors_of_a_guess_are_as_large_in_all_directions(book):
    stretched = book * [1, 20, 0.1]
    raster = walked(1, book)
    codes = raster[1:].reshape(-1)
    before = np.repeat(raster[:-1].reshape(-1, 1), 4, axis=1)
    often = np.bincount(codes, minlength=300) + 0.5
    found = turned(stretched, often, [before], [codes]).astype(float)
    assert np.abs(found).max() == 127
    x = np.concatenate([found[before[:, 0]], np.ones((len(codes), 1))], axis=1)
    off = found[codes] - x @ np.linalg.lstsq(x, found[codes], rcond=None)[0]
    wrong = off.T @ off / len(off)
    assert np.abs(wrong / wrong[0, 0] - np.eye(3)).max() < 0.1


def test_of_many_directions_those_that_differ_most_are_kept():
    rng = np.random.default_rng(3)
    large = rng.normal(size=(50, 16)) @ rng.normal(size=(16, 40)) * 9
    codebook = large + rng.normal(size=(50, 40)) * 0.01
    before, codes = rng.integers(0, 50, (500, 4)), rng.integers(0, 50, 500)
    assert turned(codebook, np.ones(50), [before], [codes]).shape == (50, 16)
    assert turned(np.ones((5, 2)), np.ones(5), [before % 5], [codes % 5]).tolist() == [[0]] * 5
