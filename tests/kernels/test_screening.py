"""Among the codes that a screen leaves is the nearest, whatever bytes round away; and it leaves few."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexel.kernels import lookup
from lexel.kernels.lookup import nearest
from lexel.kernels.screening import Screen


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def closest(x, codes):
    return torch.cdist(x.double(), codes.double(), compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Products of bytes as every processor has them."""

    def product(a, b, *, out):
        return out.copy_(a.int() @ b.int())

    monkeypatch.setattr(torch, "_int_mm", product)


@given(
    rows=st.integers(1, 40),
    count=st.integers(1, 600),
    width=st.integers(1, 40),
    spread=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)
def test_the_nearest_code_is_always_left(rows, count, width, spread, seed):
    x, codes = spread * drawn(rows, width, seed=seed), drawn(count, width, seed=seed + 1)
    screen = Screen(codes, largest=float(x.abs().max()))
    if not screen.sharp:  # rows so small that |c|² has more digits than there are
        assert spread < 1
        return
    pairs = screen.near(x[: screen.together], torch.zeros(min(rows, screen.together)))
    if pairs is not None:
        left = torch.zeros(rows, count, dtype=torch.bool)
        left[pairs] = True
        assert left[torch.arange(rows), closest(x, codes)].all()


def test_few_codes_are_left():
    x, codes = drawn(100, 256), drawn(2000, 256, seed=1)
    row, code = Screen(codes, largest=float(x.abs().max())).near(x, torch.zeros(100))
    assert len(row) < 800
    assert row.unique().tolist() == list(range(100))
    assert ((code >= 0) & (code < 2000)).all()


def test_codes_that_bytes_do_not_tell_apart_are_left_to_floats():
    codes = drawn(1, 128) + 1e-3 * drawn(900, 128, seed=1)
    x = drawn(64, 128, seed=2)
    assert Screen(codes, largest=float(x.abs().max())).near(x, torch.zeros(64)) is None


@pytest.mark.parametrize(
    ("codes", "largest"), [(1e4 * drawn(9, 4), 1e-3), (drawn(9, 4) / 0, 1.0), (drawn(9, 4), torch.nan)]
)
def test_numbers_that_no_byte_can_say_are_not_screened(codes, largest):
    assert not Screen(codes, largest=largest).sharp


@pytest.mark.parametrize(
    ("x", "codebook"),
    [
        (drawn(1500, 128), drawn(700, 128, seed=1)),
        (drawn(1100, 200) + 50, drawn(1030, 200, seed=1) + 50),
        (drawn(1024, 128), drawn(1, 128)),
        (drawn(1100, 128), torch.cat([drawn(300, 128, seed=1)] * 2)),
        (drawn(1100, 128), drawn(1, 128) + 1e-4 * drawn(500, 128, seed=1)),
        (drawn(1100, 128), drawn(500, 128, seed=1) * torch.logspace(-3, 1, 500)[:, None]),
        (torch.zeros(1100, 128), torch.zeros(20, 128)),
    ],
    ids=["random", "an offset", "one code", "each twice", "all alike", "of all lengths", "nothing"],
)
def test_a_screen_changes_no_code(x, codebook, monkeypatch):
    found = []
    for bytes_ in (True, False):
        monkeypatch.setattr(lookup, "multiplies_bytes", lambda bytes_=bytes_: bytes_)
        found.append(nearest(x, codebook))
    assert torch.equal(*found)


def test_this_processors_products_of_bytes_find_the_same_codes(monkeypatch):
    monkeypatch.undo()
    x, codebook = drawn(1100, 256), drawn(1000, 256, seed=1)
    assert torch.equal(nearest(x, codebook), closest(x, codebook))
