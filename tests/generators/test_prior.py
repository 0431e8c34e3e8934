"""The network: any raster, no look ahead where it is causal, few parameters."""

import pytest
import torch
from generators.networks import OBJECTIVES, prior, rasters, vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import close

from lexel.generators._cached import Cached
from lexel.generators._prior import Prior, PriorConfig, places
from lexel.towers._config import Blocks

sides = st.integers(0, 6)


@settings(max_examples=30)
@given(sides, sides, st.integers(0, 3), st.sampled_from(OBJECTIVES))
def test_any_raster_has_logits_of_every_code(h, w, count, objective):
    assert prior(objective)(rasters(count, h, w)).shape == (count, h, w, 11)


def test_rasters_of_a_batch_do_not_see_each_other():
    codes, network = rasters(3, 4, 5), prior()
    assert close(network(codes), torch.cat([network(one[None]) for one in codes]))


def test_a_code_says_nothing_of_cells_before_it():
    """Nor of its own cell; and it does say something of the next one."""
    network, codes = prior("autoregressive"), rasters(1, 3, 4)
    said = network(codes).flatten(0, 2)
    for at in range(12):
        other = codes.clone()
        other.view(-1)[at] = (other.view(-1)[at] + 1) % 11
        changed = (network(other).flatten(0, 2) - said).abs().amax(1)
        assert (changed[: at + 1] == 0).all()
        assert (changed[at + 1 :] > 0).all()


def test_every_cell_sees_all_cells_where_it_is_not_causal():
    network, codes = prior(), rasters(1, 3, 4)
    said = network(codes)
    for at in range(12):
        other = codes.clone()
        other.view(-1)[at] = network.blank
        assert ((network(other) - said).abs().amax(-1) > 0).all()


def test_a_step_to_a_neighbour_is_the_same_turn_on_every_raster():
    """And the edges of a picture are the same places."""
    small, wide = places(3, 4, device=torch.device("cpu")), places(5, 9, device=torch.device("cpu"))
    cells, others = small.view(3, 4, 4), wide.view(5, 9, 4)
    assert torch.equal(cells[..., :2], others[:3, :4, :2])
    assert cells[1, 2, :2].tolist() == pytest.approx([1 / (2 * torch.pi), 2 / (2 * torch.pi)])
    assert close(cells[1, :, 3] * 4, torch.tensor([-3.0, -1, 1, 3]))
    assert others[2, 4, 2:].tolist() == [0, 0]


def test_with_kept_keys_it_says_the_same():
    network, codes = prior("autoregressive"), rasters(3, 4, 5)
    cached, said = Cached(network, 3, (4, 5)), []
    for cell in codes.flatten(1).T:
        said.append(cached.logits())
        cached.tell(cell)
    assert close(torch.stack(said, 1).view(3, 4, 5, 11), network(codes), tolerance=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_prior_of_1024_codes_has_at_most_1_5_million_parameters(objective):
    with torch.device("meta"):
        network = Prior(PriorConfig(vocabulary(1024), objective, Blocks(160, 4, 5, 640, "gelu")))
    assert sum(x.numel() for x in network.parameters()) == 1_403_904
