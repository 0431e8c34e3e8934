"""Which tokens become which: the decision of a reducer, apart from the data it is applied to.

    tokens   0  1  2  3  4  5            source  0 2 │ 1 │ 3 4        5 is in no edge: dropped
              \\ │ /   │   \\ /             target  0 0 │ 1 │ 2 2
    targets    0       1    2             (sorted by target, then source)

Keep, drop, hard merge, soft and overlapping merge are all edges from a source token to a target token, with an
optional weight. Twelve layers of merging compose to one plan from first to last tokens (`then`): the thing that is
applied, drawn and checked.

What towers do in every layer (`keep`, `assign`, `mean`, `take`, `out_mass`) runs on NumPy and on torch. What is done
once at the door (`union`, `then`, `scatter`) is NumPy's: take the plan to the `host` first.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lexel.ragged.groups import places, splits_where
from lexel.ragged.ops import bounds, host, repeat, segment_argsort, segment_max, segment_sum, splits_of, take
from lexel.shapes import Array, Bool, Float, Int, Num, Shaped


@dataclass(frozen=True, eq=False)
class Plan:
    """Edges from N tokens to M targets; rows count through the whole batch.

    source, target    int64 `[E]`, sorted by (target, source)
    weight            float32 `[E]`, > 0, or None where every edge weighs 1
    splits_in         int64 `[B + 1]`: the tokens of each picture
    splits_out        int64 `[B + 1]`: the targets of each picture
    grid              int64 `[B, 2]` (rows, columns) where the targets of a picture are a raster, (0, 0) where not;
                      None for "no raster". Only a selector that makes one (pool, resize) can know it.
    joins             False for plans that only keep and drop: data keep their dtype, bytes stay bytes
    """

    source: Int[Array, "E"]
    target: Int[Array, "E"]
    weight: Float[Array, "E"] | None
    splits_in: Int[Array, "B1"]
    splits_out: Int[Array, "B1"]
    grid: Int[Array, "B 2"] | None = None
    joins: bool = True

    @classmethod
    def identity(cls, splits: Int[Array, "B1"]) -> "Plan":
        """Every token stays what it is."""
        rows = _rows(splits)
        return cls(rows, rows, None, splits, splits, joins=False)

    @classmethod
    def keep(cls, kept: Bool[Array, "N"], splits: Int[Array, "B1"]) -> "Plan":
        """Keep the tokens where `kept`, drop the others; order stays."""
        rows = _rows(splits)
        source = rows[kept]
        return cls(source, rows[: len(source)], None, splits, splits_where(kept, splits), joins=False)

    @classmethod
    def assign(cls, target: Int[Array, "N"], splits_in: Int[Array, "B1"], splits_out: Int[Array, "B1"]) -> "Plan":
        """Send each token to its one target; −1 drops it.

        Plan.assign([0, 1, 0, 2, 2, -1], [0, 6], [0, 3])      # the drawing above
        """
        order = segment_argsort(target, splits_in)
        order = order[target[order] >= 0]
        return cls(order, target[order], None, splits_in, splits_out)

    @cached_property
    def edges(self) -> Int[Array, "M1"]:
        """Target t owns the edges `edges[t]:edges[t + 1]`."""
        return bounds(self.target, int(self.splits_out[-1]))

    @cached_property
    def hard(self) -> bool:
        """Whether each token goes to one target at most, with weight 1."""
        return self.weight is None and len(self.source) == len(self.dropped) - int(self.dropped.sum())

    @cached_property
    def dropped(self) -> Bool[Array, "N"]:
        """Which tokens are in no edge."""
        lost: Array = _rows(self.splits_in) >= 0
        lost[self.source] = False
        return lost

    @cached_property
    def home(self) -> Int[Array, "N"]:
        """The target that each token gives most to (ties: the lowest), −1 for dropped ones."""
        home: Array = np.full(int(self.splits_in[-1]), -1, np.int64)
        weight = np.ones(len(self.source), np.float32) if self.weight is None else self.weight
        order = np.lexsort((self.target, -weight, self.source))
        source, first = np.unique(self.source[order], return_index=True)
        home[source] = self.target[order][first]
        return home

    def host(self) -> "Plan":
        """The same plan in NumPy."""
        return replace(
            self,
            source=host(self.source),
            target=host(self.target),
            weight=None if self.weight is None else host(self.weight),
            splits_in=host(self.splits_in),
            splits_out=host(self.splits_out),
            grid=None if self.grid is None else host(self.grid),
        )

    def share(self, mass: Float[Array, "N"]) -> Float[Array, "E"]:
        """What each edge carries: weight · mass of its source."""
        carried = take(mass, self.source)
        return carried if self.weight is None else carried * self.weight

    def out_mass(self, mass: Float[Array, "N"]) -> Float[Array, "M"]:
        """Mass of the targets: Σ w·m. A hard merge conserves the mass of what is not dropped."""
        return segment_sum(self.share(mass), self.edges)

    def mean(self, x: Num[Array, "N *rest"], mass: Float[Array, "N"]) -> Num[Array, "M *rest"]:
        """Weighted means: Σ w·m·x / Σ w·m. Integers and bytes are averaged in float32.

        A target of one edge is that token bit for bit, so that untouched tokens stay untouched.
        """
        if not self.joins:
            return take(x, self.source)
        if isinstance(x, np.ndarray) and not np.issubdtype(x.dtype, np.floating):
            x = x.astype(np.float32)
        counts = self.edges[1:] - self.edges[:-1]
        joined = counts > 1
        mean = take(x, self.source[self.edges[:-1]])
        if not joined.any():
            return mean
        share = self.share(mass).reshape(-1, *[1] * (x.ndim - 1))
        among = repeat(joined, counts)
        splits = splits_of(counts[joined])
        total = segment_sum(share[among], splits)
        mean[joined] = _cast(segment_sum(take(x, self.source[among]) * share[among], splits) / total, mean)
        return mean

    def take(self, x: Shaped[Array, "N *rest"], mass: Float[Array, "N"]) -> Shaped[Array, "M *rest"]:
        """The value of the heaviest source of each target (ties: lowest row): for kinds, levels, labels, codes."""
        _, edge = segment_max(self.share(mass), self.edges)
        return take(x, self.source[edge])

    def union(self, boxes: Float[Array, "N 4"]) -> Float[Array, "M 4"]:
        """The smallest box around the sources of each target: x0 y0 x1 y1."""
        corners = take(boxes, self.source)
        low = [-segment_max(-corners[:, axis], self.edges)[0] for axis in (0, 1)]
        high = [segment_max(corners[:, axis], self.edges)[0] for axis in (2, 3)]
        return np.stack(low + high, axis=1)

    def then(self, other: "Plan") -> "Plan":
        """This plan, then `other` on its targets, as one plan. Weights multiply, and add up over double paths.

        `mean` of the composition is the mean of the means, because each mean carries its mass along.
        """
        if not np.array_equal(self.splits_out, other.splits_in):
            raise ValueError(
                f"the first plan ends in {self.splits_out.tolist()}, the second starts from {other.splits_in.tolist()}"
            )
        counts = np.diff(self.edges)[other.source]  # each edge of `other` opens into the edges of its source
        start = repeat(self.edges[:-1][other.source] - np.cumsum(counts) + counts, counts)
        first = start + np.arange(int(counts.sum()))
        source, target = self.source[first], repeat(other.target, counts)
        order = np.lexsort((source, target))
        source, target = source[order], target[order]
        weight: Array | None = None
        if self.weight is not None or other.weight is not None:
            weight = np.ones(len(source), np.float32)
            if self.weight is not None:
                weight = weight * self.weight[first]
            if other.weight is not None:
                weight = weight * repeat(other.weight, counts)
            weight = weight[order]
        fresh = np.ones(len(source), bool)
        fresh[1:] = (np.diff(source) != 0) | (np.diff(target) != 0)
        if not fresh.all():  # two ways from one token to one target
            starts = np.append(np.flatnonzero(fresh), len(source))
            weight = segment_sum(np.ones(len(source), np.float32) if weight is None else weight, starts)
            source, target = source[fresh], target[fresh]
        return Plan(source, target, weight, self.splits_in, other.splits_out, other.grid, self.joins or other.joins)

    def scatter(self, y: Shaped[Array, "M *rest"]) -> Shaped[Array, "N *rest"]:
        """Give the targets' values back to their sources (un-merge); 0 where a token was dropped.

        A token with several targets gets their mean by weight, in floating point.
        """
        count = int(self.splits_in[-1])
        if self.hard:
            x = np.zeros((count, *y.shape[1:]), y.dtype)
            x[self.source] = take(y, self.target)
            return x
        order = np.argsort(self.source, kind="stable")
        edges = np.searchsorted(self.source[order], np.arange(count + 1))
        weight = np.ones(len(order), np.float32) if self.weight is None else self.weight[order]
        total = segment_sum(weight, edges)
        total[total == 0] = 1
        weight = weight.reshape(-1, *[1] * (y.ndim - 1))
        return segment_sum(take(y, self.target[order]) * weight, edges) / total.reshape(-1, *[1] * (y.ndim - 1))


def _rows(splits: Int[Array, "S1"]) -> Int[Array, "N"]:
    """0, 1, … N − 1."""
    rows: Array = places(splits) + repeat(splits[:-1], splits[1:] - splits[:-1])
    return rows


def _cast(x: Num[Array, "N *rest"], model: Num[Array, "M *rest"]) -> Num[Array, "N *rest"]:
    """`x` in the dtype of `model`."""
    cast: Array = x.astype(model.dtype) if isinstance(x, np.ndarray) else x.to(model.dtype)
    return cast
