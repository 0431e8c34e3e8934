"""CLIPScore: how well a caption fits its picture, by what CLIP says, with references or without.

    picture ──────────────────────────► i ┐
    "A photo depicts a dog in the snow" c ┴─► CLIPScore     2.5 · max(cos(i, c), 0)
    "A photo depicts " + each reference r ──► RefCLIPScore  harmonic mean of that and max(max cos(c, r), 0)

Source   Hessel et al. 2021, arXiv 2104.08718; the authors' code, whose prompt ends in a space
Rule     the published scores are those of OpenAI's B/32 in float32. Scores of two models are two scales, and those
         that others compute without the prompt, or as 100 · cos, are another measure
"""

from collections.abc import Iterable, Sequence

import numpy as np

from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float
from lexel.towers._dual import Dual

PROMPT = "A photo depicts "
WEIGHT = 2.5  # so that most scores lie between 0 and 1


def clipscore(
    dual: Dual, pictures: Iterable[Picture] | Float[Array, "B E"], captions: Sequence[str]
) -> Float[Array, "B"]:
    """The score of each caption for the picture at its place, 0 to 2.5, float32; pictures or their vectors.

    Raises `BadArguments` where there is not one caption a picture.
    """
    images = dual.embed(pictures)
    if len(images) != len(captions):
        raise BadArguments(f"{len(captions)} captions of {len(images)} pictures: each has one")
    if not captions:
        return np.zeros(0, np.float32)
    cosines: Float[Array, "B"] = (images * _read(dual, captions)).sum(axis=1)
    return np.float32(WEIGHT) * np.maximum(cosines, 0)


def refclipscore(
    dual: Dual,
    pictures: Iterable[Picture] | Float[Array, "B E"],
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
) -> Float[Array, "B"]:
    """The score of each caption for its picture and for what people wrote about that, 0 to 1.43, float32.

    references   one or more texts a picture

    Raises `BadArguments` where there is not one caption a picture, or a picture without a reference.
    """
    scores = clipscore(dual, pictures, captions)
    if len(references) != len(captions) or not all(references):
        raise BadArguments(f"{len(references)} lists of references for {len(captions)} captions: each has one or more")
    if not captions:
        return scores
    read = np.split(_read(dual, [text for texts in references for text in texts]), _ends(references))
    best = [(rows @ caption).max() for rows, caption in zip(read, _read(dual, captions), strict=True)]
    nearest = np.maximum(np.array(best, np.float32), 0)
    both: Float[Array, "B"] = 2 * scores * nearest / np.maximum(scores + nearest, np.finfo(np.float32).tiny)
    return both


def _read(dual: Dual, texts: Sequence[str]) -> Float[Array, "T E"]:
    return dual.embed([PROMPT + text for text in texts])


def _ends(references: Sequence[Sequence[str]]) -> list[int]:
    """Where the references of all pictures but the last end."""
    ends: list[int] = np.cumsum([len(texts) for texts in references])[:-1].tolist()
    return ends
