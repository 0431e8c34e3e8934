"""Vectors of codes, turned and stretched until a guess from the codes before is wrong by as much in all directions.

    spread of vectors          of errors of a guess          after: errors are round
         ╱▔▔╲                        ╱╲                           ▁▁
       ╱▔    ╱            ÷         ╱ ╱              =          ╱▔▔▔▔╲    distances now say how likely a code is
       ╲▁▁▁╱                       ╲╱                           ╲▁▁▁▁╱

Of many directions those are kept in which vectors differ most beside their errors: the others tell codes little apart.
"""

from collections.abc import Sequence

import numpy as np

from lexel.measures.prediction import least_squares, with_one
from lexel.shapes import Array, Float, Int, Num

DIRECTIONS = 16  # at most
LONGEST = 127  # the largest number of a vector, as an int8
LITTLE = 1e-3  # of the spread of vectors is always an error: codes that were hardly seen are no certain guesses
LEAST = 1e-9  # of the whole spread, too, in directions in which vectors do not differ


def turned(
    codebook: Float[Array, "K D"],
    often: Float[Array, "K"],
    before: Sequence[Int[Array, "_ 4"]],
    codes: Sequence[Int[Array, "_"]],
) -> Num[Array, "K E"]:
    """The vectors as int8, from those of a codebook.

    often    how many there were of each code
    before   of training pictures: the four codes before each cell, K beyond the edge
    codes    of the cells
    """
    vectors = codebook - often @ codebook / often.sum()
    wide = np.concatenate([vectors, np.zeros((1, vectors.shape[1]))])
    around, wanted = [with_one(wide[some]) for some in before], [vectors[some] for some in codes]
    weights = least_squares(around, wanted)
    spread = (vectors * often[:, None]).T @ vectors / often.sum()
    wrong = LITTLE * spread + LEAST * np.trace(spread) * np.eye(len(spread))
    for x, want in zip(around, wanted, strict=True):
        off = want - x @ weights
        wrong += off.T @ off / max(1, sum(map(len, codes)))
    if not wrong.any():  # all codes are one vector
        return np.zeros((len(codebook), 1), np.int8)
    stretch = np.linalg.inv(np.linalg.cholesky(wrong)).T
    _, axes = np.linalg.eigh(stretch.T @ spread @ stretch)  # the directions that vary most come last
    found = vectors @ stretch @ axes[:, ::-1][:, :DIRECTIONS]
    return np.asarray(np.rint(found * (LONGEST / np.abs(found).max())).astype(np.int8))
