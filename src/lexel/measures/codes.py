"""How well codes use their codebooks: entropy, perplexity, and the share that occurs.

A vocabulary of 1,000 of which ten occur says no more than one of ten. All three are of the frequencies of the codes
that they are shown: say how many, because few promise too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexel.shapes import Array, Int


@dataclass(frozen=True)
class Usage:
    """How codes use one codebook of K.

    entropy      bits a code, at most log2 K: the shortest mean length of a code that knows these frequencies, and
                 none but these
    perplexity   2^entropy: so many codes, used equally often, would say as much
    used         share of the K codes that occur
    """

    entropy: float
    perplexity: float
    used: float


def usage(codes: Int[Array, "N *Q"], sizes: Sequence[int]) -> tuple[Usage, ...]:
    """One `Usage` a codebook, of codes `[N]` or `[N, Q]` of codebooks of these sizes.

    Raises `ValueError` for no codes, for another number of columns than sizes, and for codes outside their codebook.

        usage(tokens.data, tokens.space.codebook)
    """
    columns = codes.reshape(len(codes), -1).T if codes.size else codes[:0]
    if len(columns) != len(sizes) or not len(sizes):
        raise ValueError(f"usage is of codes of {len(sizes)} codebooks, these have the shape {codes.shape}")
    return tuple(_usage(np.bincount(column, minlength=k), k) for column, k in zip(columns, sizes, strict=True))


def _usage(counts: Int[Array, "C"], size: int) -> Usage:
    if len(counts) > size:
        raise ValueError(f"the code {len(counts) - 1} is outside of its codebook of {size}")
    share = counts[counts > 0] / counts.sum()
    entropy = float(-(share * np.log2(share)).sum()) + 0.0  # no −0.0
    return Usage(entropy, 2.0**entropy, float((counts > 0).mean()))
