"""Each check finds what it is for: a method that breaks one rule fails with a sentence that names it."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from lexel.contracts import selectors, tokenizers
from lexel.errors import BadArguments
from lexel.partitions.patch import Patch
from lexel.ragged.plan import Plan
from lexel.testing import check_selector, check_tokenizer
from lexel.tokens.meaning import Space


class Planned:
    """A selector made of a function."""

    needs = frozenset({"keys"})

    def __init__(self, plan):
        self.plan = plan

    def __repr__(self):
        return "planned"


def identity(evidence):
    return Plan.identity(evidence.splits)


def empty_target(evidence):
    plan = identity(evidence)
    return replace(plan, splits_out=np.concatenate((plan.splits_out[:-1], plan.splits_out[-1:] + 1)))


def one_target(evidence):
    counts = np.diff(evidence.splits) > 0
    splits_out = np.concatenate(([0], np.cumsum(counts)))
    target = np.repeat(splits_out[:-1], np.diff(evidence.splits))
    return Plan.assign(target, evidence.splits, splits_out)


def everything_to_the_first(evidence):
    plan = one_target(evidence)
    return replace(plan, target=np.zeros_like(plan.target))


def backwards(evidence):
    plan = identity(evidence)
    return replace(plan, source=plan.source[::-1].copy())


def half_of_the_batch(evidence):
    return Plan.keep((np.arange(len(evidence.mass)) < len(evidence.mass) / 2) | evidence.protected(), evidence.splits)


def scribbling(evidence):
    evidence.keys[:] = 0
    return identity(evidence)


def refusing(evidence):
    raise BadArguments("not today")


def weighing(weight):
    return lambda evidence: replace(identity(evidence), weight=np.full(len(evidence.mass), weight, np.float32))


@pytest.mark.parametrize(
    ("check", "plan", "sentence"),
    [
        ("plans_for_every_picture", lambda e: replace(identity(e), splits_in=e.splits + 1), "splits of the evidence"),
        ("plans_for_every_picture", lambda e: replace(identity(e), splits_out=e.splits + 1), "must rise from 0"),
        ("plans_for_every_picture", refusing, "on no pictures: refused with not today"),
        ("sorts_its_edges", lambda e: replace(identity(e), source=identity(e).source + 1), "leads out of the batch"),
        ("sorts_its_edges", lambda e: replace(backwards(e), target=backwards(e).target[::-1].copy()), "must be sorted"),
        ("sorts_its_edges", weighing(0), "above 0"),
        ("sorts_its_edges", weighing(np.inf), "finite"),
        ("fills_every_target", empty_target, "has no source"),
        ("keeps_pictures_apart", everything_to_the_first, "another picture"),
        ("leaves_protected_tokens_alone", one_target, "was merged"),
        ("leaves_protected_tokens_alone", lambda e: Plan.keep(~e.protected(), e.splits), "was dropped"),
        ("leaves_protected_tokens_alone", weighing(0.5), "must be 1"),
        ("leaves_protected_tokens_alone", backwards, "changed their order"),
        ("conserves_mass", weighing(2), "became"),
        ("drops_in_order", backwards, "stay in its order"),
        ("drops_in_order", lambda e: replace(one_target(e), joins=False), "tokens join"),
        ("batches_do_not_matter", half_of_the_batch, "alone is planned otherwise"),
        ("only_looks", scribbling, "wrote into keys"),
    ],
)
def test_a_selector_that_breaks_a_rule_is_found(check, plan, sentence):
    with pytest.raises(AssertionError, match=sentence):
        getattr(selectors, f"check_{check}")(Planned(plan))


def test_a_selector_that_changes_its_mind_is_found():
    turn = itertools.count()

    def moody(evidence):
        return Plan.keep(np.full(len(evidence.mass), next(turn) % 2 == 0), evidence.splits)

    with pytest.raises(AssertionError, match="gave another plan"):
        selectors.check_decides_the_same_again(Planned(moody))


def test_a_merge_that_breaks_the_tokens_is_found():
    selector = Planned(identity)
    selector.merge = lambda plan, x, mass: np.full_like(x, np.nan, np.float32)
    with pytest.raises(AssertionError, match="cannot be applied: data: expected finite numbers"):
        selectors.check_makes_good_tokens(selector)


def test_a_merge_that_looks_at_the_batch_is_found():
    selector = Planned(identity)
    selector.merge = lambda plan, x, mass: np.full(x.shape, len(x), np.float32)
    with pytest.raises(AssertionError, match="picture 0 alone becomes other tokens"):
        selectors.check_makes_good_tokens(selector)


@pytest.mark.parametrize(("needs", "sentence"), [({"keys"}, "must be a frozenset"), (frozenset({"kyes"}), "'kyes'")])
def test_a_selector_with_unknown_needs_is_found(needs, sentence):
    selector = Planned(identity)
    selector.needs = needs
    with pytest.raises(AssertionError, match=sentence):
        selectors.check_names_its_needs(selector)


def test_a_selector_with_a_foreign_repr_is_found():
    class Nameless(Planned):
        __repr__ = object.__repr__

    with pytest.raises(AssertionError, match="the repr of a method is its stage"):
        selectors.check_is_its_text(Nameless(identity))


def test_a_selector_that_only_says_its_name_is_found():
    class Forgetful:
        def __repr__(self):
            return "forgetful"

    with pytest.raises(AssertionError, match="forgetful gives another Forgetful"):
        selectors.check_is_its_text(Forgetful())


def test_a_repr_that_means_another_method_is_found():
    @dataclass(frozen=True, repr=False)
    class Impostor:
        def __repr__(self):
            return "patch"

    with pytest.raises(AssertionError, match="means Patch, not Impostor"):
        selectors.check_is_its_text(Impostor())


def test_the_needs_of_a_selector_are_shown_to_it():
    @dataclass(frozen=True)
    class Curious:
        needs = frozenset({"attention.cls@-2", "query"})

        def __repr__(self):
            return "curious"

        def plan(self, evidence):
            assert len(evidence.attention["attention.cls@-2"]) == len(evidence.mass)
            assert evidence.query.shape[1] == evidence.keys.shape[1]
            return Plan.identity(evidence.splits)

    check_selector(Curious())


class Spoilt:
    """Patches of 4 × 4, and something done to the tokens."""

    def __init__(self, spoil=lambda tokens: tokens):
        self.spoil = spoil
        self.space = Patch(4).space

    def tokenize(self, pictures):
        return self.spoil(Patch(4).tokenize(pictures))


def one_picture_less(tokens):
    return tokens[1:]


def renamed(tokens):
    table = tokens.pictures
    return tokens.with_(pictures=replace(table, names=tuple(f"x{name}" for name in table.names)))


def lying_about_size(tokens):
    return tokens.with_(pictures=replace(tokens.pictures, sizes=tokens.pictures.sizes + 1))


def counting_pictures(tokens):
    return tokens.with_(columns={"score": np.full(tokens.total, len(tokens), np.float32)})


@pytest.mark.parametrize(
    ("check", "spoil", "sentence"),
    [
        ("answers_every_picture", one_picture_less, "names of the pictures"),
        ("answers_every_picture", renamed, "names of the pictures"),
        ("answers_every_picture", lying_about_size, "height, width"),
        ("makes_good_tokens", lambda t: t.where(np.zeros(t.total, bool)), "a picture has no token"),
        ("stays_in_its_space", lambda t: t.with_(space=Space("vectors", 48, digest="other")), "was promised"),
        ("keeps_its_columns", lambda t: t.with_(columns={"score": t.mass} if len(t) else {}), "on no pictures"),
        ("batches_do_not_matter", counting_pictures, "other tokens than in the batch"),
    ],
)
def test_a_tokenizer_that_breaks_a_rule_is_found(check, spoil, sentence):
    with pytest.raises(AssertionError, match=sentence):
        getattr(tokenizers, f"check_{check}")(Spoilt(spoil))


def test_tokens_that_were_spoilt_later_are_found():
    def spoil(tokens):
        tokens.mass.setflags(write=True)
        tokens.mass[:] = -1
        return tokens

    with pytest.raises(AssertionError, match="mass: expected finite, from 0"):
        tokenizers.check_makes_good_tokens(Spoilt(spoil))


def test_a_tokenizer_that_reads_twice_is_found():
    class Twice(Spoilt):
        def tokenize(self, pictures):
            sum(1 for _ in pictures)
            return super().tokenize(pictures)

    with pytest.raises(AssertionError, match="an iterator gives other tokens"):
        tokenizers.check_reads_pictures_once(Twice())


def test_a_tokenizer_that_writes_into_pixels_is_found():
    class Painting(Spoilt):
        def tokenize(self, pictures):
            for picture in pictures:
                if picture.pixels.flags.writeable:
                    picture.pixels[:] = 0
            return super().tokenize(pictures)

    with pytest.raises(AssertionError, match="wrote into the pixels"):
        tokenizers.check_leaves_pixels_alone(Painting())


def test_a_tokenizer_that_changes_its_mind_is_found():
    turn = itertools.count(1)
    spoilt = Spoilt(lambda tokens: tokens.with_(mass=np.full(tokens.total, next(turn), np.float32)))
    with pytest.raises(AssertionError, match="gave other tokens"):
        tokenizers.check_decides_the_same_again(spoilt)


def test_tokens_that_no_file_holds_are_found():
    spoilt = Spoilt(lambda tokens: tokens.with_(columns={"label": np.arange(tokens.total, dtype=">i4")}))
    with pytest.raises(AssertionError, match="saved and loaded"):
        tokenizers.check_survives_a_file(spoilt)


def test_pictures_that_come_back_wrong_are_found():
    class Losing(Spoilt):
        exact = True

        def detokenize(self, tokens):
            return [
                replace(p, pixels=p.pixels ^ self.flip, name=self.name or p.name) for p in Patch(4).detokenize(tokens)
            ]

    losing = Losing()
    losing.flip, losing.name = np.uint8(0), ""
    tokenizers.check_gives_pictures_back(losing)
    losing.flip = np.uint8(1)
    with pytest.raises(AssertionError, match="other pixels"):
        tokenizers.check_gives_pictures_back(losing)
    losing.name = "x"
    with pytest.raises(AssertionError, match="came back as x"):
        tokenizers.check_gives_pictures_back(losing)


@pytest.mark.parametrize(
    ("module", "function", "checks", "method"),
    [
        (selectors, check_selector, "SELECTOR_CHECKS", Planned(identity)),
        (tokenizers, check_tokenizer, "TOKENIZER_CHECKS", Spoilt()),
    ],
)
def test_the_public_function_runs_every_check(monkeypatch, module, function, checks, method):
    own = {name for name in dir(module) if name.startswith("check_")} - {function.__name__}
    assert {check.__name__ for check in getattr(module, checks)} == own
    ran = []
    monkeypatch.setattr(module, checks, (ran.append, ran.append))
    function(method)
    assert ran == [method, method]
