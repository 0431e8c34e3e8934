"""What the selectors that work on the raster share: from weights along each side to a plan."""

from collections.abc import Callable

import numpy as np

from lexel.errors import BadArguments
from lexel.ragged.groups import splits_where
from lexel.ragged.ops import host, like
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Float, Int
from lexel.tokens.protocols import Evidence

Weights = Callable[[int, int], tuple[Float[Array, "rows h"], Float[Array, "cols w"]]]


def raster_plan(stage: object, evidence: Evidence, weights: Weights) -> Plan:
    """A new raster a picture: target (i, j) is made of source (y, x) with weight `rows[i, y] · cols[j, x]`.

    `weights(h, w)` gives both matrices for a raster of h × w. Tokens that are no regions stay, before the raster.
    It is decided on the host, where rasters are small numbers. Raises `BadArguments` in the words of `stage` for a
    picture whose tokens lie on no raster.
    """
    protected, splits, rasters = host(evidence.protected()), host(evidence.splits), host(evidence.grid)
    regions = np.diff(splits_where(~protected, splits))
    if (rasters.prod(axis=1) != regions).any():
        raise BadArguments(f"{stage!r} works on a raster, and these tokens lie on none: they were merged or dropped")
    grid = np.zeros_like(rasters)
    sources, targets, edge_weights, splits_out = [_none(int)], [_none(int)], [_none(np.float32)], [0]
    for b, (h, w) in enumerate(rasters.tolist()):
        rows = np.arange(splits[b], splits[b + 1])
        fixed, region = rows[protected[rows]], rows[~protected[rows]]
        y, x = weights(h, w)
        target, source, weight = _outer(y, x)
        first = splits_out[-1] + len(fixed)
        sources += [fixed, region[source]]
        targets += [np.arange(splits_out[-1], first), first + target]
        edge_weights += [np.ones(len(fixed), np.float32), weight]
        grid[b] = (len(y), len(x)) if h * w else (0, 0)
        splits_out.append(first + (len(y) * len(x) if h * w else 0))
    weight = np.concatenate(edge_weights)
    return Plan(
        source=like(np.concatenate(sources), evidence.splits),
        target=like(np.concatenate(targets), evidence.splits),
        weight=None if (weight == 1).all() else like(weight, evidence.splits),
        splits_in=evidence.splits,
        splits_out=like(np.array(splits_out, np.int64), evidence.splits),
        grid=like(grid, evidence.splits),
    )


def _outer(y: Float[Array, "rows h"], x: Float[Array, "cols w"]) -> tuple[Int[Array, "E"], Int[Array, "E"], Array]:
    """Edges (target, source, weight) of the product of both sides, sorted by (target, source)."""
    (i, row), (j, column) = np.nonzero(y), np.nonzero(x)
    target = i[:, None] * len(x) + j
    source = row[:, None] * x.shape[1] + column
    weight = y[i, row][:, None] * x[j, column]
    order = np.lexsort((source.ravel(), target.ravel()))
    return target.ravel()[order], source.ravel()[order], weight.ravel()[order]


def _none(dtype: type) -> Array:
    return np.zeros(0, dtype)
