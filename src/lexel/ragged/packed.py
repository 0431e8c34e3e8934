"""`Packed`: tokens of pictures of any sizes, end to end, as networks hold them.

    x        ▪ ▪ ▪ ▪ ▪ │ ▪ ▪ ▪ │ ▪ ▪ ▪ ▪        N rows, no padding
    splits   0          5       8         12     picture b owns rows splits[b]:splits[b + 1]

No boxes, no checks, gradients flow. `Tokens` is the value at the doors.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from lexel.needs import torch
from lexel.shapes import Float, Int, Num


@dataclass(frozen=True, eq=False)
class Packed:
    """A ragged batch inside a network; all on one device.

    x        `[N, D]` in the dtype of the network; codes int64 `[N]` or `[N, Q]`, of networks that end in a quantizer
    splits   int64 `[B + 1]`
    mass     float32 `[N]`: how many base tokens a row stands for; None while every row stands for one, so that
             attention needs no bias
    kind     int8 `[N]`, see `tokens.meaning.Kind`
    grid     int64 `[B, 2]` raster of each picture's region tokens, (0, 0) where they lie on none
    places   float32 `[N, 2]` (y, x) of each row in its picture, −1 … 1, 0 for tokens of no place; None in networks that
             do not ask where a token is
    """

    x: Num[torch.Tensor, "N *D"]
    splits: Int[torch.Tensor, "B1"]
    mass: Float[torch.Tensor, "N"] | None
    kind: Int[torch.Tensor, "N"]
    grid: Int[torch.Tensor, "B 2"]
    places: Float[torch.Tensor, "N 2"] | None = None

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Rows of each picture, known to Python; on a GPU the first look waits for it."""
        return tuple(self.splits.diff().tolist())

    def __len__(self) -> int:
        return len(self.splits) - 1

    def with_x(self, x: Num[torch.Tensor, "N *D2"]) -> "Packed":
        """The same tokens with other data."""
        return replace(self, x=x)
