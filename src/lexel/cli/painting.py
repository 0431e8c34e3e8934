"""`lexel show --paint`: what a model is asked for, and the sentence when it does not have that."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lexel.drawing.paint import attention, pca, stages
from lexel.drawing.views import View
from lexel.errors import BadArguments, MissingNeed
from lexel.pictures.picture import Picture
from lexel.pipelines.compose import Pipeline
from lexel.pipelines.resolve import Keeping
from lexel.tokens.value import Tokens

if TYPE_CHECKING:
    from lexel.cli.tokens import Paint

ASKED = {"attention": ("attention.cls.joined", "attention.received"), "rollout": ("attention.rollout",)}


@runtime_checkable
class Staged(Protocol):
    """A model of several stages."""

    def hierarchy(self, pictures: Iterable[Picture]) -> list[Tokens]:
        """The tokens of every stage."""


def painted(paint: "Paint", how: Pipeline, picture: Picture) -> tuple[str, list[View]]:
    """What was painted, in words, and the views.

    Raises `MissingNeed` for a model that does not have it, `BadArguments` for what cannot be painted so.
    """
    if paint == "pca":
        trace = how.trace([picture])
        return repr(trace.after), pca(trace, [picture])
    model = how.tokenizer
    if how.rest:
        raise BadArguments(f"--paint {paint} is of a model alone", hint=f"--with {str(model)!r}")
    if paint == "stages":
        if not isinstance(model, Staged):
            raise BadArguments(
                f"{model!r} has no stages to paint", hint="a hierarchy such as Swin has, named without (stage=…)"
            )
        found = model.hierarchy([picture])
        return f"{len(found)} stages, the last {found[-1]!r}", stages(found, picture)
    offers = model.offers if isinstance(model, Keeping) else frozenset[str]()
    asked = [name for name in ASKED[paint] if name.removesuffix(".joined") in offers]
    if not asked or not isinstance(model, Keeping):
        raise MissingNeed(
            f"{model!r} keeps no {paint} to paint", hint=f"it keeps {', '.join(sorted(offers)) or 'nothing'}"
        )
    tokens = model.tokenize([picture], keep=asked)
    return repr(tokens), attention(tokens, picture)
