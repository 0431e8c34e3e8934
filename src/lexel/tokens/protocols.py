"""All the protocols of lexel, the evidence that selectors look at, and the text of a stage.

    Tokenizer   pictures → Tokens            partitions, towers, autoencoders, detectors
    Step        Tokens → Tokens              connectors, quantizers on tokens
    Selector    Evidence → Plan              reducers: the only thing that may stand inside a tower

No base class: an object that has the method is one. `lexel.testing` holds the contract that comes with it.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from lexel.pictures.picture import Picture
from lexel.ragged.ops import segment_sum
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Bool, Float, Int
from lexel.tokens.meaning import Kind, Space

if TYPE_CHECKING:
    from lexel.tokens.value import Tokens


@runtime_checkable
class Tokenizer(Protocol):
    """Pictures → tokens. Invertible ones also have `detokenize(tokens) -> list[Picture]`."""

    @property
    def space(self) -> Space:
        """What the data of its tokens mean."""
        ...

    def tokenize(self, pictures: Iterable[Picture]) -> "Tokens":
        """One `Tokens` for all pictures, in their order."""
        ...


@runtime_checkable
class Step(Protocol):
    """Tokens → tokens in another space."""

    def __call__(self, tokens: "Tokens", query: "Tokens | None" = None) -> "Tokens":
        """The same pictures with other tokens."""
        ...


@runtime_checkable
class Selector(Protocol):
    """Evidence → plan. It decides and touches no data; whoever holds the tokens applies the plan.

    `needs` names what it must see: "keys", "attention.cls", "attention.received", "attention.last", "query".
    A merge that is not a mean adds `merge(plan, x, mass)`.
    """

    needs: frozenset[str]

    def plan(self, evidence: "Evidence") -> Plan:
        """Which tokens become which."""
        ...


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a selector may look at. Floats are float32 whatever the tower computes in: a decision needs the digits.

    splits      int64 `[B + 1]`: the tokens of each picture
    mass        float32 `[N]`
    kind        int8 `[N]`
    grid        int64 `[B, 2]` raster of each picture's region tokens, (0, 0) where they lie on none
    keys        float32 `[N, d]`: attention keys, mean of heads; the data of tokens that never met attention
    layer, layers   where the selector stands in a tower; None outside
    attention   rows by name, each float32 `[N]`; only those in `needs`
    query       float32 `[Nq, d]` tokens of the question, where asked for
    """

    splits: Int[Array, "B1"]
    mass: Float[Array, "N"]
    kind: Int[Array, "N"]
    grid: Int[Array, "B 2"]
    keys: Float[Array, "N d"]
    layer: int | None = None
    layers: int | None = None
    attention: dict[str, Float[Array, "N"]] = field(default_factory=dict)
    query: Float[Array, "Nq d"] | None = None

    @classmethod
    def of(cls, tokens: "Tokens") -> "Evidence":
        """What tokens say of themselves after a tower or a partition."""
        keys = tokens.columns.get("keys", tokens.data)
        return cls(
            splits=tokens.splits,
            mass=tokens.mass,
            kind=tokens.kind,
            grid=rasters(tokens),
            keys=keys.reshape(len(keys), math.prod(keys.shape[1:])).astype(np.float32),
            attention={name: x for name, x in tokens.columns.items() if name.startswith("attention.")},
        )

    def protected(self) -> Bool[Array, "N"]:
        """Tokens that no selector may drop or merge: everything that is not a region of the picture."""
        protected: Array = self.kind != Kind.REGION
        return protected


def rasters(tokens: "Tokens") -> Int[Array, "B 2"]:
    """The grid of every picture whose region tokens fill one raster; (0, 0) for the others."""
    table = tokens.pictures
    grids: Array = np.zeros((len(tokens), 2), np.int64)
    single = np.flatnonzero(np.diff(table.crops) == 1)
    grids[single] = table.grids[table.crops[:-1][single]]
    regions = segment_sum((tokens.kind == Kind.REGION).astype(np.int64), tokens.splits)
    grids[grids.prod(axis=1) != regions] = 0
    return grids


def stage_text(method: object) -> str:
    """The canonical text of a method that is a dataclass: `quadtree(8, 64, budget=256)`. Its `__repr__`.

    Positional fields come first, keyword-only ones by name; what is at its default and can be left out is. The name
    is the file's: `reducers/tome.py` → `tome`.
    """
    taken = [f for f in dataclasses.fields(method) if f.init]  # type: ignore[arg-type]
    value = {f.name: getattr(method, f.name) for f in taken}
    by_place = [f for f in taken if not f.kw_only]
    while (
        by_place
        and by_place[-1].default is not dataclasses.MISSING
        and value[by_place[-1].name] == by_place[-1].default
    ):
        by_place.pop()
    said = [repr(value[f.name]) for f in by_place]
    said += [f"{f.name}={value[f.name]!r}" for f in taken if f.kw_only and value[f.name] != f.default]
    name = type(method).__module__.rpartition(".")[2]
    return f"{name}({', '.join(said)})" if said else name
