"""Pixels to rows of patches: the first step of every tower that has no convolution before its blocks."""

from collections.abc import Mapping, Sequence

from lexel.errors import BadArguments
from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import splits_of
from lexel.shapes import Float, Num
from lexel.tokens.meaning import Kind

Pixels = torch.Tensor | Sequence[torch.Tensor]  # [B, 3, H, W], or a list of [3, H, W] of any sizes


class PatchEmbedding(torch.nn.Module):
    """A convolution whose stride is its kernel, as one linear layer over the patches of all pictures.

    Pixels at the right and lower edge that fill no patch are not seen, as in the published convolution.
    """

    def __init__(self, patch_size: int, width: int, *, bias: bool) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.weight = torch.nn.Parameter(torch.zeros(width, 3, patch_size, patch_size))
        self.bias = torch.nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, batch: Pixels) -> tuple[Float[torch.Tensor, "N D"], list[tuple[int, int]]]:
        """Rows of all pictures, raster by raster, and the raster (rows, columns) of each."""
        pictures, p = checked(batch, self.patch_size), self.patch_size
        grids = [(x.shape[1] // p, x.shape[2] // p) for x in pictures]
        weight = self.weight.flatten(1)
        stacks = [batch] if isinstance(batch, torch.Tensor) else [x[None] for x in pictures]
        rows = [patch_rows(stack.to(weight), p) for stack in stacks]
        return linear(torch.cat([weight[:0], *rows]), weight, self.bias), grids


def checked(batch: Pixels, smallest: int) -> list[Float[torch.Tensor, "3 H W"]]:
    """The pictures of a batch. Raises `BadArguments` for anything but [3, H, W] of `smallest` pixels a side."""
    pictures = list(batch)
    for x in pictures:
        if x.ndim != 3 or x.shape[0] != 3 or min(x.shape[1:]) < smallest or not x.is_floating_point():
            raise BadArguments(
                f"expected prepared pixels, float [3, H, W] of {smallest} pixels a side or more, "
                f"got {str(x.dtype).removeprefix('torch.')} {list(x.shape)}"
            )
    return pictures


def packed(x: Num[torch.Tensor, "N *D"], grids: Sequence[tuple[int, int]], *, first: Sequence[Kind] = ()) -> Packed:
    """Tokens of pictures that each have tokens of the kinds `first`, and then the cells of their raster."""
    counts = [len(first) + h * w for h, w in grids]
    kind = [kind for h, w in grids for kind in (*first, *(Kind.REGION,) * (h * w))]
    return Packed(
        x=x,
        splits=splits_of(torch.tensor(counts, dtype=torch.int64, device=x.device)),
        mass=None,
        kind=torch.tensor(kind, dtype=torch.int8, device=x.device),
        grid=torch.tensor(grids, dtype=torch.int64, device=x.device).view(-1, 2),
    )


def prefixed(
    x: Float[torch.Tensor, "N D"], grids: Sequence[tuple[int, int]], rows: Mapping[Kind, Float[torch.Tensor, "K D"]]
) -> Packed:
    """Cells of pictures, and before the cells of each the same `rows`: a class token, registers."""
    kinds = [kind for kind, some in rows.items() for _ in some]
    first = torch.cat([x[:0], *rows.values()])
    cells = x.split([h * w for h, w in grids])
    return packed(torch.cat([x[:0], *(part for some in cells for part in (first, some))]), grids, first=kinds)


def patch_rows(stack: Float[torch.Tensor, "b 3 H W"], p: int) -> Float[torch.Tensor, "n k"]:
    """The pixels of every patch of `p` a side, in the order channel, row, column."""
    h, w = stack.shape[2] // p, stack.shape[3] // p
    cells = stack[:, :, : h * p, : w * p].unflatten(3, (w, p)).unflatten(2, (h, p))
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(len(stack) * h * w, -1)
