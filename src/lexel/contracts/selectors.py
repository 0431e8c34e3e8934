"""The contract of selectors: what every one keeps, whatever it decides.

    check_selector(ToMe(r=4))        every check below, in order

A check is shown tokens of every form: no picture, pictures without tokens, one token, many, ties, protected ones in
between, nothing but protected ones, and pictures that have fewer tokens than a selector is asked to take away.
Tokens that lie on no raster may be refused, with `BadArguments`; nothing else may.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np

from lexel.contracts.common import check_is_its_text, expect, same
from lexel.contracts.making import make_tokens
from lexel.errors import BadArguments, LexelError
from lexel.ragged.plan import Plan
from lexel.shapes import Array
from lexel.tokens.protocols import Evidence, Selector
from lexel.tokens.value import Tokens

NEEDS = ("keys", "attention.cls", "attention.received", "attention.last", "query")
WORDS = 3  # in the question that is shown
OFF_RASTER = "tokens of which a third was dropped"


def check_selector(selector: Selector) -> None:
    """Every check of the contract. Raises `AssertionError` with a sentence: what broke, and on which tokens."""
    for check in SELECTOR_CHECKS:
        check(selector)


def check_names_its_needs(selector: Selector) -> None:
    """`needs` is a frozenset of published names, with the layer after an `@` where it matters."""
    expect(isinstance(selector.needs, frozenset), f"{selector!r}: needs must be a frozenset, not {selector.needs!r}")
    for need in selector.needs:
        known = need.partition("@")[0].removesuffix(".joined") in NEEDS
        expect(known, f"{selector!r} needs {need!r}; evidence has {', '.join(NEEDS)}")


def check_plans_for_every_picture(selector: Selector) -> None:
    """The plan starts from the splits of the evidence; its own are int64 `[B + 1]` and rise from 0."""
    for seen in _seen(selector):
        before, after = seen.plan.splits_in, seen.plan.splits_out
        seen.expect(same(before, seen.evidence.splits), "splits_in must be the splits of the evidence")
        seen.expect(after.dtype == np.int64 and after.shape == before.shape, "splits_out must be int64 [B + 1]")
        seen.expect(after[0] == 0 and (np.diff(after) >= 0).all(), "splits_out must rise from 0")


def check_sorts_its_edges(selector: Selector) -> None:
    """Edges are int64 rows of the batch, sorted by (target, source), each once; weights float32, finite, above 0."""
    for seen in _seen(selector):
        plan = seen.plan
        ends = [(plan.source, plan.splits_in[-1]), (plan.target, plan.splits_out[-1])]
        for rows, count in ends:
            seen.expect(rows.dtype == np.int64 and rows.shape == plan.source.shape, "source and target: int64 [E]")
            seen.expect(((rows >= 0) & (rows < count)).all(), "an edge leads out of the batch")
        down, right = np.diff(plan.target), np.diff(plan.source)
        rising = (down > 0) | ((down == 0) & (right > 0))
        seen.expect(rising.all(), "edges must be sorted by (target, source), each once")
        if plan.weight is not None:
            fits = plan.weight.dtype == np.float32 and plan.weight.shape == plan.source.shape
            seen.expect(fits and np.isfinite(plan.weight).all(), "weight must be float32 [E] and finite")
            seen.expect((plan.weight > 0).all(), "a weight must be above 0: leave the edge out instead")


def check_fills_every_target(selector: Selector) -> None:
    """No target without a source: it would have no data."""
    for seen in _seen(selector):
        empty = np.setdiff1d(np.arange(seen.plan.splits_out[-1]), seen.plan.target)
        seen.expect(not len(empty), f"target {empty[:1]} has no source")


def check_keeps_pictures_apart(selector: Selector) -> None:
    """No token goes to a target of another picture."""
    for seen in _seen(selector):
        left = np.searchsorted(seen.plan.splits_in, seen.plan.source, side="right")
        right = np.searchsorted(seen.plan.splits_out, seen.plan.target, side="right")
        seen.expect(same(left, right), "a token went to another picture")


def check_leaves_protected_tokens_alone(selector: Selector) -> None:
    """Each protected token becomes a token of its own with weight 1, and they keep their order."""
    for seen in _seen(selector):
        plan, protected = seen.plan, seen.evidence.protected()
        ours = protected[plan.source]
        order = np.argsort(plan.source[ours], kind="stable")
        source, target = plan.source[ours][order], plan.target[ours][order]
        seen.expect(same(source, np.flatnonzero(protected)), "a protected token was dropped, or used twice")
        seen.expect(not np.isin(plan.target[~ours], target).any(), "a protected token was merged")
        seen.expect((np.diff(target) > 0).all(), "protected tokens were merged, or changed their order")
        if plan.weight is not None:
            seen.expect((plan.weight[ours] == 1).all(), "the weight of a protected token must be 1")


def check_conserves_mass(selector: Selector) -> None:
    """A picture of equal masses weighs what it did, less what the plan drops.

    Only a token that stands whole in several targets counts in each: windows that overlap.
    """
    for seen in _seen(selector):
        ones = np.ones_like(seen.evidence.mass)
        plan = selector.plan(replace(seen.evidence, mass=ones))
        if plan.weight is None and not plan.hard:
            continue
        kept, out = ones * ~plan.dropped, plan.out_mass(ones)
        for before, after in zip(pairwise(plan.splits_in), pairwise(plan.splits_out), strict=True):
            weighed, weighs = kept[slice(*before)].sum(), out[slice(*after)].sum()
            seen.expect(abs(weighs - weighed) <= 1e-4 * weighed, f"a mass of {weighed} became {weighs}")


def check_drops_in_order(selector: Selector) -> None:
    """A plan that only keeps and drops (`joins=False`) leaves what it keeps whole and in its order."""
    for seen in _seen(selector):
        plan = seen.plan
        if not plan.joins:
            seen.expect(plan.weight is None and len(plan.source) == plan.splits_out[-1], "joins=False, but tokens join")
            seen.expect((np.diff(plan.source) > 0).all(), "what is kept must stay in its order")


def check_batches_do_not_matter(selector: Selector) -> None:
    """A picture alone is treated as it is among others."""
    for seen in _seen(selector):
        plan = seen.plan
        for b in range(len(seen.tokens)):
            alone = selector.plan(make_evidence(seen.tokens[b], selector))
            edges = slice(*np.searchsorted(plan.target, plan.splits_out[b : b + 2]))
            source, target = plan.source[edges] - plan.splits_in[b], plan.target[edges] - plan.splits_out[b]
            equal = same(alone.source, source) and same(alone.target, target)
            if plan.weight is not None and alone.weight is not None:  # None is a weight of 1 everywhere
                equal &= same(alone.weight, plan.weight[edges])
            seen.expect(equal, f"picture {b} alone is planned otherwise than in the batch")


def check_only_looks(selector: Selector) -> None:
    """The evidence is afterwards what it was."""
    for seen in _seen(selector):
        fresh = make_evidence(seen.tokens, selector)
        shown = deepcopy(fresh)  # copies can be written into
        selector.plan(shown)
        changed = [name for name, array in _arrays(fresh).items() if not same(array, _arrays(shown)[name])]
        seen.expect(not changed, f"it wrote into {', '.join(changed)}")


def check_decides_the_same_again(selector: Selector) -> None:
    """The same evidence gives the same plan, on two threads at once too."""
    for seen in _seen(selector):
        with ThreadPoolExecutor(2) as threads:
            plans = list(threads.map(selector.plan, [seen.evidence] * 2))
        for again in plans:
            seen.expect(_equal(again, seen.plan), "the same evidence gave another plan")


def check_makes_good_tokens(selector: Selector) -> None:
    """Vectors, bytes and codes are tokens again after the plan; a picture alone becomes what it does among others."""
    kinds: tuple[Literal["float32", "uint8", "codes"], ...] = ("float32", "uint8", "codes")
    for data in kinds:
        tokens = make_tokens((4, 5), (0, 0), (3, 2), protected=1, data=data, columns=_columns(selector))
        said = f"{selector!r} on {data}"
        try:
            fewer = _applied(selector, tokens).check()
            alone = [_applied(selector, tokens[b]) for b in range(len(tokens))]
        except (LexelError, ValueError, IndexError) as error:
            raise AssertionError(f"{said}: its plan cannot be applied: {error}") from error
        for b, one in enumerate(alone):
            expect(one.equals(fewer[b]), f"{said}: picture {b} alone becomes other tokens than in the batch")


SELECTOR_CHECKS: tuple[Callable[[Selector], None], ...] = (
    check_is_its_text,
    check_names_its_needs,
    check_plans_for_every_picture,
    check_sorts_its_edges,
    check_fills_every_target,
    check_keeps_pictures_apart,
    check_leaves_protected_tokens_alone,
    check_conserves_mass,
    check_drops_in_order,
    check_batches_do_not_matter,
    check_only_looks,
    check_decides_the_same_again,
    check_makes_good_tokens,
)


def make_evidence(tokens: Tokens, selector: Selector) -> Evidence:
    """What the tokens say of themselves, and a random question where the selector needs one."""
    evidence = Evidence.of(tokens)
    if "query" not in selector.needs:
        return evidence
    question = np.random.default_rng(0).random((WORDS, evidence.keys.shape[1]), np.float32)
    return replace(evidence, query=question)


@dataclass(frozen=True)
class _Seen:
    """What a selector was shown, and its plan for it."""

    selector: Selector
    case: str
    tokens: Tokens
    evidence: Evidence
    plan: Plan

    def expect(self, holds: bool | np.bool_, sentence: str) -> None:
        expect(holds, f"{self.selector!r} on {self.case}: {sentence}")


def _seen(selector: Selector) -> Iterator[_Seen]:
    for case, tokens in _cases(_columns(selector)).items():
        evidence = make_evidence(tokens, selector)
        try:
            plan = selector.plan(evidence)
        except BadArguments as error:
            if case != OFF_RASTER:
                raise AssertionError(f"{selector!r} on {case}: refused with {error}") from error
            continue
        yield _Seen(selector, case, tokens, evidence, plan)


@cache  # tokens are frozen
def _cases(columns: tuple[str, ...]) -> dict[str, Tokens]:
    sizes = ((4, 5), (0, 0), (1, 1), (7, 3), (2, 9))
    mixed = make_tokens(*sizes, protected=2, columns=columns)
    tied = make_tokens((4, 4), (1, 2), protected=1, columns=columns)
    return {
        "no pictures": make_tokens(columns=columns),
        "pictures without tokens": make_tokens((0, 0), (0, 0), columns=columns),
        "one token": make_tokens((1, 1), columns=columns),
        "one picture": make_tokens((6, 7), columns=columns, seed=1),
        "many tokens": make_tokens((20, 20), protected=1, columns=columns, seed=2),
        "pictures of several sizes": mixed,
        "protected tokens alone": make_tokens((0, 0), (0, 0), protected=5, columns=columns),
        "equal tokens": tied.with_(
            data=np.ones_like(tied.data), columns={name: np.ones_like(x) for name, x in tied.columns.items()}
        ),
        "tokens of length 0": tied.with_(
            data=np.zeros_like(tied.data), columns={name: np.zeros_like(x) for name, x in tied.columns.items()}
        ),
        OFF_RASTER: mixed.where(np.arange(mixed.total) % 3 > 0),
    }


def _columns(selector: Selector) -> tuple[str, ...]:
    return tuple(sorted(selector.needs - {"query"}))


def _applied(selector: Selector, tokens: Tokens) -> Tokens:
    return tokens.apply(selector.plan(make_evidence(tokens, selector)), selector)


def _arrays(evidence: Evidence) -> dict[str, Array]:
    own = {f.name: getattr(evidence, f.name) for f in fields(evidence)}
    return {name: x for name, x in own.items() if isinstance(x, np.ndarray)} | evidence.attention


def _equal(a: Plan, b: Plan) -> bool:
    arrays = all(same(getattr(a, name), getattr(b, name)) for name in ("source", "target", "splits_in", "splits_out"))
    if a.weight is None or b.weight is None:
        return arrays and a.weight is b.weight
    return arrays and same(a.weight, b.weight)
