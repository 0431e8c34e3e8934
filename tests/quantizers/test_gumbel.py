import pytest
import torch

from lexel.errors import BadArguments
from lexel.quantizers.gumbel import Gumbel
from tests.tolerances import close


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_gumbel_blends_sharpen_with_the_temperature():
    x, largest = drawn(500, 12), []
    gumbel = Gumbel(12).train()
    for gumbel.temperature in (4.0, 1.0, 1 / 16):
        torch.manual_seed(0)
        blend = gumbel(x).quantized
        assert close(blend.sum(dim=1), torch.ones(500))
        largest.append(float(blend.amax(dim=1).mean()))
    assert largest == sorted(largest)
    assert largest[-1] > 0.95


def test_blends_are_drawn_as_often_as_their_chance():
    x = torch.tensor([[0.7, 0.2, 0.1]]).log().expand(20_000, 3)
    torch.manual_seed(0)
    drawn_codes = Gumbel(3, temperature=0.01).train()(x).quantized.argmax(dim=1)
    assert close(torch.bincount(drawn_codes) / 20_000, [0.7, 0.2, 0.1], tolerance=0.02)


def test_codes_have_no_noise():
    gumbel, x = Gumbel(9).train(), drawn(40, 9)
    assert torch.equal(gumbel(x).codes, x.argmax(dim=1))
    assert torch.equal(gumbel.eval()(x).quantized, torch.eye(9)[x.argmax(dim=1)])


def test_of_equal_logits_the_lowest_is_the_code():
    assert Gumbel(4).codes(torch.tensor([[0.0, 1.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0]])).tolist() == [1, 0]


def test_the_kl_of_gumbel_is_that_of_its_definition():
    x = drawn(30, 7)
    chance = x.double().softmax(dim=1)
    expected = 5e-4 * (chance * (7 * chance).log()).sum(dim=1).mean()
    assert close(Gumbel(7)(x).losses["kl"], expected, tolerance=1e-8)
    assert float(Gumbel(7)(torch.ones(3, 7)).losses["kl"]) == pytest.approx(0, abs=1e-9)


def test_every_gumbel_code_is_its_own():
    every = torch.arange(50)
    assert torch.equal(Gumbel(50).codes(Gumbel(50).decode(every)), every)


@pytest.mark.parametrize("wrong", [{"codebook_size": 1}, {"codebook_size": 4, "temperature": 0.0}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(BadArguments, match="gumbel: "):
        Gumbel(**wrong)
