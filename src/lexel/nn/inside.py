"""Selectors inside a network: what they are shown, and what their plan does to packed tokens.

Packed + keys + attention rows ─► Evidence ─► selector ─► Plan ─► fewer Packed tokens, heavier ones
"""

from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from lexel.errors import BadArguments, MissingNeed
from lexel.needs import torch
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Bool, Float, Num
from lexel.tokens.protocols import Evidence, Selector

# Rows a token by the name of their evidence, a column a head: keys [N, H, d], attention rows [N, H], rollout [N, 1].
Seen: TypeAlias = dict[str, Float[torch.Tensor, "N ..."]]


@dataclass(frozen=True)
class Inside:
    """A selector and the layers after whose attention it acts, all counted from 0. `layers` empty: every one."""

    selector: Selector
    layers: tuple[int, ...]

    @classmethod
    def of(cls, selector: Selector, layers: tuple[int, ...], *, depth: int, offers: frozenset[str]) -> "Inside":
        """`selector` at `layers` (negative ones count from the end) of a network of `depth` layers.

        Raises `BadArguments` for a layer that is not there, `MissingNeed` for evidence that the network cannot give.
        """
        wrong = [layer for layer in layers if not -depth <= layer < depth]
        if wrong:
            raise BadArguments(f"there is no layer {wrong[0]}: they are 0 to {depth - 1}, or -{depth} to -1")
        missing = sorted(need for need in selector.needs if need.removesuffix(".joined") not in offers)
        if missing:
            raise MissingNeed(
                f"{selector!r} needs {' and '.join(missing)}, which this tower does not give inside",
                hint=f"inside it gives {', '.join(sorted(offers))}, each of the selector's own layer",
            )
        return cls(selector, tuple(sorted({layer % depth for layer in layers})))

    def acts_at(self, layer: int) -> bool:
        """Whether the selector acts after the attention of `layer`."""
        return not self.layers or layer in self.layers


def column(seen: Seen, need: str) -> Float[torch.Tensor, "N ..."]:
    """The rows behind a name such as `keys` or `attention.cls.joined@-2`, float32: the mean of the heads, or all."""
    name = need.partition("@")[0]
    rows = seen[name.removesuffix(".joined")]
    return rows.flatten(1).float() if name.endswith(".joined") else rows.float().mean(1)


def decide(inside: Inside, packed: Packed, seen: Seen, *, layer: int, depth: int) -> Plan:
    """The plan of a selector that is shown `packed` and what attention saw in `layer`."""
    needs = inside.selector.needs
    evidence = Evidence(
        splits=_array(packed.splits),
        mass=_array(mass_of(packed)),
        kind=_array(packed.kind),
        grid=_array(packed.grid),
        keys=_array(column(seen, "keys")),
        layer=layer,
        layers=depth,
        attention={need: _array(column(seen, need)) for need in needs if need.startswith("attention.")},
    )
    return inside.selector.plan(evidence)


def apply(plan: Plan, packed: Packed, selector: Selector | None = None) -> Packed:
    """What `plan` makes of the tokens. A selector whose merge is not a mean brings its own."""
    if not plan.joins and len(plan.source) == len(packed.x):
        return packed
    mass = mass_of(packed)
    merge = getattr(selector, "merge", None)
    splits = _tensor(plan.splits_out)
    # A raster stays where nothing was joined and nothing dropped, unless the selector made one.
    whole = (splits.diff() == packed.splits.diff()) & (not plan.joins)
    return replace(
        packed,
        x=merge(plan, packed.x, mass) if merge else averaged(plan, packed.x, packed),
        splits=splits,
        mass=None if packed.mass is None and not plan.joins else _tensor(plan.out_mass(_array(mass))),
        kind=_tensor(plan.take(_array(packed.kind), _array(mass))),
        grid=packed.grid * whole[:, None] if plan.grid is None else _tensor(plan.grid),
        places=None if packed.places is None else averaged(plan, packed.places, packed),
    )


def kept(packed: Packed, rows: Bool[torch.Tensor, "N"]) -> tuple[Packed, Plan]:
    """The tokens at `rows` alone, and the plan that took them."""
    plan = Plan.keep(_array(rows), _array(packed.splits))
    return apply(plan, packed), plan


def averaged(plan: Plan, rows: Num[torch.Tensor, "N *rest"], packed: Packed) -> Num[torch.Tensor, "M *rest"]:
    """Rows of the tokens before the plan, as the tokens after it have them."""
    return _tensor(plan.mean(_array(rows), _array(mass_of(packed))))


def mass_of(packed: Packed) -> Float[torch.Tensor, "N"]:
    """How many base tokens each row stands for."""
    return packed.x.new_ones(len(packed.x), dtype=torch.float32) if packed.mass is None else packed.mass


def _array(x: torch.Tensor) -> Array:
    """Type checkers know NumPy's arrays alone; plans and selectors work on both."""
    return cast(Array, x)


def _tensor(x: Array) -> torch.Tensor:
    return cast(torch.Tensor, x)
