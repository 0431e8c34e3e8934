"""How many tokens a picture is to a language model, from its size alone.

>>> int(image_tokens("qwen2.5-vl", height=1080, width=1920))
2691
>>> int(image_tokens("qwen2.5-vl", height=1080, width=1920, max_pixels=1_003_520))
1222
"""

import dataclasses
from functools import cache

from lexel.carets import nearest
from lexel.costs.closed import closed
from lexel.costs.open import OPEN
from lexel.costs.rule import ImageTokens, Model, Option, Rule, whole
from lexel.errors import BadArguments, UnknownModel


def image_tokens(model: str, *, height: int, width: int, frames: int = 1, **options: Option) -> ImageTokens:
    """The tokens of one picture of `height` × `width` pixels, upright, in a model of `models()`.

    `frames` above 1 is a video of that many frames, where the model's rule covers it. `options` are the model's own,
    as `max_pixels` of Qwen or `detail` of GPT; `models()` names them.

    Raises `UnknownModel` and, for options and for sizes that the model itself refuses, `BadArguments`.
    """
    found = _find(model)
    try:
        whole("height", height)
        whole("width", width)
        whole("frames", frames)
        rule = _with(found.rule, options) if options else found.rule
        if frames > 1 and not rule.video:
            raise BadArguments("its rule covers single pictures only; frames is 1")
        tokens, visual = rule.count(height, width, frames)
    except BadArguments as error:
        error.about(model)
        raise
    return ImageTokens(tokens, visual, rule.sentence, found.dated, found.source)


def models() -> list[Model]:
    """Every model, by name."""
    return list(_by_name().values())


@cache
def _by_name() -> dict[str, Model]:
    return {model.name: model for model in sorted((*OPEN, *closed()), key=lambda model: model.name)}


def _find(name: str) -> Model:
    known = _by_name()
    if name in known:
        return known[name]
    raise UnknownModel(
        f"no language model {name!r} is known", hint=_nearest(name.lower().rpartition("/")[2], list(known))
    )


def _with(rule: Rule, options: dict[str, Option]) -> Rule:
    for name in options:
        if name not in rule.options:
            raise BadArguments(f"it has no option {name!r}", hint=_nearest(name, list(rule.options)))
    configured: Rule = dataclasses.replace(rule, **options)  # type: ignore[type-var]  # every rule is a dataclass
    return configured


def _nearest(name: str, known: list[str]) -> str:
    if not known:
        return "It has none."
    return nearest(name, known) or f"Known: {', '.join(known)}."
