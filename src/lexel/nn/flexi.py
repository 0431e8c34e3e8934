"""Patches of another size: an embedding that gives a resized patch the vector that the patch had.

    patch x, 8×8   ─ R·x·Rᵀ ─►   12×12             R: the resize of one axis, as a matrix [n, o]
        ⟨w, x⟩         =       ⟨ŵ, R·x·Rᵀ⟩         ŵ = pinv(R)ᵀ · w · pinv(R)

Equal for every patch where patches grow. Where they shrink, information is lost and ŵ is the best in least squares.
Resizing the weights like a picture would give other vectors. Paper: Beyer et al. 2022 (FlexiViT), arXiv 2212.08013.
"""

from dataclasses import replace
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from PIL import Image

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.loaded import changed
from lexel.nn.patches import PatchEmbedding
from lexel.nn.positions import Resampling
from lexel.shapes import Float


@runtime_checkable
class Cut(Protocol):
    """What the config of a tower says of its patches; it is a frozen dataclass."""

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""


@runtime_checkable
class Placed(Cut, Protocol):
    """…and of the table of their positions."""

    @property
    def grid(self) -> int:
        """Side of the square table, in cells."""

    @property
    def resampling(self) -> Resampling:
        """How the table is stretched to another raster."""


@runtime_checkable
class Patched(Protocol):
    """A tower that begins with patches. Those of learned positions have `positions`, too.

    Rows of that table are those of the tower's other tokens, if they have any, and then those of the raster.
    """

    patches: torch.nn.Module
    cell: int

    @property
    def config(self) -> Cut:
        """What it was built from."""


T = TypeVar("T")


def with_patch_size(tower: T, patch_size: int, kernel: Image.Resampling) -> T:
    """The same tower for patches of `patch_size` pixels; all other weights are shared.

    kernel   Pillow's, with which the pictures of this tower are resized

    Positions are resampled to the raster of the new patches on a picture of the tower's own size. Raises
    `BadArguments` for a tower whose tokens are not patches, or whose blocks know how many there are, and for patches
    larger than that picture.
    """
    if not isinstance(tower, Patched) or not isinstance(tower.patches, PatchEmbedding):
        raise BadArguments(f"{type(tower).__name__} does not begin with patches: their size cannot be changed")
    table, config = getattr(tower, "positions", None), tower.config
    if tower.cell != config.patch_size or not (table is None or isinstance(config, Placed)):
        raise BadArguments(f"{type(tower).__name__} is built for its patches: their size cannot be changed")
    if patch_size < 1:
        raise BadArguments(f"a patch has 1 pixel a side or more, not {patch_size}")
    weight = _instead(tower.patches.weight, pi_resize(tower.patches.weight, patch_size, kernel))
    other = changed(
        tower,
        patches=changed(tower.patches, patch_size=patch_size, weight=weight),
        cell=patch_size,
        config=_replaced(config, patch_size=patch_size),
    )
    if table is None or not isinstance(config, Placed):
        return other
    return changed(other, **_positions(table, config, patch_size))


def _positions(table: torch.nn.Parameter, config: Placed, patch_size: int) -> dict[str, object]:
    """Table and config of the new raster."""
    size = config.grid * config.patch_size
    grid = size // patch_size
    if not grid:
        raise BadArguments(f"a picture of {size} pixels a side has no patch of {patch_size}")
    first = len(table) - config.grid**2  # rows of the class token and its like
    placed = torch.cat([table[:first], config.resampling(table[first:], (grid, grid))])
    return {"positions": _instead(table, placed), "config": _replaced(config, patch_size=patch_size, grid=grid)}


def pi_resize(
    weight: Float[torch.Tensor, "D 3 P P"], side: int, kernel: Image.Resampling
) -> Float[torch.Tensor, "D 3 Q Q"]:
    """The weights for patches of `side` pixels, from those for P, when pictures are resized by `kernel`.

    Computed in float64 and rounded once. One axis at a time: the inverse of the whole resize is that of its axes.
    """
    axis = Image.fromarray(np.eye(weight.shape[-1], dtype=np.float32)).resize((weight.shape[-1], side), kernel)
    back = torch.from_numpy(np.linalg.pinv(np.asarray(axis, np.float64)))
    return (back.mT @ weight.to(back) @ back).to(weight)


def _instead(old: torch.nn.Parameter, value: torch.Tensor) -> torch.nn.Parameter:
    """A parameter that learns where the old one did."""
    return torch.nn.Parameter(value.detach(), requires_grad=old.requires_grad)


def _replaced(config: Cut, **fields: int) -> Cut:
    return replace(config, **fields)  # type: ignore[type-var]
