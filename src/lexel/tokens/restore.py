"""Tokens undone: what the tokens after a plan still know, given back to those before it.

before   a b c d e f         after   ac  b  d·  (e dropped, f dropped)
                              │
restored ac b ac d· d· d·  ◄──┘      merged ones give their mean, dropped ones look like the nearest that is left
"""

import numpy as np

from lexel.ragged.ops import segment_match
from lexel.ragged.plan import Plan
from lexel.shapes import Array, Bool, Int
from lexel.tokens.value import Tokens


def restored(before: Tokens, plan: Plan, after: Tokens) -> Tokens:
    """`before` with the data that `after` has for it, in the dtype of `before`: bytes are rounded.

    A merged token gets the value that it went into; one that went into several, their mean by weight; a code, the
    code of the one that it gave most to. A dropped token gets the data of the kept one of its picture whose box is
    nearest, centre to centre (ties: the first), so that selectors that drop can be compared with those that merge. In
    a picture that kept nothing it is 0.
    """
    data = before.data
    if before.space.kind == "codes":
        back = np.where(plan.dropped.reshape(-1, *[1] * (data.ndim - 1)), 0, after.data[plan.home])
    else:
        back = plan.scatter(after.data)
        if data.dtype.kind != "f":
            back = np.rint(back)
    filler = _nearest(before, plan.dropped)
    back[plan.dropped] = np.where((filler < 0).reshape(-1, *[1] * (data.ndim - 1)), 0, back[filler])
    return before.with_(data=back.astype(data.dtype))


def _nearest(tokens: Tokens, dropped: Bool[Array, "N"]) -> Int[Array, "n"]:
    """For each dropped token the row of the nearest kept one of its picture, −1 where there is none.

    The nearest is the largest product of [x, y, 1] and [x, y, −½(x² + y²)]. Centres are whole eighths of a pixel, so
    that equally near ones tie.
    """
    size = np.repeat(tokens.pictures.sizes[:, ::-1], tokens.counts, axis=0)
    centre = (tokens.boxes[:, :2].astype(np.float64) + tokens.boxes[:, 2:]) / 2 * size
    centre = np.rint(8 * centre)
    lost, kept = np.flatnonzero(dropped), np.flatnonzero(~dropped)
    ends = [np.searchsorted(rows, tokens.splits) for rows in (lost, kept)]
    a = np.column_stack([centre[lost], np.ones(len(lost))])
    b = np.column_stack([centre[kept], np.square(centre[kept]).sum(axis=1) / -2])
    _, row = segment_match(a, ends[0], b, ends[1])
    nearest: Array = np.where(row < 0, -1, np.append(kept, 0)[row])
    return nearest
