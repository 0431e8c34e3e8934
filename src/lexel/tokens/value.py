"""`Tokens`: the one value that flows between all parts.

    pictures   ├─── cat.jpg ───┤├─ dog.jpg ─┤        B = 2
    splits     0                4           7
    data       ▪   ▪   ▪   ▪    ▪   ▪   ▪            N = 7 rows, packed end to end
    boxes      ▫   ▫   ▫   ▫    ▫   ▫   ▫            … and a row in every other field

A ragged batch, frozen by contract: arrays are read-only and every method gives a new value.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from lexel.errors import SpaceMismatch, TokensError
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Bool, Float, Int, Num
from lexel.tokens import views
from lexel.tokens.checks import check
from lexel.tokens.labels import LabelMap
from lexel.tokens.meaning import PictureTable, Space

if TYPE_CHECKING:
    from lexel.tokens.protocols import Selector

T = TypeVar("T")
ROWS = ("data", "boxes", "kind", "mass", "level")  # the fields with one row a token


@dataclass(frozen=True, eq=False, repr=False)
class Tokens:
    """A ragged batch of B pictures and N tokens.

    data       `[N, D]` float or uint8: vectors; `[N]`, `[N, Q]` integer: codes. `space.kind` says which
    boxes      float32 `[N, 4]` where: x0 y0 x1 y1 in the unit square of the upright original
    kind       int8 `[N]`, see `Kind`
    mass       float32 `[N]` how many base tokens it stands for
    level      int16 `[N]` scale: 0 is the finest
    splits     int64 `[B + 1]`: picture b owns rows `splits[b]:splits[b + 1]`
    pictures   their names, sizes, digests, views and grids
    space      what the data mean
    columns    further rows by name `[N, …]`: time, score, label, crop, layer, entropy, keys, attention.cls, …
    recipe     how it was made, as pipeline text; shown, never compared

    Raises `TokensError` when a field breaks its rule. Zero pictures, zero tokens and pictures without tokens are
    normal values.
    """

    data: Num[Array, "N *D"]
    boxes: Float[Array, "N 4"]
    kind: Int[Array, "N"]
    mass: Float[Array, "N"]
    level: Int[Array, "N"]
    splits: Int[Array, "B1"]
    pictures: PictureTable
    space: Space
    columns: Mapping[str, Num[Array, "N *rest"]] = field(default_factory=dict)
    recipe: str = ""

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "columns", dict(self.columns))
        for array in (self.data, self.boxes, self.kind, self.mass, self.level, self.splits, *self.columns.values()):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def counts(self) -> Int[Array, "B"]:
        """Tokens of each picture."""
        return np.diff(self.splits)

    @property
    def total(self) -> int:
        """N, the tokens of all pictures."""
        return int(self.splits[-1])

    @overload
    def __getitem__(self, key: str) -> Num[Array, "N *rest"]: ...
    @overload
    def __getitem__(self, key: int | slice | Sequence[int] | Array) -> "Tokens": ...
    def __getitem__(self, key: str | int | slice | Sequence[int] | Array) -> "Tokens | Num[Array, 'N *rest']":
        """By picture: `tokens[3]`, `tokens[2:5]`, `tokens[[3, 1]]`, `tokens[mask]`; always a `Tokens`.

        A text is a column: `tokens["score"]`. Raises `KeyError`, `IndexError`.
        """
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"no column {key!r}; there is {', '.join(sorted(self.columns)) or 'none'}")
            return self.columns[key]
        if isinstance(key, int | np.integer):
            key = [int(key)]
        pictures = np.arange(len(self))[key if isinstance(key, slice) else np.asarray(key, _index_dtype(key))]
        counts = self.counts[pictures]
        splits = np.concatenate(([0], np.cumsum(counts)))
        rows = np.repeat(self.splits[:-1][pictures] - splits[:-1], counts) + np.arange(int(splits[-1]))
        return self._rows(rows, splits=splits, pictures=self.pictures.rows(pictures))

    def where(self, mask: Bool[Array, "N"]) -> "Tokens":
        """By token: `t.where(t.mass > 1)`. Pictures stay, also those without a token left."""
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (self.total,):
            raise TokensError(f"where takes one truth value a token: bool [{self.total}], got {_shape(mask)}")
        return self if mask.all() else self.apply(Plan.keep(mask, self.splits))

    def apply(self, plan: Plan, selector: "Selector | None" = None) -> "Tokens":
        """The tokens that `plan` makes of these. A selector whose merge is not a mean brings its own.

        Vectors and float columns are averaged by mass, codes and integers taken from the heaviest source, boxes
        joined, masses summed. Raises `TokensError` when the plan is of other tokens.
        """
        if not np.array_equal(plan.splits_in, self.splits):
            raise TokensError(f"the plan is for counts {np.diff(plan.splits_in)}, the tokens have {self.counts}")
        merge = getattr(selector, "merge", None)
        vectors = self.space.kind == "vectors"
        data = merge(plan, self.data, self.mass) if merge and vectors else _join(plan, self.data, self.mass, vectors)
        return Tokens(
            data=data,
            boxes=plan.union(self.boxes),
            kind=plan.take(self.kind, self.mass),
            mass=plan.out_mass(self.mass),
            level=plan.take(self.level, self.mass),
            splits=plan.splits_out,
            pictures=replace(self.pictures, grids=_grids(plan, self.pictures), maps=_maps(plan, self.pictures)),
            space=self.space,
            columns={name: _join(plan, x, self.mass, x.dtype.kind == "f") for name, x in self.columns.items()},
            recipe=self.recipe,
        )

    def with_(self, **fields: object) -> "Tokens":
        """A copy with other fields: `t.with_(recipe="…")`, `t.with_(columns={**t.columns, "score": s})`."""
        return replace(self, **fields)  # type: ignore[arg-type]

    @staticmethod
    def concat(batches: Sequence["Tokens"]) -> "Tokens":
        """The pictures of several batches, one after the other.

        Raises `SpaceMismatch` for other spaces, `TokensError` for other columns or for no batch at all.
        """
        if not batches:
            raise TokensError("nothing to join: an empty list has no space")
        first = batches[0]
        for other in batches[1:]:
            if other.space != first.space:
                raise SpaceMismatch(f"{first.space} cannot be joined with {other.space}")
            if set(other.columns) != set(first.columns):
                raise TokensError(f"columns differ: {sorted(first.columns)} and {sorted(other.columns)}")
        starts = np.cumsum([0] + [batch.total for batch in batches])
        splits = [batch.splits[1:] + start for batch, start in zip(batches, starts[:-1], strict=True)]
        return Tokens(
            **{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in ROWS},
            splits=np.concatenate([np.zeros(1, np.int64), *splits]),
            pictures=PictureTable.concat([batch.pictures for batch in batches]),
            space=first.space,
            columns={name: np.concatenate([batch.columns[name] for batch in batches]) for name in first.columns},
            recipe=first.recipe if all(batch.recipe == first.recipe for batch in batches) else "",
        )

    def padded(self) -> tuple[Num[Array, "B M *D"], Bool[Array, "B M"]]:
        """(data `[B, M, …]` padded with zeros, mask `[B, M]` True where a token is)."""
        return views.padded(self)

    def grid(self, picture: int) -> Num[Array, "h w *D"]:
        """Region tokens of one picture as its raster. Raises `TokensError` where they lie on none."""
        return views.grid(self, picture)

    def grids(self) -> list[Num[Array, "h w *D"]]:
        """The raster of every crop, in order."""
        return views.grids(self)

    def at(self, picture: int, x: float, y: float) -> Int[Array, "n"]:
        """Rows of the region tokens of `picture` that cover the point (x, y) of the unit square."""
        return views.at(self, picture, x, y)

    def check(self) -> "Tokens":
        """Check every rule again and return self; raises `TokensError`."""
        check(self)
        return self

    def equals(self, other: "Tokens") -> bool:
        """Whether every byte but the recipe is equal."""
        return (
            self.space == other.space
            and self.pictures == other.pictures
            and set(self.columns) == set(other.columns)
            and all(_same(getattr(self, name), getattr(other, name)) for name in (*ROWS, "splits"))
            and all(_same(x, other.columns[name]) for name, x in self.columns.items())
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to `path`, atomically; the suffix decides: .safetensors, .parquet, or none for a folder of shards.

        Equal tokens with equal recipes give equal .safetensors bytes. Raises `OutputError`, `TokensError` for another
        suffix, `MissingExtra` for parquet without [data].
        """
        from lexel.tokens import files, parquet, stream

        form(path, {".safetensors": files.save, ".parquet": parquet.save, "": stream.save})(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokens":
        """Read what `save` or `lexel tokenize` wrote. Raises `TokensError` that names the file."""
        from lexel.tokens import files, parquet, stream

        return form(path, {".safetensors": files.load, ".parquet": parquet.load, "": stream.load})(path)

    def __repr__(self) -> str:
        counts = self.counts
        each = ""
        if len(counts) > 1:
            each = f", {counts.min()} each" if (counts == counts[0]).all() else f", {counts.min()}–{counts.max()} each"
        pictures = f"{len(self)} picture{'' if len(self) == 1 else 's'}"
        return f"<{self.total:,} tokens of {pictures}{each}: {self.space}, {self.data.dtype}>"

    def _rows(self, rows: Int[Array, "M"], *, splits: Int[Array, "B1"], pictures: PictureTable) -> "Tokens":
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ROWS},
            splits=splits,
            pictures=pictures,
            columns={name: x[rows] for name, x in self.columns.items()},
        )


def form(path: str | os.PathLike[str], forms: Mapping[str, T]) -> T:
    """What the suffix of `path` stands for. Raises `TokensError` for another one."""
    suffix = Path(path).suffix
    if suffix not in forms:
        raise TokensError(f"tokens are .safetensors, .parquet or a folder, not {suffix}", subject=str(path))
    return forms[suffix]


def _join(plan: Plan, x: Num[Array, "N *rest"], mass: Float[Array, "N"], average: bool) -> Num[Array, "M *rest"]:
    return plan.mean(x, mass) if average else plan.take(x, mass)


def _grids(plan: Plan, pictures: PictureTable) -> Int[Array, "C 2"]:
    """The rasters after a plan: its own, where pictures have one crop each; the old ones where nothing changed."""
    if plan.grid is not None and len(pictures.grids) == len(plan.grid):
        return plan.grid
    picture = np.searchsorted(plan.splits_out, plan.target, side="right") - 1
    stays = plan.source - plan.splits_in[picture] == plan.target - plan.splits_out[picture]
    if plan.weight is not None:
        stays &= plan.weight == 1
    counts = np.diff(plan.splits_in)
    edges, staying = np.bincount(picture, minlength=len(counts)), np.bincount(picture[stays], minlength=len(counts))
    unchanged = (np.diff(plan.splits_out) == counts) & (edges == counts) & (staying == counts)
    return np.where(np.repeat(unchanged, np.diff(pictures.crops))[:, None], pictures.grids, 0)


def _maps(plan: Plan, pictures: PictureTable) -> tuple[LabelMap | None, ...]:
    """The maps after a plan: the pixels of a token go where it gave most."""
    if not any(pictures.maps):
        return pictures.maps
    maps: list[LabelMap | None] = []
    for b, crops in enumerate(zip(pictures.crops[:-1], pictures.crops[1:], strict=True)):
        home = plan.home[plan.splits_in[b] : plan.splits_in[b + 1]]
        names = np.where(home < 0, -1, home - plan.splits_out[b])
        maps += [label_map.renamed(names) if label_map else None for label_map in pictures.maps[slice(*crops)]]
    return tuple(maps)


def _index_dtype(key: object) -> type:
    return bool if np.asarray(key).dtype == bool else np.int64


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _shape(x: Array) -> str:
    return f"{x.dtype} {list(x.shape)}"
