"""Quadtrees against the published masks; leaves that tile; budgets that are met."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments, TokensError
from lexel.partitions.patch import Patch
from lexel.partitions.quadtree import Quadtree, entropies
from lexel.pictures.picture import Picture
from tests.partitions.test_patch import noise

sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def blocks(size, seed=0):
    """Flat areas and noise: something to split and something to keep."""
    rng = np.random.default_rng(seed)
    picture = noise(size, seed=seed)
    pixels = picture.pixels.copy()
    for _ in range(4):
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        pixels[y : y + 30, x : x + 30] = rng.integers(0, 256, 3)
    return Picture(pixels, picture.name, size, picture.digest)


def literal_entropy(pixels):
    """Entropy in bits of one square, from its definition."""
    grey = pixels.astype(int) @ [2989, 5870, 1140] / 10_000
    counts = np.bincount(np.floor(grey * 2).astype(int).ravel())
    q = counts[counts > 0] / counts.sum()
    return -(q * np.log2(q)).sum()


def published(pixels, smallest, thresholds):
    """The published masks: large squares first, those that reach over the edge set to 1e6."""
    height, width = pixels.shape[:2]
    leaves = {}
    for scale in range(len(thresholds), -1, -1):
        side = smallest << scale
        for y in range(0, height, side):
            for x in range(0, width, side):
                over = y + side > height or x + side > width
                entropy = 1e6 if over else literal_entropy(pixels[y : y + side, x : x + side])
                free = not any(
                    ly <= y < ly + (smallest << ls) and lx <= x < lx + (smallest << ls) for ly, lx, ls in leaves
                )
                if free and (scale == 0 or entropy < thresholds[scale - 1]):
                    leaves[y, x, scale] = entropy
    return set(leaves)


def found(tokens, size):
    height, width = size
    return {
        (round(float(y) * height), round(float(x) * width), int(level))
        for (x, y, _, _), level in zip(tokens.boxes, tokens.level, strict=True)
    }


@given(sizes, st.integers(0, 3), st.tuples(st.floats(0, 8), st.floats(0, 8)))
def test_thresholds_equal_the_published_masks(size, seed, thresholds):
    picture = blocks(size, seed)
    tokens = Quadtree(4, 16, threshold=thresholds).tokenize([picture])
    assert found(tokens, size) == published(picture.pixels, 4, thresholds)


@given(sizes, st.integers(0, 3), st.sampled_from([0.0, 3.0, 5.5, 99.0]))
def test_leaves_tile_the_picture_exactly(size, seed, threshold):
    tokens = Quadtree(4, 16, threshold=threshold).tokenize([blocks(size, seed)])
    height, width = size
    covered = np.zeros(size, int)
    for x0, y0, x1, y1 in tokens.boxes.astype(float):
        covered[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] += 1
    assert (covered == 1).all()
    assert tokens.mass.sum() == -(-height // 4) * -(-width // 4)


@given(sizes)
def test_no_threshold_gives_the_plain_patches(size):
    picture = noise(size)
    tokens, patches = Quadtree(4, 16, threshold=0.0).tokenize([picture]), Patch(4).tokenize([picture])
    assert tokens.with_(columns={}).equals(patches)


@given(sizes, st.integers(0, 3), st.floats(0, 9), st.floats(0, 9))
def test_a_larger_threshold_never_gives_more_tokens(size, seed, a, b):
    few, many = (Quadtree(4, 16, threshold=t).tokenize([blocks(size, seed)]).total for t in (max(a, b), min(a, b)))
    assert few <= many


@given(sizes, st.integers(1, 400))
def test_a_budget_gives_the_nearest_feasible_number(size, budget):
    picture = blocks(size)
    least, most = (Quadtree(4, 16, threshold=t).tokenize([picture]).total for t in (99.0, 0.0))
    feasible = range(least, most + 1, 3)  # squares over the edge are always split; each other split adds three
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        total = Quadtree(4, 16, budget=budget).tokenize([picture]).total
    assert total in feasible
    assert abs(total - budget) == min(abs(n - budget) for n in feasible)
    assert bool(said) == (total != budget)


def test_a_budget_is_spent_where_most_is_said():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, :16] = noise((16, 16)).pixels
    picture = Picture(pixels, "a.png", (32, 32), "00" * 16)
    tokens = Quadtree(8, 32, budget=7).tokenize([picture])
    assert found(tokens, (32, 32)) == {(0, 0, 0), (0, 8, 0), (8, 0, 0), (8, 8, 0), (0, 16, 1), (16, 0, 1), (16, 16, 1)}


@given(st.integers(0, 5))
def test_entropies_equal_the_definition_at_every_scale(seed):
    pixels = blocks((32, 48), seed).pixels
    for scale, found in enumerate(entropies(pixels, 4, 3)):
        side = 4 << scale
        for (row, column), value in np.ndenumerate(found):
            square = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            assert value == pytest.approx(literal_entropy(square), abs=1e-9)


def test_a_flat_square_has_exactly_no_entropy():
    assert entropies(np.full((16, 16, 3), 77, np.uint8), 4, 3)[2].tolist() == [[0.0]]


@given(sizes)
def test_flat_leaves_come_back_exactly(size):
    pixels = np.repeat(np.repeat(noise((5, 5)).pixels, 16, axis=0), 16, axis=1)[: size[0], : size[1]]
    picture = Picture(np.ascontiguousarray(pixels), "a.png", size, "00" * 16)
    quadtree = Quadtree(4, 16, threshold=1e-9)
    assert np.array_equal(quadtree.detokenize(quadtree.tokenize([picture]))[0].pixels, pixels)


@given(sizes, st.integers(0, 3))
def test_a_leaf_is_its_square_averaged_to_the_smallest_patch(size, seed):
    picture = blocks(size, seed)
    tokens = Quadtree(4, 16, threshold=99.0).tokenize([picture])
    for (y, x, level), data in zip(sorted_by_token(tokens, size), tokens.data.reshape(-1, 4, 4, 3), strict=True):
        if level:
            step = 1 << level
            square = picture.pixels[y : y + 4 * step, x : x + 4 * step].astype(float)
            mean = square.reshape(4, step, 4, step, 3).mean(axis=(1, 3))
            assert np.array_equal(data, np.floor(mean + 0.5).astype(np.uint8))


def sorted_by_token(tokens, size):
    height, width = size
    return [
        (round(float(y) * height), round(float(x) * width), int(level))
        for (x, y, _, _), level in zip(tokens.boxes, tokens.level, strict=True)
    ]


def test_larger_pictures_are_worked_at_their_size():
    picture = noise((300, 200))
    quadtree = Quadtree(8, 32, size=100)
    tokens = quadtree.tokenize([picture])
    assert quadtree.detokenize(tokens)[0].pixels.shape == (100, 67, 3)
    assert tokens.pictures.sizes.tolist() == [[300, 200]]


def test_merged_leaves_cannot_be_painted():
    quadtree = Quadtree(4, 16, threshold=0.0)
    tokens = quadtree.tokenize([noise((16, 16))])
    with pytest.raises(TokensError, match="tile"):
        quadtree.detokenize(tokens.where(np.arange(16) > 0))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (((8, 24), {}), "power of two"),
        (((8, 4), {}), "power of two"),
        (((0, 4), {}), "from 1"),
        (((8, 16), {"threshold": 1.0, "budget": 3}), "not both"),
        (((8, 32), {"threshold": (1.0,)}), "2 thresholds"),
        (((8, 16), {"budget": 0}), "from 1"),
    ],
)
def test_arguments_that_make_no_tree_are_refused(arguments, says):
    args, kwargs = arguments
    with pytest.raises(BadArguments, match=says):
        Quadtree(*args, **kwargs)
