"""Adding and subtracting meaning: a query of words and pictures becomes weighted terms, and those one vector.

    2:golden retriever + ./pool.jpg - people
    └───────┬────────┘   └───┬────┘   └─┬──┘
            2                1         −1        ──►   the unit vector along 2·v₁ + v₂ − v₃

    + -          join terms where they stand between spaces; inside a word they are letters: t-shirt, C++
    0.5*cat      a weight, before the first letter of its term; 0.5:cat is the same
    ./ ../ /     begin the path of a picture; everything else is words
    "…"          keeps what looks like a sign or a weight: "black - white", "4:3 screen", "./left - right.jpg"

Reading a query opens no file and asks no model: the vectors of its terms come from whoever has them.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexel.errors import BadArguments
from lexel.shapes import Array, Float

ZERO = 1e-6  # what is shorter than this is the rounding of a sum, not a direction

_mark = re.compile(r'(?:(?<=[\s*:])|^)"[^"]*"(?=\s|$)|(?:(?<=\s)|^)[+-](?=\s|$)')  # a quote as a whole, or a sign
_weight = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*[*:]\s*")


@dataclass(frozen=True)
class Term:
    """A part of a query: `weight` times the meaning of `text`, or of the picture at `path`; the other one is ""."""

    weight: float
    text: str = ""
    path: str = ""


def terms(query: str) -> list[Term]:
    """The weighted terms of a query, in its order.

        terms("2:golden retriever + ./pool.jpg - people")
        # [Term(2.0, text="golden retriever"), Term(1.0, path="./pool.jpg"), Term(-1.0, text="people")]

    Raises `BadArguments` that says where: a sign without a term, a quote that is never closed, a weight beyond what
    a number can hold.
    """
    signs = [mark for mark in _mark.finditer(query) if mark[0] in ("+", "-")]
    starts = [0, *(sign.end() for sign in signs)]
    stops = [*(sign.start() for sign in signs), len(query)]
    factors = [1.0, *(-1.0 if sign[0] == "-" else 1.0 for sign in signs)]
    first = 1 if signs and not query[: stops[0]].strip() else 0  # "- people" has no term before its sign
    return [_term(query, *part) for part in zip(starts[first:], stops[first:], factors[first:], strict=True)]


def combine(terms: Sequence[Term], vectors: Float[Array, "N D"]) -> Float[Array, "D"]:
    """The unit vector along the weighted sum of one vector a term.

    Raises `BadArguments` where the terms cancel out.
    """
    total: Float[Array, "D"] = np.array([term.weight for term in terms]) @ vectors
    length = np.linalg.norm(total)
    if length < ZERO:
        raise BadArguments("the terms cancel out: nothing is left to look for")
    total /= length
    return total.astype(vectors.dtype)


def lerp(a: Float[Array, "*B D"], b: Float[Array, "*B D"], *, t: float) -> Float[Array, "*B D"]:
    """The point at `t` of the straight line from a (t = 0) to b (t = 1); between unit vectors it is shorter than 1."""
    return ((1 - t) * a + t * b).astype(a.dtype)


def slerp(a: Float[Array, "*B D"], b: Float[Array, "*B D"], *, t: float) -> Float[Array, "*B D"]:
    """The point at `t` of the shortest arc from unit vector a to unit vector b; it is a unit vector.

    Raises `BadArguments` for opposite vectors, between which no arc is the shortest.
    """
    chord, middle = np.linalg.norm(a - b, axis=-1, keepdims=True), np.linalg.norm(a + b, axis=-1, keepdims=True)
    if (middle < ZERO).any():
        raise BadArguments("opposite vectors: no way between them is the shortest")
    angle = 2 * np.arctan2(chord, middle)  # unlike arccos, exact for vectors that are nearly equal
    near = np.sinc(angle / np.pi)  # sin(x) / x, which is 1 at 0
    from_a = (1 - t) * np.sinc((1 - t) * angle / np.pi) / near
    from_b = t * np.sinc(t * angle / np.pi) / near
    point: Float[Array, "*B D"] = from_a * a + from_b * b
    return point.astype(a.dtype)


def _term(query: str, start: int, stop: int, factor: float) -> Term:
    """The term in `query[start:stop]`."""
    body = query[start:stop].strip()
    at = start + len(query[start:stop]) - len(query[start:stop].lstrip())
    if weight := _weight.match(body):
        factor *= float(weight[1])
        if not math.isfinite(factor):
            raise _wrong(query, at, "this weight is beyond what a number can hold")
        body = body[weight.end() :]
        at += weight.end()
    if body.startswith('"'):
        if len(body) < 2 or not body.endswith('"'):
            raise _wrong(query, at, "this quote is never closed")
        body = body[1:-1].strip()
    if not body:
        raise _wrong(query, at, "a term is missing here")
    return Term(factor, path=body) if body.startswith(("./", "../", "/")) else Term(factor, text=body)


def _wrong(query: str, at: int, what: str) -> BadArguments:
    near = query[max(0, at - 20) : at + 20]
    return BadArguments(f"{what}: character {at + 1} of the query, at {near!r}")
