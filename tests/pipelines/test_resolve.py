from dataclasses import dataclass

import pytest

from lexel.errors import BadArguments, MissingNeed, PipelineError, SpaceMismatch
from lexel.partitions.grid import Grid
from lexel.partitions.patch import Patch
from lexel.pipelines.grammar import parse
from lexel.pipelines.registry import temporary
from lexel.pipelines.resolve import resolve, wire
from lexel.ragged.plan import Plan
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Space

PATCH = "patch(patch_size: int, *, size: int | tuple[int, int] | None = None)"


def made(text):
    [stage] = parse(text).stages
    return resolve(stage)


def wired(*parts):
    return wire(parts, [repr(part) for part in parts])


@dataclass(frozen=True)
class Curious:
    """A selector that needs something."""

    needs: frozenset[str]

    def plan(self, evidence):
        return Plan.identity(evidence.splits)

    def __repr__(self):
        return "curious"


@dataclass(frozen=True)
class Projector:
    """A step from one space to another."""

    takes: Space | None
    space: Space

    def __call__(self, tokens, query=None):
        return tokens

    def __repr__(self):
        return "projector"


@dataclass(frozen=True)
class Encoder:
    """A tower: it keeps evidence, and lets selectors in."""

    layers: tuple = ()
    space = Space("vectors", 8)
    offers = frozenset({"keys", "attention.cls"})

    def tokenize(self, pictures, *, keep=()):
        raise AssertionError("nothing is read while a pipeline is built")

    def inside(self, selector, *, layers=()):
        return Encoder((*self.layers, (selector, layers)))

    def __repr__(self):
        return "encoder"


def test_a_stage_becomes_the_object_that_it_names():
    assert made("patch(16, size=(32, 48))") == Patch(16, size=(32, 48))
    assert made("tome(r=98)") == ToMe(r=98)


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("patch", 5, "patch_size is missing", PATCH),
        ("patch(size=8)", 12, "patch_size is missing", PATCH),
        ("patch(16, 8)", 10, "patch takes 1 argument without a name", PATCH),
        ("patch(16, sise=8)", 10, "patch has no argument sise", f"did you mean size?\n{PATCH}"),
        ("patch(16, size=8, zoom=2)", 18, "patch has no argument zoom", PATCH),
        ("patch(16, patch_size=8)", 10, "patch_size is given twice", PATCH),
        ("tome(98)", 5, "tome takes no arguments without a name", "tome(*, r: int)"),
    ],
)
def test_an_argument_that_does_not_fit_is_pointed_at(text, at, message, hint):
    with pytest.raises(BadArguments) as caught:
        made(text)
    assert caught.value.reason == f"{text}\n{' ' * at}^ {message}"
    assert caught.value.hint == hint


def test_a_method_says_itself_which_values_it_takes():
    with pytest.raises(BadArguments, match=r"patch\(0\): expected whole pixels from 1") as caught:
        made("patch(0)")
    assert str(caught.value).count("patch(0)") == 1


def test_values_that_a_method_does_not_explain_are_blamed_on_the_stage():
    @dataclass(frozen=True)
    class Silent:
        side: int

        def __post_init__(self):
            if self.side > 100:
                raise BadArguments("too much")
            range(self.side)

    with temporary("silent", Silent):
        with pytest.raises(BadArguments, match=r"^silent\(101\): too much$"):
            made("silent(101)")
        with pytest.raises(BadArguments, match=r"^silent\('a'\): .*str"):
            made("silent('a')")


def test_methods_may_take_any_number_of_arguments():
    class Open:
        def __init__(self, *sides, **names):
            self.said = sides, names

    with temporary("open", Open):
        assert made("open(1, 2, a=3)").said == ((1, 2), {"a": 3})


def test_selectors_go_inside_a_tower_with_their_layers():
    with temporary("encoder", Encoder):
        tower = made("encoder[tome(r=13), 3-4: random_drop(0.5)]")
        assert [(repr(selector), layers) for selector, layers in tower.layers] == [
            ("tome(r=13)", ()),
            ("random_drop(0.5)", (3, 4)),
        ]
        with pytest.raises(BadArguments, match="selectors stand inside, and patch is none"):
            made("encoder[patch(16)]")


def test_nothing_stands_inside_what_has_no_layers():
    with pytest.raises(BadArguments) as caught:
        made("patch(16)[tome(r=2)]")
    assert str(caught.value) == (
        "patch(16)[tome(r=2)]\n         ^ nothing can stand inside patch: it has no layers\n"
        "after it: patch(16) | tome(r=2)"
    )


@pytest.mark.parametrize(
    ("parts", "at", "message"),
    [
        ([ToMe(r=2)], 0, "this is a selector; a pipeline begins with a tokenizer, such as patch(16)"),
        ([3, ToMe(r=2)], 0, "this is no stage: it has no space and tokenize, no needs and plan, no __call__"),
        ([Patch(16), Patch(8)], 12, "this is a tokenizer; here stands a selector or a step"),
        ([Patch(16), ToMe(r=2), 3], 24, "this is no stage"),
    ],
)
def test_a_stage_in_the_wrong_place_is_pointed_at(parts, at, message):
    with pytest.raises(PipelineError) as caught:
        wired(*parts)
    text = " | ".join(map(repr, parts))
    assert caught.value.reason.startswith(f"{text}\n{' ' * at}^ {message}")


def test_needs_travel_back_to_the_tokenizer():
    needs = frozenset({"attention.cls@-2", "keys"})
    assert wired(Encoder(), Curious(needs))[2] == needs
    assert wired(Encoder(), ToMe(r=1), Curious(frozenset({"attention.cls"})))[2] == {"keys", "attention.cls"}


def test_tokens_that_met_no_attention_have_their_data_for_keys():
    assert wired(Patch(16), ToMe(r=2))[2] == frozenset()


@pytest.mark.parametrize("tokenizer", [Patch(16), Encoder()])
def test_a_need_that_nothing_keeps_is_named(tokenizer):
    with pytest.raises(MissingNeed) as caught:
        wired(tokenizer, Curious(frozenset({"attention.received"})))
    assert f"needs attention.received, which {tokenizer!r} does not keep" in caught.value.reason


def test_evidence_does_not_outlive_a_step_into_another_space():
    step = Projector(None, Space("vectors", 4))
    with pytest.raises(MissingNeed):
        wired(Encoder(), step, Curious(frozenset({"attention.cls"})))
    assert wired(Encoder(), step, ToMe(r=1))[2] == frozenset()


def test_a_step_is_given_the_space_it_takes():
    space = Patch(16).space
    other = Space("vectors", 4, digest="other")
    assert wired(Patch(16), Projector(space, other), Projector(other, space))[2] == frozenset()
    assert wired(Grid(2, 2), Projector(space, other))[1]  # the pictures decide the width
    with pytest.raises(SpaceMismatch, match="takes vectors of other, 4 wide; what comes is vectors of 16×16 pixels"):
        wired(Patch(16), Projector(other, space))
