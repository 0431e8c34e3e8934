"""Queries to terms, terms to one vector, and the ways between two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tolerances import close

from lexel.errors import BadArguments
from lexel.words.algebra import Term, combine, lerp, slerp, terms


def words(text: str, weight: float = 1.0) -> Term:
    return Term(weight, text=text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a dog", [words("a dog")]),
        (
            "2:golden retriever + ./pool.jpg - people",
            [words("golden retriever", 2.0), Term(1.0, path="./pool.jpg"), words("people", -1.0)],
        ),
        ("0.5*cat + 0.5*dog", [words("cat", 0.5), words("dog", 0.5)]),
        ("0.5:cat + .5 : dog", [words("cat", 0.5), words("dog", 0.5)]),
        ("photo - realistic + oil painting", [words("photo"), words("realistic", -1.0), words("oil painting")]),
        ("t-shirt + C++ code - f*g", [words("t-shirt"), words("C++ code"), words("f*g", -1.0)]),
        ("- people", [words("people", -1.0)]),
        ("a - -2*b", [words("a"), words("b", 2.0)]),
        ("-0.5*cat", [words("cat", -0.5)]),
        ("/photos/a.jpg - ../b c.jpg", [Term(1.0, path="/photos/a.jpg"), Term(-1.0, path="../b c.jpg")]),
        ('"black - white" - 2*"a + b"', [words("black - white"), words("a + b", -2.0)]),
        ('"4:3 screen" + "./left - right.jpg"', [words("4:3 screen"), Term(1.0, path="./left - right.jpg")]),
        ('5" pipe - 3" pipe', [words('5" pipe'), words('3" pipe', -1.0)]),
        ("  cat\n+\tdog ", [words("cat"), words("dog")]),
        ("café + 東京", [words("café"), words("東京")]),
        ("a -- b", [words("a -- b")]),
    ],
)
def test_a_query_is_read_as_written(query: str, found: list[Term]) -> None:
    assert terms(query) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "a term is missing here: character 1"),
        ("cat - ", "a term is missing here: character 7"),
        ("cat + - dog", "a term is missing here: character 7"),
        ("+", "a term is missing here: character 2"),
        ("cat + 0.5*", "a term is missing here: character 11"),
        ('cat + ""', "a term is missing here: character 7"),
        ('cat - "dog', "this quote is never closed: character 7"),
        ("cat + " + "9" * 400 + "*dog", "beyond what a number can hold: character 7"),
    ],
)
def test_a_broken_query_is_refused_at_the_character(query: str, said: str) -> None:
    with pytest.raises(BadArguments, match=said):
        terms(query)


def test_a_long_number_that_is_no_weight_takes_no_time() -> None:
    assert terms("1" * 200_000) == [words("1" * 200_000)]  # a pattern that looks back would take hours


@given(st.text(st.sampled_from('ab +-*:"./0.5\n') | st.characters()))
def test_any_text_is_terms_or_refused(query: str) -> None:
    try:
        found = terms(query)
    except BadArguments:
        return
    assert found
    assert all(bool(term.text) != bool(term.path) and np.isfinite(term.weight) for term in found)


@given(
    st.lists(st.tuples(st.sampled_from([-2.0, -1.0, 0.5, 3.0]), st.sampled_from(["cat", "t-shirt", "C++"])), min_size=1)
)
def test_terms_written_out_are_read_back(parts: list[tuple[float, str]]) -> None:
    assert terms(" + ".join(f"{weight}*{text}" for weight, text in parts)) == [words(t, w) for w, t in parts]


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


vectors = arrays(np.float32, (3, 4), elements=st.floats(-1, 1, width=16)).filter(
    lambda x: (np.linalg.norm(x, axis=1) > 0.1).all()
)


@given(vectors)
def test_a_sum_is_the_unit_vector_along_the_weighted_terms(x: np.ndarray) -> None:
    query = [words("a", 2.0), words("b"), words("c", -0.5)]
    total = 2.0 * x[0].astype(np.float64) + x[1] - 0.5 * x[2]
    if np.linalg.norm(total) < 1e-3:
        return
    assert close(combine(query, x), unit(total))
    assert combine(query, x).dtype == np.float32


def test_one_term_is_its_own_direction() -> None:
    x = unit(np.array([[3.0, 4.0]], np.float32))
    assert close(combine([words("a")], x), x[0])


def test_terms_that_cancel_out_are_refused() -> None:
    x = unit(np.ones((2, 512), np.float32))
    with pytest.raises(BadArguments, match="cancel out"):
        combine([words("a"), words("a", -1.0)], x)


@given(vectors, st.floats(0, 1))
def test_slerp_walks_the_arc_at_even_speed(x: np.ndarray, t: float) -> None:
    a, b = unit(x[0].astype(np.float64)), unit(x[1].astype(np.float64))
    if np.linalg.norm(a + b) < 1e-3:
        return
    point = slerp(a, b, t=t)
    whole = 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    walked = 2 * np.arctan2(np.linalg.norm(a - point), np.linalg.norm(a + point))
    assert abs(np.linalg.norm(point) - 1) < 1e-9
    assert abs(walked - t * whole) < 1e-7


def test_slerp_takes_many_pairs_at_once() -> None:
    a, b = np.array([[1.0, 0], [0, 1]], np.float32), np.array([[0, 1.0], [0, 1]], np.float32)
    assert close(slerp(a, b, t=0.5), [[0.5**0.5, 0.5**0.5], [0, 1]])
    assert slerp(a, b, t=0.5).dtype == np.float32


def test_opposite_vectors_have_no_shortest_arc() -> None:
    a = np.array([1.0, 0, 0])
    with pytest.raises(BadArguments, match="opposite"):
        slerp(a, -a, t=0.5)


def test_lerp_walks_the_straight_line() -> None:
    a, b = np.array([1.0, 0], np.float32), np.array([0, 1.0], np.float32)
    assert [lerp(a, b, t=t).tolist() for t in (0.0, 0.25, 1.0)] == [[1, 0], [0.75, 0.25], [0, 1]]
