"""How many bits tokens take, and how well codes use their codebook.

    vectors   as stored: what `Tokens.save` writes for these rows, and nothing for what it leaves out
    codes     ⌈log2 K⌉ bits each, and the rest as stored

The names of pictures, the header of the file, a codebook and the weights of a model are not counted: they are shared
by all pictures. Neither is the plan of a reducer: whoever reads merged tokens does not get it.
"""

from dataclasses import dataclass

import numpy as np

from lexel.shapes import Array, Int
from lexel.tokens.files import tensors
from lexel.tokens.value import Tokens


def bits(tokens: Tokens) -> int:
    """The bits of all tokens: data, and boxes, masses, levels, columns and maps where nothing implies them."""
    stored = tensors(tokens)
    del stored["splits"]
    total = 0
    if tokens.space.kind == "codes":
        del stored["data"]
        total = tokens.total * sum(code_bits(size) for size in tokens.space.codebook)
    return total + 8 * sum(x.nbytes for x in stored.values())


def bits_per_pixel(tokens: Tokens) -> float:
    """Bits of all tokens ÷ pixels of all upright originals. Raises `ValueError` for no picture.

    bits_per_pixel(lexel.pipeline("patch(16)")(pictures))       # 24.0 where 16 divides all sides
    """
    pixels = int(tokens.pictures.sizes.prod(axis=1).sum())
    if not pixels:
        raise ValueError("no pictures have no pixels")
    return bits(tokens) / pixels


def code_bits(codebook_size: int) -> int:
    """Bits of a code of fixed length: ⌈log2 K⌉."""
    return (codebook_size - 1).bit_length()


@dataclass(frozen=True)
class Usage:
    """How codes use one codebook of K.

    entropy      bits a code, at most log2 K: the shortest mean length of a code that knows these frequencies, and
                 none but these. Frequencies of few tokens promise too much
    perplexity   2^entropy: so many codes, used equally often, would say as much
    used         share of the K codes that occur
    """

    entropy: float
    perplexity: float
    used: float


def usage(tokens: Tokens) -> tuple[Usage, ...]:
    """One `Usage` a codebook. Raises `ValueError` for vectors and for no tokens."""
    if tokens.space.kind != "codes" or not tokens.total:
        raise ValueError(f"usage is of codes, these are {tokens!r}")
    columns = tokens.data.reshape(tokens.total, -1).T
    return tuple(
        _usage(np.bincount(codes, minlength=size)) for codes, size in zip(columns, tokens.space.codebook, strict=True)
    )


def _usage(counts: Int[Array, "K"]) -> Usage:
    share = counts[counts > 0] / counts.sum()
    entropy = float(-(share * np.log2(share)).sum()) + 0.0  # no −0.0
    return Usage(entropy, 2.0**entropy, float((counts > 0).mean()))
