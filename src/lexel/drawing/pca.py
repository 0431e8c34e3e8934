"""Vectors as colours: three principal components as red, green and blue, so that like tokens have like colours.

    x [N, D] ─ − mean ─ PCA ─┬─ components 1, 2, 3, each from its 2nd to its 98th percentile ─► red, green, blue
                             └─ component 1 > 0 ─► the foreground, whose components are found anew in the same way

The recipe of the figures in DINOv2 (Oquab et al. 2023, arXiv 2304.07193). Tokens of several pictures in one call get
colours that compare. A component has no sign of its own; here the token farthest from the mean is on its positive side,
so that what differs from the rest is foreground, and turning or mirroring the space of the vectors changes nothing.
"""

from dataclasses import dataclass

import numpy as np

from lexel.shapes import Array, Bool, Float, Num, UInt8

PERCENTILES = (2, 98)  # dark and bright ends of a colour: a few tokens far out must not leave the others grey
NOISE = 4 * float(np.finfo(np.float32).eps)  # of the length of all data: what is less is rounding


@dataclass(frozen=True, eq=False)
class Components:
    """The first three principal components of N vectors.

    scores   float64 `[N, 3]`, about 0; a component that there is not (equal vectors, few dimensions) is 0 everywhere
    share    0…1: the part of the variance that the three hold; 1 where there is none
    """

    scores: Float[Array, "N 3"]
    share: float

    @classmethod
    def of(cls, x: Num[Array, "N D"]) -> "Components":
        """By all eigenvectors of the smaller of the two products of x, in float64. No vectors have no components."""
        scores = np.zeros((len(x), 3))
        if not x.size:
            return cls(scores, 1.0)
        x = x.astype(np.float64)
        length = np.linalg.norm(x)
        x -= x.mean(axis=0)
        few = len(x) < x.shape[1]
        value, vector = np.linalg.eigh(x @ x.T if few else x.T @ x)
        value, vector = value[:-4:-1].clip(0), vector[:, :-4:-1]  # of rising values the last three
        there = np.sqrt(value) > NOISE * length
        found = vector[:, there] * np.sqrt(value[there]) if few else x @ vector[:, there]
        farthest = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
        scores[:, : found.shape[1]] = found * np.sign(farthest)
        return cls(scores, float(value[there].sum() / (x**2).sum()) if there.any() else 1.0)

    @property
    def foreground(self) -> Bool[Array, "N"]:
        """The vectors on the positive side of the first component."""
        side: Array = self.scores[:, 0] > 0
        return side

    @property
    def rgb(self) -> UInt8[Array, "N 3"]:
        """A colour for each vector; a component that there is not is middle grey."""
        if not len(self.scores):
            return np.zeros((0, 3), np.uint8)
        low, high = np.percentile(self.scores, PERCENTILES, axis=0)
        flat = high == low
        part = np.where(flat, 0.5, (self.scores - low) / np.where(flat, 1, high - low))
        colour: Array = np.rint(255 * part.clip(0, 1)).astype(np.uint8)
        return colour
