from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import lexel
from lexel import Plan, Tokens
from lexel.errors import BadArguments, MissingNeed, PipelineError, TokensError
from lexel.partitions.patch import Patch
from lexel.pipelines.compose import Pipeline, pipeline, recipe_text, reduce
from lexel.reducers.random_drop import RandomDrop
from lexel.reducers.tome import ToMe
from lexel.testing import make_picture, make_tokens
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import Evidence, stage_text

PICTURES = [make_picture(64, 48), make_picture(33, 65, seed=1), make_picture(5, 5, seed=2)]


@dataclass(frozen=True)
class Encoder:
    """Patches as a tower would give them: the columns that it is asked to keep."""

    offers = frozenset({"keys", "attention.cls"})
    space = Patch(16).space

    def tokenize(self, pictures, *, keep=()):
        tokens = Patch(16).tokenize(pictures)
        columns = {name: np.arange(tokens.total, dtype=np.float32) for name in sorted(keep)}
        return tokens.with_(columns={**columns, "score": tokens.mass})

    def __repr__(self):
        return "encoder"


@dataclass(frozen=True, repr=False)
class KeepLast:
    """Needs class attention, keeps the token that has most of it, and shouts."""

    needs = frozenset({"attention.cls"})
    __repr__ = stage_text

    def plan(self, evidence):
        kept = np.zeros(len(evidence.mass), bool)
        for start, stop in zip(evidence.splits[:-1], evidence.splits[1:], strict=True):
            kept[start + evidence.attention["attention.cls"][start:stop].argmax()] = True
        return Plan.keep(kept, evidence.splits)

    def merge(self, plan, x, mass):
        return np.full((len(plan.target), *x.shape[1:]), 7, np.float32)


@dataclass(frozen=True)
class Halve:
    """A step: the first half of every vector."""

    def __call__(self, tokens, query=None):
        width = tokens.space.width // 2
        return tokens.with_(data=tokens.data[:, :width], space=Space("vectors", width, digest="half"))

    def __repr__(self):
        return "halve"


def test_a_pipeline_of_text_of_objects_and_of_both_are_equal():
    texts = pipeline("patch(16)|tome( r=98 )"), pipeline("patch(16)", "tome(r=98)")
    objects = pipeline(Patch(16), ToMe(r=98)), pipeline("patch(16)", ToMe(r=98)), Pipeline([Patch(16), ToMe(r=98)])
    assert len({*texts, *objects}) == 1
    assert pipeline("patch(16)") != pipeline("patch(8)")
    assert pipeline("patch(16)") != "patch(16)"


def test_a_pipeline_goes_on_from_another():
    assert pipeline(pipeline("patch(16)"), ToMe(r=2)) == pipeline("patch(16) | tome(r=2)")
    assert pipeline(pipeline("patch(16)")) == pipeline("patch(16)")


def test_the_text_of_a_pipeline_is_canonical_and_makes_it_again():
    made = pipeline("patch(patch_size=16) | random_drop(0.50, seed=0) | tome(r=1)")
    assert str(made) == repr(made) == "patch(16) | random_drop(0.5) | tome(r=1)"
    assert pipeline(str(made)) == made


def test_the_stages_are_applied_in_order():
    tokens = Patch(16).tokenize(PICTURES)
    for selector in (RandomDrop(0.75), ToMe(r=2)):
        tokens = tokens.apply(selector.plan(Evidence.of(tokens)))
    assert pipeline("patch(16) | random_drop(0.75) | tome(r=2)")(PICTURES).equals(tokens)


def test_tokens_say_how_they_were_made():
    tokens = pipeline("patch(16) | tome(r=2)")(PICTURES)
    assert tokens.recipe == f"patch(16) | tome(r=2) · lexel {lexel.__version__}"
    assert pipeline(recipe_text(tokens.recipe)) == pipeline("patch(16) | tome(r=2)")


def test_a_recipe_is_read_back_whatever_the_text_holds():
    assert recipe_text("'a · lexel 1'('· lexel') · lexel 0.1.0") == "'a · lexel 1'('· lexel')"
    with pytest.raises(TokensError, match="names no pipeline"):
        recipe_text("made by hand")


def test_no_pictures_give_no_tokens():
    tokens = pipeline("patch(16) | tome(r=2)")([])
    assert (len(tokens), tokens.total) == (0, 0)


def test_a_stream_gives_the_same_tokens_in_batches():
    whole = pipeline("patch(16) | tome(r=2)")
    batches = list(whole.stream(PICTURES, batch=2))
    assert [len(batch) for batch in batches] == [2, 1]
    assert Tokens.concat(batches).equals(whole(PICTURES))
    assert batches[0].recipe == whole.recipe
    assert list(whole.stream([])) == []


def test_a_stream_draws_no_more_pictures_than_it_needs():
    drawn = iter(PICTURES)
    next(pipeline("patch(16)").stream(drawn, batch=1))
    assert len(list(drawn)) == 2


def test_a_batch_of_no_pictures_is_refused():
    with pytest.raises(BadArguments, match="not 0"):
        next(pipeline("patch(16)").stream(PICTURES, batch=0))


def test_whatever_can_be_read_can_be_given(tmp_path):
    pixels = make_picture(20, 30).pixels
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    patches = pipeline("patch(16)")
    expected = patches([make_picture(20, 30)]).data
    for given in (path, str(path), [path], pixels, [pixels], lexel.read(path), iter([path]), make_picture(20, 30)):
        assert np.array_equal(patches(given).data, expected)


def test_a_trace_has_the_tokens_on_both_ends_of_its_plan():
    made = pipeline("patch(16) | random_drop(0.75) | tome(r=2)")
    trace = made.trace(PICTURES)
    assert trace.before.equals(Patch(16).tokenize(PICTURES))
    assert trace.after.equals(made(PICTURES))
    assert np.array_equal(trace.plan.splits_in, trace.before.splits)
    assert np.array_equal(trace.plan.out_mass(trace.before.mass), trace.after.mass)
    assert trace.before.recipe == pipeline("patch(16)").recipe
    assert trace.after.recipe == made.recipe


def test_a_trace_without_selectors_changes_nothing():
    trace = pipeline("patch(16)").trace(PICTURES)
    assert trace.after.equals(trace.before)
    assert trace.before.apply(trace.plan).equals(trace.before)


def test_a_trace_ends_where_a_step_leaves_the_space():
    trace = pipeline(Patch(16), ToMe(r=2), Halve(), ToMe(r=1)).trace(PICTURES)
    assert trace.after.equals(pipeline(Patch(16), ToMe(r=2))(PICTURES))
    assert trace.after.recipe == pipeline("patch(16) | tome(r=2)").recipe


def test_a_step_is_called_with_the_tokens():
    assert pipeline(Patch(16), Halve())(PICTURES).space.width == 384


def test_what_a_selector_needs_is_kept_for_it_and_goes_again():
    tokens = pipeline(Encoder(), KeepLast())(PICTURES)
    assert tokens.counts.tolist() == [1, 1, 1]
    assert set(tokens.columns) == {"score"}
    assert set(pipeline(Encoder())(PICTURES).columns) == {"score"}


def test_a_merge_of_the_selectors_own_is_used():
    assert (pipeline(Encoder(), KeepLast())(PICTURES).data == 7).all()


def test_an_invertible_tokenizer_gives_the_pictures_back():
    patches = pipeline("patch(16)")
    back = patches.detokenize(patches(PICTURES))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(PICTURES, back, strict=True))


def test_what_cannot_be_undone_says_why():
    reduced = pipeline("patch(16) | tome(r=2)")
    with pytest.raises(PipelineError, match=r"only patch\(16\) alone can be undone, not what tome\(r=2\) does"):
        reduced.detokenize(reduced(PICTURES))
    with pytest.raises(PipelineError, match="encoder cannot be undone"):
        pipeline(Encoder()).detokenize(reduced(PICTURES))
    with pytest.raises(TokensError):
        pipeline("patch(16)").detokenize(reduced(PICTURES))


def test_reduce_applies_one_selector_and_continues_the_recipe():
    tokens = pipeline("patch(16)")(PICTURES)
    assert reduce(tokens, ToMe(r=2)).equals(pipeline("patch(16) | tome(r=2)")(PICTURES))
    assert reduce(tokens, ToMe(r=2)).recipe == pipeline("patch(16) | tome(r=2)").recipe
    assert reduce(make_tokens((2, 2)), ToMe(r=1)).recipe == ""


def test_reduce_names_the_evidence_that_tokens_lack():
    with pytest.raises(MissingNeed) as caught:
        reduce(make_tokens((2, 2)), KeepLast())
    assert "needs attention.cls, which these tokens do not carry" in caught.value.reason
    assert "tokenize(pictures, keep=['attention.cls'])" in caught.value.hint
    assert reduce(make_tokens((2, 2), columns=["attention.cls"]), KeepLast()).total == 1


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "a pipeline has one stage or more"),
        ([Patch], "Patch is a class; a stage is an object: Patch"),
        ([Patch(16), lambda tokens: tokens], "function: its repr is no stage"),
        ([object()], "object: its repr is no stage"),
    ],
)
def test_what_is_no_stage_is_refused(stages, message):
    with pytest.raises(PipelineError, match=message):
        pipeline(*stages)


def test_a_pipeline_may_be_called_from_many_threads():
    made = pipeline("patch(16) | tome(r=2)")
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(made, [PICTURES] * 8))
    assert all(tokens.equals(results[0]) for tokens in results)


def test_pictures_keep_their_names():
    twins = [PICTURES[0], replace(PICTURES[0])]
    assert pipeline("patch(16)")(twins).pictures.names == (PICTURES[0].name,) * 2
