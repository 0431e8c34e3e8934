"""What the three objectives share: nothing is left blank, what is known stays, equal seeds draw alike."""

import math

import pytest
import torch
from generators.networks import Joint, prior, rasters
from hypothesis import given, settings
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.generators._objective import Draws, Objective, chosen
from lexel.generators.absorbing import Absorbing
from lexel.generators.autoregressive import Autoregressive
from lexel.generators.maskgit import MaskGIT

WAYS = {
    "maskgit": MaskGIT(steps=4),
    "absorbing": Absorbing(steps=5),
    "absorbing, cosine": Absorbing(steps=5, schedule="cosine"),
    "autoregressive": Autoregressive(),
}
sides = st.integers(0, 5)
by_way = pytest.mark.parametrize("name", WAYS)


def filled(name, codes, *, seed=0):
    return WAYS[name].filled(prior(name), codes, seed=seed)


@settings(max_examples=25)
@given(sides, sides, st.integers(0, 3), st.sampled_from(list(WAYS)), st.integers(0, 99))
def test_no_cell_is_left_blank(h, w, count, name, seed):
    """The last step of MaskGIT too draws what is open, and opens nothing again."""
    codes = filled(name, torch.full((count, h, w), 11), seed=seed)
    assert codes.shape == (count, h, w)
    assert ((codes >= 0) & (codes < 11)).all()


@settings(max_examples=25)
@given(sides, sides, st.sampled_from(list(WAYS)), st.integers(0, 99), st.floats(0, 1))
def test_known_codes_are_kept_exactly(h, w, name, seed, share):
    """Of rasters of which more or less is known."""
    whole = rasters(2, h, w, seed=seed)
    hidden = (
        torch.rand(2, h, w, generator=torch.Generator().manual_seed(seed))
        < torch.tensor([share, 1 - share])[:, None, None]
    )
    codes = filled(name, whole.where(~hidden, 11), seed=seed)
    assert torch.equal(codes[~hidden], whole[~hidden])
    assert (codes < 11).all()


@by_way
def test_a_raster_depends_on_its_seed_and_number_alone(name):
    two, three = (filled(name, torch.full((count, 4, 4), 11), seed=5) for count in (2, 3))
    assert torch.equal(two, three[:2])
    assert not torch.equal(two[0], two[1])
    assert not torch.equal(two, filled(name, torch.full((2, 4, 4), 11), seed=6))


@pytest.mark.parametrize("way", [MaskGIT(steps=2, choice_temperature=1e9), Absorbing(steps=30)])
def test_codes_are_drawn_from_their_joint_distribution(way):
    """Of two cells with exact conditionals, when one is drawn after the other, and which is a lot."""
    codes = way.filled(Joint(), torch.full((2000, 1, 2), 2), seed=1)
    found = torch.bincount(2 * codes[:, 0, 0] + codes[:, 0, 1], minlength=4) / 2000
    assert found.tolist() == pytest.approx(Joint.P.flatten().tolist(), abs=0.03)


@by_way
def test_a_low_temperature_draws_what_is_likeliest(name):
    network = prior(name)
    codes = type(WAYS[name])(temperature=1e-6).filled(network, torch.full((2, 1, 1), 11), seed=1)
    assert (codes == network(torch.full((1, 1, 1), 11)).argmax()).all()


@by_way
def test_a_prior_of_the_other_kind_is_refused(name):
    other = prior("maskgit" if name == "autoregressive" else "autoregressive")
    with pytest.raises(BadArguments, match="this prior sees"):
        WAYS[name].filled(other, torch.full((1, 2, 2), 11), seed=0)


@by_way
def test_the_loss_of_a_perfect_network_is_measured_in_bits(name):
    """On average over what it gives, its bits are the entropy; for the others they are a bound, reached here."""
    rows = torch.tensor([[0, 0]] * 5 + [[0, 1]] * 2 + [[1, 0]] * 2 + [[1, 1]])[:, None]
    bits = [WAYS[name].bits(Joint(name), rows, seed=100 * seed).mean() for seed in range(40)]
    entropy = -(Joint.P * Joint.P.log2()).sum()
    assert sum(bits) / 40 == pytest.approx(entropy.item(), abs=1e-9 if name == "autoregressive" else 0.03)


@by_way
def test_no_raster_has_no_bits(name):
    assert WAYS[name].bits(prior(name), torch.zeros(0, 2, 2, dtype=torch.int64)).shape == (0,)
    assert isinstance(WAYS[name], Objective)


@pytest.mark.parametrize("make", [MaskGIT, Absorbing, Autoregressive])
def test_a_temperature_is_above_zero(make):
    with pytest.raises(BadArguments, match="temperature is above 0"):
        make(temperature=0.0)


def test_a_code_is_drawn_as_often_as_it_is_likely():
    """The uniform number falls on the code whose share of the line it is on."""
    p = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
    u = torch.tensor([0.0, 0.1999, 0.2001, 0.6999, 0.7001, 1 - 1e-15], dtype=torch.float64)
    codes, log_p = chosen(p.log().expand(6, 4), u)
    assert codes.tolist() == [0, 0, 2, 2, 3, 3]
    assert log_p.exp().tolist() == pytest.approx([0.2, 0.2, 0.5, 0.5, 0.3, 0.3])


def test_the_rarest_codes_can_be_drawn():
    """In float32 the last sum would be 1 before they come."""
    logits = torch.tensor([0.0] + [math.log(1e-12)] * 3, dtype=torch.float64)
    codes, _ = chosen(logits.expand(3, 4), 1 - torch.tensor([2.5e-12, 1.5e-12, 0.5e-12], dtype=torch.float64))
    assert codes.tolist() == [1, 2, 3]


def test_gumbel_noise_has_its_mean_and_its_tail():
    """In float32 it ends at 16."""
    noise = Draws(3, 1).gumbel(400_000)
    assert noise.dtype == torch.float64
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.isfinite().all()
    ends = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    draws = Draws(0, 1)
    draws.uniform = lambda *shape: ends
    assert draws.gumbel(2).isfinite().all()
    assert draws.gumbel(2)[1] > 36
