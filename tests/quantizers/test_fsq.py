from itertools import product

import pytest
import torch
import vector_quantize_pytorch as peers
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.quantizers.fsq import FSQ
from tests.tolerances import close

LEVELS = [(8, 5, 5, 5), (7, 5, 5, 5, 5), (8, 6, 5), (3,), (33, 4)]


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("training", [False, True])
def test_fsq_equals_the_peer(levels, training):
    ours, peer = FSQ(*levels).train(training), peers.FSQ(list(levels)).train(training)
    for x in (drawn(500, len(levels)), 4 * drawn(500, len(levels)), torch.zeros(1, len(levels))):
        quantized, codes = peer(x[None])
        made = ours(x)
        assert torch.equal(made.codes, codes[0].long())
        assert torch.equal(made.quantized, quantized[0])


def test_gradients_of_fsq_equal_those_of_the_peer():
    ours, peer, outside = FSQ(8, 5, 4).train(), peers.FSQ([8, 5, 4]).train(), drawn(40, 3, seed=1)
    a, b = (drawn(40, 3).requires_grad_() for _ in range(2))
    (ours(a).quantized * outside).sum().backward()
    (peer(b[None])[0][0] * outside).sum().backward()
    assert close(a.grad, b.grad, tolerance=1e-6)


def test_every_fsq_code_has_its_levels():
    fsq = FSQ(8, 5, 4)
    axes = [[(u - level // 2) / (level // 2) for u in range(level)] for level in (8, 5, 4)]
    literal = [list(reversed(levels)) for levels in product(*reversed(axes))]  # the first counts fastest
    assert fsq.codebook.tolist() == literal
    assert torch.equal(fsq.codebook, peers.FSQ([8, 5, 4]).implicit_codebook)


@pytest.mark.parametrize("levels", LEVELS)
def test_every_fsq_code_is_reached(levels):
    fsq = FSQ(*levels)
    every = torch.arange(fsq.codebook_size)
    number = torch.tensor(levels)
    half = (number - 1) * 1.001 / 2
    offset = torch.where(number % 2 == 0, 0.5, 0.0)
    inverse = torch.atanh((fsq.decode(every) * (number // 2) + offset) / half) - torch.atanh(offset / half)
    assert torch.equal(fsq.codes(inverse), every)


def test_an_fsq_that_was_built_without_memory_works():
    with torch.device("meta"):
        built = FSQ(8, 5, 4)
    x = drawn(50, 3)
    assert torch.equal(built.codes(x), FSQ(8, 5, 4).codes(x))
    assert torch.equal(built.decode(built.codes(x)), built(x).quantized)
    assert repr(built) == "fsq(8, 5, 4)"


@given(st.lists(st.integers(3, 60_000), min_size=1, max_size=3), st.integers(0, 9))
def test_fsq_is_exact_in_whole_numbers(levels, seed):
    fsq = FSQ(*levels)
    codes = torch.randint(fsq.codebook_size, (20,), generator=torch.Generator().manual_seed(seed))
    rest, said = codes.clone(), fsq.decode(codes).double()
    for i, level in enumerate(levels):
        assert torch.equal((said[:, i] * (level // 2)).round().long() + level // 2, rest % level)
        rest = rest // level
    assert not rest.any()


@pytest.mark.parametrize("levels", [(), (2,), (5, 5.0), (1 << 31,) * 3])
def test_levels_out_of_range_are_refused(levels, unchecked_shapes):
    with pytest.raises(BadArguments, match="fsq: "):
        FSQ(*levels)
