"""Row by row: the filters, and exact bits."""

import math

import pytest
import torch
from generators.networks import prior, rasters
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.generators.autoregressive import Autoregressive


def test_filters_act_in_the_published_order():
    """Temperature, then top-k, then top-p: hot codes pass that would fall cold, and top-p counts among k."""
    p = torch.tensor([[0.5, 0.3, 0.1, 0.06, 0.04]], dtype=torch.float64)

    def kept(**how):
        return Autoregressive(**how).filtered(p.log()).isfinite()[0].sum().item()

    assert kept() == 5
    assert kept(top_p=0.85) == 3  # the code that goes over the limit is kept
    assert kept(top_k=2) == 2
    assert kept(top_p=0.65, temperature=100.0) == 4  # nearly 0.2 each
    assert kept(top_k=2, top_p=0.6) == 1  # 0.625 of the two
    assert kept(top_k=9) == 5


def test_codes_as_likely_as_the_last_of_top_k_are_kept():
    logits = torch.tensor([[0.0, 1.0, 1.0, 1.0, -1.0]])
    assert Autoregressive(top_k=2).filtered(logits).isfinite().tolist() == [[False, True, True, True, False]]


@given(st.integers(1, 12), st.floats(0.05, 1), st.integers(0, 12), st.floats(0.1, 5), st.integers(0, 99))
def test_top_p_is_the_literal_loop(codes, top_p, top_k, temperature, seed):
    logits = torch.randn(codes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2
    scaled = logits / temperature
    allowed = sorted(range(codes), key=lambda k: -scaled[k])[: top_k or codes]
    total, together, kept = sum(scaled[k].exp() for k in allowed), 0.0, []
    for k in allowed:
        if together <= top_p:
            kept.append(k)
        together += float(scaled[k].exp() / total)
    found = Autoregressive(temperature=temperature, top_k=top_k, top_p=top_p).filtered(logits[None])[0]
    assert found.isfinite().nonzero().flatten().tolist() == sorted(kept)


def test_bits_are_exact():
    """The product of the probabilities of its codes, each asked for by itself."""
    network, codes = prior("autoregressive", dtype=torch.float64), rasters(2, 2, 3)
    nats = torch.zeros(2, dtype=torch.float64)
    for at in range(6):
        shown = codes.clone().flatten(1)
        shown[:, at:] = 0  # whatever stands there
        p = network(shown.view(2, 2, 3)).flatten(1, 2)[:, at].log_softmax(-1)
        nats -= p[torch.arange(2), codes.flatten(1)[:, at]]
    assert torch.allclose(Autoregressive().bits(network, codes), nats / math.log(2), rtol=1e-12)


def test_all_rasters_together_have_the_probability_1():
    network = prior("autoregressive", codes=3, dtype=torch.float64)
    every = torch.cartesian_prod(*[torch.arange(3)] * 4).view(81, 2, 2)
    assert (2 ** -Autoregressive().bits(network, every)).sum().item() == pytest.approx(1, abs=1e-12)


def test_rasters_are_drawn_as_often_as_their_bits_say():
    network = prior("autoregressive", codes=3, dtype=torch.float64)
    every = torch.cartesian_prod(*[torch.arange(3)] * 2).view(9, 1, 2)
    drawn = Autoregressive().filled(network, torch.full((4000, 1, 2), 3), seed=1)
    found = torch.bincount((drawn * torch.tensor([3, 1])).sum((1, 2)), minlength=9) / 4000
    expected = 2 ** -Autoregressive().bits(network, every)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=0.02)


@pytest.mark.parametrize("how", [{"top_k": -1}, {"top_p": 1.5}])
def test_filters_out_of_range_are_refused(how):
    with pytest.raises(BadArguments, match="top_k is 0 or more"):
        Autoregressive(**how)


def test_every_cell_counts_alike():
    lots = Autoregressive().lots((2, 3, 4), seed=0)
    assert lots.unique().tolist() == pytest.approx([1 / 24])
    assert Autoregressive().lots((0, 3, 4), seed=0).shape == (0, 3, 4)
