"""Tables of keys: our names beside a published layout's, one line a rule.

    image.norm_in                                  visual.ln_pre
    image.transformer.blocks.*.attention.qkv       vision_model.encoder.layers.*.self_attn.{q,k,v}_proj
    image.projection.weight                        visual.proj                                            transposed

A rule speaks of one tensor, or of all whose names go on after a dot (`.weight`, `.bias`). `*` is a number, the same on
both sides. `{q,k,v}` are several tensors that lie one after the other in ours. The third word is how the published one
is stored. The first rule that fits a name of ours counts, so that a table reads from the particular to the general.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lexel.needs import torch

Change: TypeAlias = "Callable[[torch.Tensor], torch.Tensor]"


@dataclass(frozen=True)
class Form:
    """How a tensor is stored, where not as ours: `ours(theirs)`, `theirs(ours)`. Views, but for a bias of keys."""

    ours: Change
    theirs: Change


def _patches(flat: "torch.Tensor") -> "torch.Tensor":
    side = math.isqrt(flat.shape[1] // 3)
    return flat.view(len(flat), side, side, 3).permute(0, 3, 1, 2)


def _without_keys(bias: "torch.Tensor") -> "torch.Tensor":
    return bias.view(3, -1)[::2].flatten() if bias.ndim == 1 and len(bias) % 3 == 0 else bias


def _with_keys(bias: "torch.Tensor") -> "torch.Tensor":
    whole = bias.new_zeros(3, len(bias) // 2)
    whole[::2] = bias.view(2, -1)
    return whole.flatten()


def _raster(cells: "torch.Tensor") -> "torch.Tensor":
    side = math.isqrt(len(cells))
    return cells.view(1, side, side, -1)


FORMS = {
    "": Form(lambda x: x, lambda x: x),
    "transposed": Form(lambda x: x.mT, lambda x: x.mT),
    "scalar": Form(lambda x: x.reshape(()) if x.numel() == 1 else x, lambda x: x),
    "[1]": Form(lambda x: x.reshape(()) if x.numel() == 1 else x, lambda x: x.reshape(1)),
    "[1,1,D]": Form(lambda x: x.flatten(), lambda x: x[None, None]),
    "[1,N,D]": Form(lambda x: x.flatten(0, -2), lambda x: x[None]),
    "[1,h,w,D]": Form(lambda x: x.flatten(0, -2), _raster),
    "[O,D,1,1]": Form(  # its bias is as it is
        lambda x: x.flatten(1) if x.ndim > 1 else x, lambda x: x[:, :, None, None] if x.ndim > 1 else x
    ),
    "[q,k,v]": Form(_without_keys, _with_keys),
    "[D,P·P·3]": Form(_patches, lambda x: x.permute(0, 2, 3, 1).flatten(1)),
}


@dataclass(frozen=True)
class Rule:
    """One line: names of ours, the published names, and the form of the published tensors."""

    ours: str
    theirs: str
    form: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.ours).replace(r"\*", r"(\d+)") + r"(\..+)?")

    def names(self, ours: str) -> tuple[str, ...]:
        """The published names of the tensors that make up ours; none where this rule does not speak of it."""
        found = self._pattern.fullmatch(ours)
        if not found:
            return ()
        *numbers, rest = found.groups()
        named = self.theirs
        for number in numbers:
            named = named.replace("*", number, 1)
        before, brace, inside = named.partition("{")
        parts, _, after = inside.partition("}")
        return (
            tuple(f"{before}{part}{after}{rest or ''}" for part in parts.split(","))
            if brace
            else (named + (rest or ""),)
        )


@dataclass(frozen=True)
class Table:
    """Rules in order."""

    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, text: str) -> "Table":
        """A table from its lines: ours, theirs, and a form where it has one."""
        return cls(tuple(Rule(*line.split()) for line in text.split("\n") if line.strip()))

    def under(self, ours: str, theirs: str) -> "Table":
        """The same rules below a prefix on each side: those of one block in every block."""
        rules = [Rule(_joined(ours, rule.ours), _joined(theirs, rule.theirs), rule.form) for rule in self.rules]
        return Table(tuple(rules))

    def __add__(self, other: "Table") -> "Table":
        return Table(self.rules + other.rules)

    def find(self, ours: str) -> tuple[tuple[str, ...], Form]:
        """The published names of one tensor of ours, and how they are stored. Raises `KeyError` where no rule fits."""
        for rule in self.rules:
            if names := rule.names(ours):
                return names, FORMS[rule.form]
        raise KeyError(ours)

    def stored(self, ours: str, value: "torch.Tensor") -> "dict[str, torch.Tensor]":
        """One tensor of ours as the published layout has it: its parts by name, contiguous."""
        names, form = self.find(ours)
        parts = value.chunk(len(names)) if len(names) > 1 else (value,)
        return {name: form.theirs(part).contiguous() for name, part in zip(names, parts, strict=True)}


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def depth(names: Sequence[str], blocks: str) -> int:
    """How many blocks there are: numbers that follow `blocks.` in the names, from 0 without a gap."""
    found = {int(m[1]) for name in names if (m := re.match(re.escape(blocks) + r"\.(\d+)\.", name))}
    return next(i for i in range(len(found) + 1) if i not in found)
