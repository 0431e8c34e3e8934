"""Which token owns each pixel, where tokens are no boxes: a raster of row numbers, kept as runs.

    0 0 0 1 1       label    0 1 0 2 1 2 −1        row of the token among those of its picture; −1: nobody's
    0 0 2 2 1   →   length   3 2 2 2 1 4 1         cells, row by row; a run goes on over the end of a row
    2 2 2 2 ·

A map of superpixels takes a thirtieth of its raster this way, and equal maps have equal runs. It lies over the view of
its crop, so that its cells need not be pixels of the original.
"""

from dataclasses import dataclass

import numpy as np

from lexel.shapes import Array, Bool, Int


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Runs over a raster of `height` × `width` cells.

    label    int32 `[R]`, −1 or the row of a token among the tokens of its picture; neighbours differ
    length   int32 `[R]` cells, 1 or more; together height · width
    """

    height: int
    width: int
    label: Int[Array, "R"]
    length: Int[Array, "R"]

    def __post_init__(self) -> None:
        self.label.setflags(write=False)
        self.length.setflags(write=False)

    @classmethod
    def of(cls, raster: Int[Array, "h w"]) -> "LabelMap":
        """The runs of a raster of labels, which has a cell or more."""
        flat = raster.ravel()
        start = np.flatnonzero(_turns(flat))
        length = np.diff(np.append(start, len(flat)))
        height, width = raster.shape
        return cls(height, width, flat[start].astype(np.int32), length.astype(np.int32))

    def raster(self) -> Int[Array, "h w"]:
        """The label of every cell, int32."""
        return np.repeat(self.label, self.length).reshape(self.height, self.width)

    def renamed(self, names: Int[Array, "n"]) -> "LabelMap":
        """The same cells, where label l is now `names[l]`; runs that became equal are one."""
        label = np.append(names, -1)[self.label].astype(np.int32)  # −1 is the last and stays
        start = np.flatnonzero(_turns(label))
        length = np.add.reduceat(self.length, start).astype(np.int32)
        return LabelMap(self.height, self.width, label[start], length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelMap):
            return NotImplemented
        return (
            (self.height, self.width) == (other.height, other.width)
            and np.array_equal(self.label, other.label)
            and np.array_equal(self.length, other.length)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def fault(self, tokens: int) -> str:
        """What is wrong with it as a map of a picture of so many tokens; "" when nothing is."""
        if self.label.dtype != np.int32 or self.length.dtype != np.int32 or self.label.ndim != 1:
            return "expected runs of int32"
        if self.label.shape != self.length.shape or (self.length < 1).any():
            return "expected a length from 1 for every run"
        if self.height < 1 or self.width < 1 or int(self.length.sum(dtype=np.int64)) != self.height * self.width:
            return f"expected runs of {self.height} × {self.width} cells together"
        if not _turns(self.label).all():
            return "expected runs as long as can be"
        if self.label.min() < -1 or self.label.max() >= tokens:
            return f"expected labels from −1 to below {tokens}"
        return ""


def _turns(x: Int[Array, "n"]) -> Bool[Array, "n"]:
    """Where another value begins; the first place is one."""
    turns: Array = np.ones(len(x), bool)
    turns[1:] = x[1:] != x[:-1]
    return turns
