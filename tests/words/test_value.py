"""Words: what packing, framing and truncation promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.words.value import Spelled, Words, frame

START, END, PAD = 100, 101, 102


def letters(text: str) -> Spelled:
    """A speller of one token a letter: a = 0, b = 1, …"""
    return Spelled(text, [ord(c) - 97 for c in text], range(len(text)), range(1, len(text) + 1))


def words(*texts: str, length: int = 6, start: int | None = START) -> Words:
    return frame(texts, letters, length=length, start=start, end=END)


@pytest.mark.filterwarnings("ignore:.*lost their end")
@given(st.lists(st.text("abc", max_size=12)), st.integers(2, 8), st.sampled_from([None, START]))
def test_framing_equals_the_literal_loop(texts: list[str], length: int, start: int | None) -> None:
    packed = words(*texts, length=length, start=start)
    assert (len(packed), packed.texts) == (len(texts), tuple(texts))
    truncated = 0
    for b, text in enumerate(texts):
        front = [] if start is None else [start]
        kept = text[: length - len(front) - 1]
        rows = slice(packed.splits[b], packed.splits[b + 1])
        assert packed.ids[rows].tolist() == [*front, *(ord(c) - 97 for c in kept), END]
        inside = packed.spans[rows][len(front) : -1]
        assert [text[i:j] for i, j in inside] == list(kept)
        assert packed.spans[rows][-1].tolist() == [len(kept), len(kept)]
        truncated += kept != text
    assert packed.truncated == truncated


def test_too_long_texts_are_counted_with_one_warning() -> None:
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than 6 tokens") as said:
        packed = words("abcde", "abcd", "abcdefgh")
    assert len(said) == 1
    assert packed.truncated == 2
    assert repr(packed) == "<18 tokens of 3 texts, 2 truncated>"


def test_what_lies_beyond_64_characters_a_token_is_not_spelled() -> None:
    seen = []
    with pytest.warns(UserWarning, match="lost their end"):
        packed = frame(["a" * 1_000_000], lambda text: seen.append(text) or letters(""), length=6, start=None, end=END)
    assert [len(text) for text in seen] == [384]
    assert packed.truncated == 1


def test_no_text_at_all_is_a_normal_value() -> None:
    packed = words()
    assert (packed.ids.shape, packed.spans.shape, packed.splits.tolist()) == ((0,), (0, 2), [0])
    assert packed.padded(length=6, pad=PAD).shape == (0, 6)


def test_rows_are_filled_up_on_the_right() -> None:
    assert words("ab", "").padded(length=5, pad=PAD).tolist() == [[START, 0, 1, END, PAD], [START, END, PAD, PAD, PAD]]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 tokens: they do not fit into 3"):
        words("ab").padded(length=3, pad=PAD)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_bare_text_is_no_list_of_texts() -> None:
    with pytest.raises(TypeError, match=r"\['a dog'\]"):
        frame("a dog", letters, length=6, start=None, end=END)


def test_words_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        words("ab").ids[0] = 7
    assert words("ab").ids.dtype == words("ab").spans.dtype == np.int32


def test_words_are_joined_text_by_text() -> None:
    texts = ("abc", "", "abcabc", "ca")
    with pytest.warns(UserWarning, match="lost their end"):
        whole, *parts = words(*texts), words(*texts[:1]), words(*texts[1:])
    joined = Words.concat([*parts, words()])
    assert (joined.texts, joined.truncated) == (texts, 1)
    for name in ("ids", "splits", "spans"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))
        assert getattr(joined, name).dtype == getattr(whole, name).dtype
