"""Swin and Swin v2 against those of `transformers`; windows against their literal steps."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.swin_peers import WINDOW, our, peer, stages_of
from towers.test_clip import parameters, pixels

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.pictures.prepare import Preparation
from lexel.reducers.tome import ToMe
from lexel.towers._hierarchy import Hierarchy
from lexel.towers._swin import SwinConfig
from lexel.towers._windows import Windows
from lexel.towers.swin import Swin
from lexel.towers.swinv2 import SwinV2, SwinV2Config

# Of 2 × 2 pixels a cell: windows that divide the raster, that do not, that are the raster, odd rasters, odd pictures.
SIZES = [(32, 32), (36, 44), (30, 38), (29, 37), (16, 16), (17, 40), (22, 64)]

by_version = pytest.mark.parametrize("version", [1, 2])


@by_version
@pytest.mark.parametrize("size", SIZES)
def test_every_stage_equals_transformers(version, size):
    model = peer(version)
    tower = our(model)
    batch = torch.stack(pixels(size, size))
    last, pooled, stages = stages_of(model, batch)
    first, second = tower.stages(batch, 1)
    assert close(first.packed.x, stages[0])
    assert close(second.packed.x, last)
    assert close(second.packed.x, model.layernorm(stages[1]))
    packed = tower.encode_pixels(batch)
    assert torch.equal(packed.x, second.packed.x)
    assert close(tower.pooled(packed), pooled)


@pytest.mark.parametrize("side", [8, 16, 64])
@pytest.mark.parametrize("pretrained", [(0, 0), (3, 2)])
def test_windows_of_version_2_are_those_of_the_size_in_training(side, pretrained):
    model = peer(2, side=side, pretrained=pretrained)
    for size in [(32, 32), (30, 38)]:
        batch = torch.stack(pixels(size))
        last, _, stages = stages_of(model, batch)
        first, second = our(model, side=side, pretrained=pretrained).stages(batch, 1)
        assert close(first.packed.x, stages[0])
        assert close(second.packed.x, last)


@by_version
def test_pictures_of_unequal_sizes_in_one_call_equal_one_by_one(version):
    tower = our(peer(version))
    pictures = pixels((32, 32), (30, 38), (5, 50), (3, 3), (30, 38))
    together, alone = tower.stages(pictures, 1), [tower.stages([picture], 1) for picture in pictures]
    for stage in range(2):
        packed = together[stage].packed
        for rows, one in zip(packed.x.split(list(packed.counts)), alone, strict=True):
            assert close(one[stage].packed.x, rows, tolerance=1e-6)


@by_version
def test_no_pictures_are_no_tokens(version):
    tower = our(peer(version))
    first, last = tower.stages([], 1)
    assert (first.packed.x.shape, last.packed.x.shape) == ((0, 8), (0, 16))
    assert tower.pooled(last.packed).shape == (0, 16)


def literal(q, k, v, table, grid, side, shift, hide):
    """Attention in windows cell by cell: q, k, v [h·w, H, d] → [h·w, H·d]. What is outside is zeros."""
    (h, w), (rows, columns) = grid, (-(-grid[0] // side) * side, -(-grid[1] // side) * side)
    out = torch.zeros_like(v)

    def place(i, length):
        """Window and part of it of a row or a column of the filled-up raster."""
        rolled = (i - shift) % length
        last = rolled >= length - side
        return rolled // side, rolled % side, bool(shift and last and rolled >= length - shift)

    def cell(x, i, j):
        return x[i * w + j] if i < h and j < w else torch.zeros_like(x[0])

    for i in range(h):
        for j in range(w):
            (wi, ri, pi), (wj, rj, pj) = place(i, rows), place(j, columns)
            scores, values = [], []
            for y in range(rows):
                for x in range(columns):
                    (wy, ry, py), (wx, rx, px) = place(y, rows), place(x, columns)
                    if (wy, wx) == (wi, wj):
                        score = (q[i * w + j] * cell(k, y, x)).sum(-1) / q.shape[-1] ** 0.5
                        score = score + table[(ri - ry + side - 1) * (2 * side - 1) + rj - rx + side - 1]
                        scores.append(score - hide * ((py, px) != (pi, pj)))
                        values.append(cell(v, y, x))
            out[i * w + j] = (torch.stack(scores).softmax(0)[..., None] * torch.stack(values)).sum(0)
    return out.flatten(1)


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("grid", [(6, 6), (7, 4), (2, 5), (3, 3)])
def test_windows_equal_the_literal_steps(grid, shift):
    draw = torch.Generator().manual_seed(0)
    grids, count = [grid, (4, 4)], grid[0] * grid[1]
    x = torch.randn(count + 16, 3 * 8, generator=draw)
    table = torch.randn(25, 2, generator=draw)
    windows = Windows.of(grids, [(3, shift)] * 2, hide=100.0, like=x)
    q, k, v = windows.cut(x).view(-1, 3, 2, 4).unbind(1)
    mixed = windows.attend(q, k, v, table=lambda side: table)
    expected = [
        literal(*part.view(-1, 3, 2, 4).unbind(1), table, each, 3, shift, 100.0)
        for part, each in zip(x.split([count, 16]), grids, strict=True)
    ]
    assert close(mixed, torch.cat(expected))


def test_a_raster_smaller_than_a_window_has_smaller_windows_and_the_bias_of_the_same_displacements():
    """`transformers` fails here: it adds the bias of whole windows to scores of smaller ones."""
    layer = our(peer(1)).layers[0]
    attention, grid = layer.blocks[0].attention, (2, 6)
    assert layer.side(grid) == (2, 0)
    x = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
    near = [(WINDOW - 1 + y) * (2 * WINDOW - 1) + WINDOW - 1 + x for y in (-1, 0, 1) for x in (-1, 0, 1)]
    q, k, v = attention.qkv(x).view(-1, 3, 2, 4).unbind(1)
    expected = literal(q, k, v, attention.positions[near], grid, 2, 0, 100.0)
    assert close(attention(x, Windows.of([grid], [(2, 0)], hide=100.0, like=x)), attention.out(expected))


def test_a_small_picture_leaves_nothing_behind():
    """`transformers` cuts smaller windows ever after."""
    tower = our(peer(1))
    [large] = pixels((32, 32))
    before = tower.encode_pixels([large]).x
    tower.encode_pixels(pixels((6, 6)))
    assert torch.equal(tower.encode_pixels([large]).x, before)


@by_version
def test_cells_tile_the_picture_at_every_stage(version):
    """Each pixel of a picture whose sides do not divide lies in exactly one box of each stage."""
    model = Hierarchy(our(peer(version)), preparation=Preparation(None))
    height, width = 29, 37
    for level, tokens in enumerate(model.hierarchy([make_picture(height, width)])):
        edges = tokens.boxes * np.array([width, height, width, height])
        y, x = np.mgrid[:height, :width] + 0.5
        inside = [(x0 < x) & (x < x1) & (y0 < y) & (y < y1) for x0, y0, x1, y1 in edges]
        assert (np.sum(inside, axis=0) == 1).all()
        assert edges[0] == pytest.approx([0, 0, 2 << level, 2 << level], abs=1e-4)
        assert (tokens.level == level).all()
        assert model.tokenize([make_picture(height, width)], stage=level).equals(tokens)


@by_version
@pytest.mark.parametrize("wrong", [(1, 28, 28), (3, 28), (3, 0, 6)])
def test_pixels_of_another_shape_are_refused(version, wrong):
    with pytest.raises(BadArguments, match=r"\[3, H, W\]"):
        our(peer(version)).encode_pixels([torch.zeros(wrong)])


@by_version
def test_no_selector_stands_inside(version):
    with pytest.raises(BadArguments, match="windows need every cell"):
        our(peer(version)).with_inside(ToMe(r=1))


@by_version
def test_gradients_reach_every_parameter(version):
    tower = our(peer(version)).requires_grad_(True)
    tower.pooled(tower.encode_pixels(pixels((32, 32), (30, 38)))).square().sum().backward()
    still = [name for name, value in tower.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    assert not still


@pytest.mark.parametrize(
    ("version", "width", "depths", "heads", "head", "whole"),
    [
        (1, 96, (2, 2, 6, 2), (3, 6, 12, 24), 769_000, 28_288_354),
        (1, 128, (2, 2, 18, 2), (4, 8, 16, 32), 1_025_000, 87_768_224),
        (2, 96, (2, 2, 6, 2), (3, 6, 12, 24), 769_000, 28_347_154),
    ],
)
def test_parameter_counts_are_the_published_ones(version, width, depths, heads, head, whole):
    sizes = {"patch_size": 4, "width": width, "depths": depths, "heads": heads}
    with torch.device("meta"):
        tower = (
            Swin(SwinConfig(**sizes, window=7, side=224))
            if version == 1
            else SwinV2(SwinV2Config(**sizes, window=8, side=256, pretrained=(0, 0, 0, 0)))
        )
    assert parameters(tower) + head == whole
