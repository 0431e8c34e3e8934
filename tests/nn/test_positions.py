"""Tables of positions stretched to other rasters, against loops."""

import math

import pytest
import torch
from tolerances import close

from lexel.nn.positions import Resampling


def cubic(x, a=-0.75):
    """Keys' kernel with the coefficient that torch takes without antialias."""
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def literal(table, grid, offset):
    """Every cell of the new raster from the sixteen around its centre; beyond the edge the edge goes on."""
    side = math.isqrt(len(table))
    rows = []
    for i in range(grid[0]):
        for j in range(grid[1]):
            y, x = ((n + 0.5) * side / (of + offset) - 0.5 for n, of in zip((i, j), grid, strict=True))
            mixed = torch.zeros(table.shape[1])
            for a in range(math.floor(y) - 1, math.floor(y) + 3):
                for b in range(math.floor(x) - 1, math.floor(x) + 3):
                    cell = min(max(a, 0), side - 1) * side + min(max(b, 0), side - 1)
                    mixed += cubic(y - a) * cubic(x - b) * table[cell]
            rows.append(mixed)
    return torch.stack(rows)


@pytest.mark.parametrize("offset", [0.0, 0.1])
@pytest.mark.parametrize("grid", [(3, 7), (7, 3), (1, 1), (10, 12), (5, 4)])
def test_bicubic_positions_equal_the_literal_sums(grid, offset):
    table = torch.randn(25, 3, generator=torch.Generator().manual_seed(0))
    assert close(Resampling(offset=offset)(table, grid), literal(table, grid, offset))


def test_an_offset_is_seen():
    """Up to a quarter of a table's own spread: two ways to stretch the same positions."""
    table = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    difference = Resampling(offset=0.1)(table, (10, 10)) - Resampling()(table, (10, 10))
    assert 0.05 < difference.abs().max() < 0.5


@pytest.mark.parametrize("resampling", [Resampling(), Resampling(antialias=True), Resampling(offset=0.1)])
def test_the_raster_of_training_keeps_its_positions(resampling):
    table = torch.randn(16, 2)
    assert torch.equal(resampling(table, (4, 4)), table)
    assert resampling.each(table, []).shape == (0, 2)


@pytest.mark.parametrize("resampling", [Resampling(), Resampling(antialias=True), Resampling("bilinear")])
@pytest.mark.parametrize("grid", [(3, 7), (9, 4)])
def test_a_mirrored_table_gives_mirrored_positions(resampling, grid):
    """Not so with an offset, which pushes all cells to one side."""
    table = torch.randn(25, 3, generator=torch.Generator().manual_seed(0))
    mirrored = table.view(5, 5, 3).flip(1).flatten(0, 1)
    again = resampling(mirrored, grid).view(*grid, 3).flip(1).flatten(0, 1)
    assert close(again, resampling(table, grid))


def test_pictures_of_several_rasters_have_each_its_own():
    table = torch.randn(16, 2)
    resampling = Resampling()
    grids = [(2, 3), (4, 4), (2, 3), (3, 2)]
    assert torch.equal(resampling.each(table, grids), torch.cat([resampling(table, grid) for grid in grids]))
