"""Prompt templates: a label is found best in the kind of sentence that captions are.

    "dog"  ×  "a photo of a {}."  "itap of a {}."  …   →   "a photo of a dog."  "itap of a dog."  …

    imagenet     80 templates, in the published order       a class is the mean of its 80 prompts
    imagenet-7   the 7 that carry most of it                an eleventh of the work

Source: the notebooks of openai/CLIP (MIT, copyright 2021 OpenAI, see LICENCES.md), as open_clip has them too.
"""

from collections.abc import Sequence

from lexel.errors import BadArguments, UnknownName

IMAGENET = (
    "a bad photo of a {}.",
    "a photo of many {}.",
    "a sculpture of a {}.",
    "a photo of the hard to see {}.",
    "a low resolution photo of the {}.",
    "a rendering of a {}.",
    "graffiti of a {}.",
    "a bad photo of the {}.",
    "a cropped photo of the {}.",
    "a tattoo of a {}.",
    "the embroidered {}.",
    "a photo of a hard to see {}.",
    "a bright photo of a {}.",
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a dark photo of the {}.",
    "a drawing of a {}.",
    "a photo of my {}.",
    "the plastic {}.",
    "a photo of the cool {}.",
    "a close-up photo of a {}.",
    "a black and white photo of the {}.",
    "a painting of the {}.",
    "a painting of a {}.",
    "a pixelated photo of the {}.",
    "a sculpture of the {}.",
    "a bright photo of the {}.",
    "a cropped photo of a {}.",
    "a plastic {}.",
    "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
    "a photo of the {}.",
    "a good photo of the {}.",
    "a rendering of the {}.",
    "a {} in a video game.",
    "a photo of one {}.",
    "a doodle of a {}.",
    "a close-up photo of the {}.",
    "a photo of a {}.",
    "the origami {}.",
    "the {} in a video game.",
    "a sketch of a {}.",
    "a doodle of the {}.",
    "a origami {}.",
    "a low resolution photo of a {}.",
    "the toy {}.",
    "a rendition of the {}.",
    "a photo of the clean {}.",
    "a photo of a large {}.",
    "a rendition of a {}.",
    "a photo of a nice {}.",
    "a photo of a weird {}.",
    "a blurry photo of a {}.",
    "a cartoon {}.",
    "art of a {}.",
    "a sketch of the {}.",
    "a embroidered {}.",
    "a pixelated photo of a {}.",
    "itap of the {}.",
    "a jpeg corrupted photo of the {}.",
    "a good photo of a {}.",
    "a plushie {}.",
    "a photo of the nice {}.",
    "a photo of the small {}.",
    "a photo of the weird {}.",
    "the cartoon {}.",
    "art of the {}.",
    "a drawing of the {}.",
    "a photo of the large {}.",
    "a black and white photo of a {}.",
    "the plushie {}.",
    "a dark photo of a {}.",
    "itap of a {}.",
    "graffiti of the {}.",
    "a toy {}.",
    "itap of my {}.",
    "a photo of a cool {}.",
    "a photo of a small {}.",
    "a tattoo of the {}.",
)

TEMPLATES = {
    "imagenet": IMAGENET,
    "imagenet-7": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}


def templates_of(templates: str | Sequence[str]) -> tuple[str, ...]:
    """A set by its name, one template, or several: `"imagenet"`, `"a photo of a {}."`, `["{}", "a {}."]`.

    Raises `UnknownName` for a text that is neither, `BadArguments` for no template or one without `{}`.
    """
    if isinstance(templates, str):
        if templates in TEMPLATES:
            return TEMPLATES[templates]
        if "{}" not in templates:
            known = ", ".join(TEMPLATES)
            raise UnknownName(f"no templates {templates!r}", hint=f"known: {known}; or write one with {{}} in it")
        return (templates,)
    if not templates:
        raise BadArguments(
            "no template: without one there is nothing to say about a label", hint='["{}"] is the label alone'
        )
    for template in templates:
        if "{}" not in template:
            raise BadArguments(f"the template {template!r} has no {{}} for the label")
    return tuple(templates)


def prompts(label: str, *, templates: str | Sequence[str]) -> list[str]:
    """`prompts("dog", templates="imagenet-7")[0]  # "itap of a dog."`. Raises as `templates_of`."""
    return [template.replace("{}", label) for template in templates_of(templates)]  # `format` would read the label
