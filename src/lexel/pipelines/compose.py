"""`Pipeline`: a tokenizer and what follows it, as one thing that turns pictures into tokens.

    pictures ─► tokenizer ─► Tokens ─► selector ─► Tokens ─► step ─► Tokens
                                │         ▲
                                evidence ─┘─► plan, applied here and nowhere else

A selector only decides. The pipeline shows it the evidence, applies its plan, and writes down how the tokens were
made (`recipe`): the canonical text and the version.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from lexel import __version__
from lexel.errors import BadArguments, MissingNeed, PipelineError, TokensError
from lexel.pictures.picture import Picture, Pictures
from lexel.pictures.read import read
from lexel.pictures.sources import Readable
from lexel.pipelines.grammar import parse
from lexel.pipelines.resolve import Keeping, Part, resolve, wire
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence, Selector
from lexel.tokens.value import Tokens

MARK = " · lexel "  # stands between text and version in a recipe


def pipeline(*stages: "str | Part | Pipeline") -> "Pipeline":
    """A pipeline from its text, from objects, or from both in turn. These three are equal:

        pipeline("patch(16) | tome(r=98)")
        pipeline(Patch(16), ToMe(r=98))
        pipeline("patch(16)", ToMe(r=98))

    Raises `BadArguments` for a text that is no pipeline and for arguments that a method does not take, `UnknownName`,
    `MissingNeed`, `SpaceMismatch`, and `PipelineError` for stages in the wrong place.
    """
    parts: list[object] = []
    for stage in stages:
        if isinstance(stage, str):
            parts += map(resolve, parse(stage).stages)
        else:
            parts += stage.parts if isinstance(stage, Pipeline) else [stage]
    return Pipeline(parts)


class Pipeline:
    """A tokenizer and what follows it. `str()` is its canonical text; pipelines of equal text are equal.

    It holds no state and may be called from many threads.

        >>> halved = pipeline("patch(16) | tome(r=98)")
        >>> tokens = halved(lexel.read("photos/"))
        >>> tokens.recipe
        'patch(16) | tome(r=98) · lexel 0.1.0'
    """

    def __init__(self, parts: Iterable[object]) -> None:
        parts = list(parts)
        if not parts:
            raise BadArguments("a pipeline has one stage or more")
        self.texts = tuple(_text(part) for part in parts)
        self.tokenizer, self.rest, self.keep = wire(parts, self.texts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tokenizer, then the selectors and steps."""
        return (self.tokenizer, *self.rest)

    @property
    def recipe(self) -> str:
        """What tokens say of how they were made: `patch(16) | tome(r=98) · lexel 0.1.0`. See `recipe_text`."""
        return _recipe(self.texts)

    def __call__(self, pictures: Readable) -> Tokens:
        """Tokens of all pictures, in their order, as one batch in memory (`stream` is for more).

        Whatever `lexel.read` takes will do: its result, a path, an array, a list of these. An iterator is not drained.
        """
        tokens = self._tokenize(_opened(pictures))
        for part in self.rest:
            tokens = _select(tokens, part)[0] if isinstance(part, Selector) else part(tokens)
        return self._finished(tokens, self.texts)

    def stream(self, pictures: Readable, *, batch: int = 64) -> Iterator[Tokens]:
        """The same tokens, `batch` pictures at a time; no pictures, no batches.

        >>> for tokens in pipeline("patch(16)").stream("photos/", batch=64): ...
        """
        if batch < 1:
            raise BadArguments(f"a batch has one picture or more, not {batch}")
        remaining = iter(_opened(pictures))
        while some := list(islice(remaining, batch)):
            yield self(some)

    def trace(self, pictures: Readable) -> "Trace":
        """The tokens before and after the selectors that follow the tokenizer, and the plan from one to the other."""
        before = after = self._tokenize(_opened(pictures))
        plan = Plan.identity(before.splits)
        done = 1
        for part in self.rest:
            if not isinstance(part, Selector):
                break
            after, chosen = _select(after, part)
            plan = plan.then(chosen)
            done += 1
        return Trace(self._finished(before, self.texts[:1]), plan, self._finished(after, self.texts[:done]))

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures that `tokens` were made of, where the only stage is an invertible tokenizer.

        Raises `PipelineError` where it is not, and `TokensError` for tokens that this pipeline did not make.
        """
        undo: Callable[[Tokens], list[Picture]] | None = getattr(self.tokenizer, "detokenize", None)
        if undo is None:
            raise PipelineError(f"{self.tokenizer!r} cannot be undone: its tokens do not hold the pixels")
        if self.rest:
            raise PipelineError(f"only {self.tokenizer!r} alone can be undone, not what {self.rest[0]!r} does after it")
        return undo(tokens)

    def __str__(self) -> str:
        return " | ".join(self.texts)

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return self.texts == other.texts if isinstance(other, Pipeline) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.texts)

    def _tokenize(self, pictures: Iterable[Picture]) -> Tokens:
        if self.keep and isinstance(self.tokenizer, Keeping):
            return self.tokenizer.tokenize(pictures, keep=self.keep)
        return self.tokenizer.tokenize(pictures)

    def _finished(self, tokens: Tokens, texts: tuple[str, ...]) -> Tokens:
        """Evidence that was kept for the selectors goes: keys are as large as the data."""
        columns = {name: column for name, column in tokens.columns.items() if name not in self.keep}
        return tokens.with_(columns=columns, recipe=_recipe(texts))


@dataclass(frozen=True, eq=False)
class Trace:
    """What a pipeline did to tokens, for drawing it.

    before   as the tokenizer made them: N tokens
    plan     from the N tokens to the M, all selectors composed
    after    M tokens; steps into another space, and what follows them, are left out
    """

    before: Tokens
    plan: Plan
    after: Tokens


def reduce(tokens: Tokens, selector: Selector) -> Tokens:
    """Fewer tokens in the same space: what `selector` decides, applied.

    Tokens without the column "keys" are compared by their data. Raises `MissingNeed` for other evidence that the
    tokens do not have.

        half = lexel.reduce(lexel.pipeline("patch(16)")(pictures), ToMe(r=98))
    """
    reduced, _ = _select(tokens, selector)
    if MARK not in tokens.recipe:
        return reduced
    return reduced.with_(recipe=_recipe((recipe_text(tokens.recipe), _text(selector))))


def recipe_text(recipe: str) -> str:
    """The text of the pipeline in a recipe; `pipeline(recipe_text(tokens.recipe))` makes such tokens again.

    Raises `TokensError` for a recipe that no pipeline wrote.
    """
    text, mark, _ = recipe.rpartition(MARK)
    if not mark:
        raise TokensError("the recipe of these tokens names no pipeline")
    return text


def _recipe(texts: tuple[str, ...]) -> str:
    return " | ".join(texts) + MARK + __version__


def _select(tokens: Tokens, selector: Selector) -> tuple[Tokens, Plan]:
    evidence = Evidence.of(tokens)
    missing = sorted(selector.needs - {"keys"} - evidence.attention.keys())
    if missing:
        raise MissingNeed(
            f"{selector!r} needs {' and '.join(missing)}, which these tokens do not carry",
            hint=f"keep it when a tower makes the tokens: tokenize(pictures, keep={missing})",
        )
    plan = selector.plan(evidence)
    return tokens.apply(plan, selector), plan


def _opened(pictures: Readable) -> Iterable[Picture]:
    if isinstance(pictures, Pictures):
        return pictures
    if isinstance(pictures, Iterator):  # `read` would hold all of it
        return (picture for some in pictures for picture in read(some))
    return read(pictures)


def _text(part: object) -> str:
    """The canonical text of a stage, from its `repr`."""
    if isinstance(part, type):
        raise PipelineError(f"{part.__name__} is a class; a stage is an object: {part.__name__}(…)")
    try:
        [stage] = parse(repr(part)).stages
    except (BadArguments, ValueError):
        raise PipelineError(f"{type(part).__name__}: its repr is no stage, such as patch(16)") from None
    return str(stage)
