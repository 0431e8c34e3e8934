"""Stages → objects, and whether they fit together.

    patch(16)  |  tome(r=98)                 resolve    each stage, its name and its arguments → one object
    Patch(16)  →  ToMe(r=98)                 wire       tokenizer first, then selectors and steps; spaces; needs
         ◄── keys ───┘

Needs travel back once, before any picture is read: a tokenizer that can keep evidence says so by `offers` and takes
`tokenize(pictures, keep=…)`. Where nothing offers "keys", they are not missing: tokens that met no attention are
compared by their data.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

from lexel.carets import nearest, point
from lexel.errors import BadArguments, MissingNeed, PipelineError, SpaceMismatch
from lexel.pictures.picture import Picture
from lexel.pipelines.grammar import Stage, Value, parse
from lexel.pipelines.registry import find
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import Selector, Step, Tokenizer
from lexel.tokens.value import Tokens

Part: TypeAlias = Tokenizer | Selector | Step

PATCH_SIZE = "patch_size"  # the one argument of a model that makes another model of it; the others are `tokenize`'s
MODEL = re.compile(r"[/:@]")  # in a name: `org/name`, `./folder`, `prefix:…`; a method has none of these


@runtime_checkable
class Keeping(Tokenizer, Protocol):
    """A tokenizer that can keep evidence for selectors: a tower."""

    offers: frozenset[str]

    def tokenize(self, pictures: Iterable[Picture], *, keep: Collection[str] = ()) -> Tokens:
        """Tokens with a column for each name in `keep`, all of which are in `offers` (before an `@`)."""
        ...


@runtime_checkable
class Tower(Protocol):
    """What lets selectors in."""

    def inside(self, selector: Selector, *, layers: tuple[int, ...] = ()) -> "Tower":
        """The same tower with `selector` after these layers; no layers means every one."""
        ...


@runtime_checkable
class Flexible(Protocol):
    """What takes patches of another size."""

    def with_patch_size(self, patch_size: int) -> "Flexible":
        """The same tower with patches of so many pixels."""
        ...


@runtime_checkable
class Coding(Protocol):
    """What turns vectors inside an autoencoder into codes: a quantizer. It can be called, and is no step."""

    def codes(self, x: object) -> object:
        """Vectors to codes."""
        ...

    def decode(self, codes: object) -> object:
        """Codes to vectors."""
        ...


@runtime_checkable
class Undone(Tokenizer, Protocol):
    """A tokenizer that gives pictures back."""

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures again."""
        ...


def resolve(stage: Stage) -> object:
    """The object that a stage names, with what stands inside it.

    Raises `UnknownName` with the nearest names, and `BadArguments` that points at the argument and shows what the
    method takes. A method says itself which values it takes; its error gets the stage as subject.
    """
    is_model = MODEL.search(stage.name)
    made = _model(stage) if is_model else _method(stage)
    plain = str(Stage(stage.name, stage.args, stage.kwargs))
    for inside in stage.inside:
        selector = resolve(inside.stage)
        if not isinstance(made, Tower):
            message = f"nothing can stand inside {stage.name}: it has no layers"
            raise BadArguments(point(str(stage), len(plain), message), hint=f"after it: {plain} | {inside.stage}")
        if not isinstance(selector, Selector):
            message = f"selectors stand inside, and {inside.stage.name} is none"
            raise BadArguments(point(str(stage), len(plain), message))
        made = made.inside(selector, layers=inside.layers)
    asked = {name: value for name, value in stage.kwargs.items() if name != PATCH_SIZE}
    if not (is_model and isinstance(made, Tokenizer) and asked):
        return made
    return AskedAndUndone(made, asked) if isinstance(made, Undone) else Asked(made, asked)


@dataclass(frozen=True, eq=False)
class Asked:
    """A model whose `tokenize` is always asked for the same: `org/name(space='shared')`."""

    model: Tokenizer
    arguments: Mapping[str, Value]

    @property
    def offers(self) -> frozenset[str]:
        """The evidence that the model can keep."""
        return self.model.offers if isinstance(self.model, Keeping) else frozenset()

    @cached_property
    def space(self) -> Space:
        """What the data of its tokens mean: those of no pictures say it too."""
        return self.tokenize(()).space

    def tokenize(self, pictures: Iterable[Picture], *, keep: Collection[str] = ()) -> Tokens:
        """Tokens as the model makes them with these arguments."""
        asked: Callable[..., Tokens] = self.model.tokenize
        kept = {"keep": keep} if isinstance(self.model, Keeping) else {}
        return asked(pictures, **self.arguments, **kept)

    def __repr__(self) -> str:
        [stage] = parse(repr(self.model)).stages
        return str(replace(stage, kwargs={**stage.kwargs, **self.arguments}))


class AskedAndUndone(Asked):
    """…and that can give pictures back."""

    model: Undone

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures, as the model gives them back."""
        return self.model.detokenize(tokens)


def _method(stage: Stage) -> object:
    method = find(stage.name)
    _check_arguments(stage, inspect.signature(method))
    try:
        return method(*stage.args, **stage.kwargs)
    except BadArguments as error:  # it has named itself, or the stage is named here
        raise error if stage.name in error.reason else error.about(str(stage)) from None
    except (TypeError, ValueError) as error:  # a method that leaves the check to Python
        raise BadArguments(str(error), subject=str(stage)) from error


def _model(stage: Stage) -> object:
    """The model of that name. Its arguments are those of its `tokenize`, and the size of its patches."""
    from lexel.loading.load import load

    model: object = load(stage.name)
    if not isinstance(model, Tokenizer):
        raise BadArguments(
            "makes no tokens of pictures", subject=stage.name, hint="lexel sample draws new ones from it"
        )
    signature = inspect.signature(model.tokenize)
    own = [p for p in signature.parameters.values() if p.name not in ("pictures", "keep")]
    if isinstance(model, Flexible):
        own.append(inspect.Parameter(PATCH_SIZE, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=int))
    _check_arguments(stage, signature.replace(parameters=own))
    size = stage.kwargs.get(PATCH_SIZE)
    if size is None or not isinstance(model, Flexible):
        return model
    if not isinstance(size, int) or isinstance(size, bool):
        raise BadArguments(f"patch_size is a whole number of pixels, not {size!r}", subject=str(stage))
    return model.with_patch_size(size)


def wire(
    parts: Sequence[object], texts: Sequence[str]
) -> tuple[Tokenizer, tuple[Selector | Step, ...], frozenset[str]]:
    """Check that parts fit together: the tokenizer, what follows it, and what it has to keep for the others.

    Raises `PipelineError` for a part in the wrong place, `SpaceMismatch` and `MissingNeed`; all of them point at it
    in the text of the pipeline.
    """
    text = " | ".join(texts)
    first, at = parts[0], 0
    if not isinstance(first, Tokenizer):
        raise PipelineError(point(text, at, f"{_role(first)}; a pipeline begins with a tokenizer, such as patch(16)"))
    space = _known(first.space)
    offers = first.offers if isinstance(first, Keeping) else frozenset()
    keep: set[str] = set()
    rest: list[Selector | Step] = []
    for part, before in zip(parts[1:], texts, strict=False):
        at += len(before) + len(" | ")
        if isinstance(part, Tokenizer | Coding) or not isinstance(part, Selector | Step):
            raise PipelineError(point(text, at, f"{_role(part)}; here stands a selector or a step"))
        if isinstance(part, Selector):
            offered = {need for need in part.needs if need.partition("@")[0] in offers}
            if missing := part.needs - offered - {"keys"}:
                raise MissingNeed(
                    point(text, at, f"needs {' and '.join(sorted(missing))}, which {texts[0]} does not keep"),
                    hint="towers keep it: put the selector after one, or inside it",
                )
            keep |= offered
        else:
            takes: Space | None = getattr(part, "takes", None)
            if takes is not None and space is not None and takes != space:
                raise SpaceMismatch(point(text, at, f"takes {takes}; what comes is {space}"))
            space = _known(getattr(part, "space", None))
            offers = frozenset()  # the evidence was about rows that are gone
        rest.append(part)
    return first, tuple(rest), frozenset(keep)


def _known(space: Space | None) -> Space | None:
    """None where nobody says, or where the pictures will decide it: vectors of width 0."""
    return space if space is not None and (space.kind == "codes" or space.width) else None


def _role(part: object) -> str:
    if isinstance(part, Coding):
        return "this is a quantizer, which works inside an autoencoder"
    for role, protocol in (("tokenizer", Tokenizer), ("selector", Selector), ("step", Step)):
        if isinstance(part, protocol):
            return f"this is a {role}"
    return "this is no stage: it has no space and tokenize, no needs and plan, no __call__"


def _check_arguments(stage: Stage, signature: inspect.Signature) -> None:
    """Compare the arguments with what the method takes, and point at the first that does not fit."""
    parameters = signature.parameters.values()
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    kinds = {p.kind for p in parameters}
    takes = f"{stage.name}{signature.replace(return_annotation=inspect.Signature.empty)}"

    def wrong(index: int, message: str, hint: str = "") -> BadArguments:
        kept = dict(list(stage.kwargs.items())[: max(0, index - len(stage.args))])
        before = str(Stage(stage.name, stage.args[:index], kept))
        return BadArguments(point(str(stage), len(before) + 1, message), hint="\n".join(filter(None, [hint, takes])))

    if len(stage.args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        said = f"{len(positional) or 'no'} argument{'' if len(positional) == 1 else 's'} without a name"
        raise wrong(len(positional), f"{stage.name} takes {said}")
    for i, name in enumerate(stage.kwargs, start=len(stage.args)):
        if name in positional[: len(stage.args)]:
            raise wrong(i, f"{name} is given twice")
        if name not in named and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise wrong(i, f"{stage.name} has no argument {name}", nearest(name, named))
    given = {*positional[: len(stage.args)], *stage.kwargs}
    for parameter in parameters:
        variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not variable and parameter.name not in given:
            at = len(str(Stage(stage.name, stage.args, stage.kwargs))) - bool(stage.args or stage.kwargs)
            raise BadArguments(point(str(stage), at, f"{parameter.name} is missing"), hint=takes)
