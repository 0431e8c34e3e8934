"""Retrieval: does a text find its picture among all pictures, and a picture one of its texts among all texts?

               texts  0  0  0  1  1            owner: which picture each text belongs to
    picture 0         ■  ■  ■  □  □   ─►  image → text   is any ■ of the row among its k best?     a share of pictures
    picture 1         □  □  □  ■  ■
                               │
                               ▼  text → image   is the ■ of the column among its k best?           a share of texts

Source   Karpathy's splits and the "5k" protocol; names as CLIP_benchmark has them, where `image_retrieval` means that
         images are what is found: text → image
Rule     ranks are strict: among equal scores the lower index stands first. An encoder that gives everything one vector
         is at chance, and not perfect
Cost     two walks over the tiles of the B · T cosines, of which no more than a tile is ever held
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from lexel.errors import BadArguments
from lexel.shapes import Array, Float, Int

TILE = 2048  # rows and columns: 16 MB in float32


def retrieval(
    images: Float[Array, "B D"], texts: Float[Array, "T D"], owner: Int[Array, "T"], *, k: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Recall at each `k`, 0 to 1: `image_retrieval_recall@k` of texts, then `text_retrieval_recall@k` of pictures.

    images, texts   unit rows, as `embed` gives them
    owner           the row of the picture that each text belongs to

    Pictures without a text are there to be confused with, and ask nothing.

        retrieval(clip.embed(pictures), clip.embed(captions), owner)     # {"image_retrieval_recall@1": 0.304, …

    Raises `BadArguments` where there is no text, where an owner is no row of `images`, and for vectors that are not
    finite: comparisons with NaN are false, and would count as found.
    """
    if not len(texts) or owner.min() < 0 or owner.max() >= len(images):
        raise BadArguments(f"{len(texts)} texts of {len(images)} pictures: every text belongs to one of the pictures")
    if not (np.isfinite(images).all() and np.isfinite(texts).all()):
        raise BadArguments("the vectors are not finite: there is nothing to rank")

    # First each text's score with its own picture; then how many stand before it. The tiles of both walks are the same
    # products, so that a score equals itself to the last bit.
    score = np.zeros(len(texts), images.dtype)
    for top, left, cosines in _tiles(images, texts):
        own = owner[left : left + TILE] - top
        here = np.flatnonzero((own >= 0) & (own < len(cosines)))
        score[left + here] = cosines[own[here], here]
    best = np.zeros(len(images), np.int64)  # the text of each picture that stands first
    by_picture = np.lexsort((-score, owner))
    asking, first = np.unique(owner[by_picture], return_index=True)
    best[asking] = by_picture[first]

    before_image, before_text = np.zeros(len(texts), np.int64), np.zeros(len(images), np.int64)
    for top, left, cosines in _tiles(images, texts):
        i, j = slice(top, top + TILE), slice(left, left + TILE)
        before_image[j] += ahead(cosines.T, score[j], owner[j] - top)
        before_text[i] += ahead(cosines, score[best[i]], best[i] - left)
    found = {f"image_retrieval_recall@{n}": float((before_image < n).mean()) for n in k}
    return found | {f"text_retrieval_recall@{n}": float((before_text[asking] < n).mean()) for n in k}


def ahead(scores: Float[Array, "B C"], own: Float[Array, "B"], place: Int[Array, "B"]) -> Int[Array, "B"]:
    """How many columns of each row stand before the one at `place`, whose score is `own`.

    `place` may lie outside the columns, where they are a tile of more.
    """
    before: Int[Array, "B"] = np.count_nonzero(scores > own[:, None], axis=1)
    tied = np.flatnonzero((scores == own[:, None]).any(axis=1))  # few: in most tiles nobody meets their own score
    earlier = np.arange(scores.shape[1]) < place[tied, None]
    before[tied] += np.count_nonzero((scores[tied] == own[tied, None]) & earlier, axis=1)
    return before


def _tiles(images: Float[Array, "B D"], texts: Float[Array, "T D"]) -> Iterator[tuple[int, int, Float[Array, "b t"]]]:
    """The first row and the first column of each tile, and its cosines."""
    for top, left in product(range(0, len(images), TILE), range(0, len(texts), TILE)):
        yield top, left, images[top : top + TILE] @ texts[left : left + TILE].T
