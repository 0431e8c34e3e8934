"""Recall against the definition, text by text and picture by picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.evals import retrieval as module
from lexel.evals.retrieval import retrieval


def literal(images, texts, owner, k):
    """Sort everything, by score and then by index, and look."""
    found = {f"{side}_retrieval_recall@{n}": [] for side in ("image", "text") for n in k}
    for t, text in enumerate(texts):
        order = sorted(range(len(images)), key=lambda b: (-float(images[b] @ text), b))
        for n in k:
            found[f"image_retrieval_recall@{n}"].append(owner[t] in order[:n])
    for b, image in enumerate(images):
        own = {t for t in range(len(texts)) if owner[t] == b}
        order = sorted(range(len(texts)), key=lambda t: (-float(texts[t] @ image), t))
        for n in k if own else ():
            found[f"text_retrieval_recall@{n}"].append(bool(own & set(order[:n])))
    return {name: sum(hits) / len(hits) for name, hits in found.items()}


def whole_numbers(rng, rows):
    """Few and small, so that every product is exact and many are equal."""
    return rng.integers(-2, 3, (rows, 3)).astype(np.float32)


@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 7), st.integers(0, 99))
def test_recall_in_tiles_is_the_definition_ties_included(pictures, captions, tile, seed):
    rng = np.random.default_rng(seed)
    images, texts = whole_numbers(rng, pictures), whole_numbers(rng, captions)
    owner = rng.integers(0, pictures, captions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TILE", tile)
        assert retrieval(images, texts, owner, k=(1, 2, 5)) == literal(images, texts, owner, (1, 2, 5))


def test_five_captions_on_their_picture_are_all_found_in_any_order():
    images = np.eye(12, dtype=np.float32)
    owner = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 5))
    assert set(retrieval(images, images[owner], owner).values()) == {1.0}


def test_text_to_image_and_image_to_text_are_not_swapped():
    """Both texts are nearest to picture 0; each picture is nearest to its own text."""
    images = np.array([[1.0, 0.0], [0.8, 0.6]], np.float32)
    texts = np.array([[1.0, -0.2], [1.0, 0.3]], np.float32)
    found = retrieval(images, texts, np.arange(2), k=(1,))
    assert found == {"image_retrieval_recall@1": 0.5, "text_retrieval_recall@1": 1.0}


def test_one_vector_for_everything_is_chance_and_not_perfect():
    same = np.ones((10, 4), np.float32)
    assert retrieval(same, same, np.arange(10), k=(1, 5)) == {
        "image_retrieval_recall@1": 0.1,
        "image_retrieval_recall@5": 0.5,
        "text_retrieval_recall@1": 0.1,
        "text_retrieval_recall@5": 0.5,
    }


def test_a_picture_without_text_confuses_and_asks_nothing():
    images = np.array([[1, 0], [0, 1]], np.float32)
    found = retrieval(images, np.array([[1, 0]], np.float32), np.array([1]), k=(1, 2))
    assert found["image_retrieval_recall@1"] == 0
    assert found["image_retrieval_recall@2"] == found["text_retrieval_recall@1"] == 1


@pytest.mark.parametrize("owner", [[], [2], [-1]])
def test_texts_without_a_picture_are_refused(owner):
    texts = np.ones((len(owner), 4), np.float32)
    with pytest.raises(BadArguments, match="belongs to one of the pictures"):
        retrieval(np.ones((2, 4), np.float32), texts, np.array(owner, np.int64))


def test_vectors_that_are_not_finite_are_refused():
    broken = np.full((2, 4), np.nan, np.float32)
    with pytest.raises(BadArguments, match="not finite"):
        retrieval(broken, broken, np.arange(2))
