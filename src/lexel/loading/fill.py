"""Tensors of a checkpoint → the parameters of a module, each exactly once.

    q_proj ─┐
    k_proj ─┼─► cast ─► rows 0…D, D…2D, 2D…3D of qkv          joined where they lie: no second copy
    v_proj ─┘

A tensor that the files lack, that nobody wants, that has another shape or a number that is not finite is an error that
names it: a model with one wrong tensor still answers, and wrongly.
"""

from dataclasses import dataclass

from lexel.errors import LoadError, MissingKeys, WrongShape
from lexel.loading.files import Tensors
from lexel.loading.table import Form, Table
from lexel.needs import torch

COUNTER = "num_batches_tracked"  # of batch norms in training; old files lack it, and it begins again

# Ends of keys that hold no weights: tables of indices, counters, three numbers of OpenAI's archives, masks of Swin's.
IGNORED = (
    "position_ids",
    COUNTER,
    "input_resolution",
    "context_length",
    "vocab_size",
    "relative_position_index",
    "relative_coords_table",
    "attn_mask",
)


@dataclass(frozen=True)
class Place:
    """Where a published tensor goes: rows of one of ours, from `start`."""

    ours: str
    start: int
    form: Form


def places(
    module: torch.nn.Module, table: Table, tensors: Tensors, *, subject: str, unused: tuple[str, ...] = ()
) -> dict[str, Place]:
    """Where each tensor of the files goes in `module`, which may have no memory yet.

    Tensors whose names begin with a word of `unused` go nowhere.

    Raises `MissingKeys` for tensors that are not there and for those that nobody wants, `WrongShape`.
    """
    found: dict[str, Place] = {}
    missing: list[str] = []
    for ours, value in module.state_dict().items():
        if ours.endswith(COUNTER):
            continue
        names, form = table.find(ours)
        missing += [name for name in names if name not in tensors.entries]
        if missing:
            continue
        shapes = [_as_ours(tensors.shapes[name], form) for name in names]
        start = 0
        for name, shape in zip(names, shapes, strict=True):
            found[name] = Place(ours, start, form)
            start += shape[0] if shape else 0
        if {shape[1:] for shape in shapes} != {tuple(value.shape[1:])} or start != sum(value.shape[:1]):
            expected = next(iter(table.stored(ours, value).values())).shape
            raise WrongShape(
                f"{names[0]} is {[*tensors.shapes[names[0]]]}, the settings say {[*expected]}",
                subject=tensors.entries[names[0]].subject,
            )
    if missing:
        raise MissingKeys(f"{len(missing)} tensors are missing, the first is {missing[0]}", subject=subject)
    extra = [name for name in tensors.entries if name not in found and not _spare(name, unused)]
    if extra:
        raise MissingKeys(
            f"{len(extra)} tensors have no place in this model, the first is {extra[0][:80]!r}", subject=subject
        )
    return found


def _as_ours(stored: tuple[int, ...], form: Form) -> tuple[int, ...]:
    """The shape that a stored tensor becomes; the same where it has not even the dimensions of its form."""
    try:
        return tuple(form.ours(torch.empty(stored, device="meta")).shape)
    except (IndexError, RuntimeError):
        return stored


def _spare(name: str, unused: tuple[str, ...]) -> bool:
    return name.endswith(IGNORED) or name.startswith(unused)


def fill(
    module: torch.nn.Module, found: dict[str, Place], tensors: Tensors, *, device: torch.device, dtype: torch.dtype
) -> None:
    """Give every parameter and buffer of `module` its tensor, in `dtype` on `device`; numbers alone stay float32.

    Raises `LoadError` for a tensor with a number that is not finite, or not any more in `dtype`.
    """
    shapes = {ours: value.shape for ours, value in module.state_dict().items()}
    mine = {name: place for name, place in found.items() if place.ours in shapes}
    counters = [name for name in shapes if name.endswith(COUNTER)]
    state = {name: torch.zeros((), dtype=torch.int64, device=device) for name in counters}
    for name, stored in tensors.read(mine):
        place = mine[name]
        if place.ours not in state:
            kept = dtype if shapes[place.ours] else torch.float32  # a scale of logits in bf16 would be off by 0.4 %
            state[place.ours] = torch.empty(shapes[place.ours], dtype=kept, device=device)
        rows = place.form.ours(stored)
        target = state[place.ours]
        target = target[place.start : place.start + len(rows)] if rows.ndim else target
        target.copy_(rows)
        if not target.sum(dtype=torch.float32).isfinite():
            raise LoadError(f"{name} has a number that is not finite", subject=tensors.entries[name].subject)
    module.load_state_dict(state, strict=True, assign=True)
