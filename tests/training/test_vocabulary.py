"""Vocabularies that are learned from captions: spelled alike by lexel and by the file itself."""

import json
import re

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from training.small import CAPTIONS, words

from lexel.errors import BadArguments
from lexel.training import fresh
from lexel.words.bpe import END, START, SYMBOLS, ClipSpeller
from lexel.words.clean import SPACE, clip_plain
from lexel.words.pieces import PieceSpeller

texts = st.text(
    st.sampled_from("a red squarehere 2²東🍕,.<|>_é") | st.characters(exclude_categories=["Cs", "Cn"]), max_size=30
)
BYTE = {symbol: byte for byte, symbol in SYMBOLS.items()}


@given(texts)
def test_byte_pairs_spell_any_text_and_lose_no_byte(text):
    speller = ClipSpeller.from_folder(words(), clean=clip_plain, length=1000)
    names = {id: token for token, id in vocabulary(words()).items()}
    ids = speller([text]).ids.tolist()
    assert (names[ids[0]], names[ids[-1]]) == (START, END)
    symbols = "".join(names[id].replace("</w>", "") for id in ids[1:-1])
    assert bytes(BYTE[symbol] for symbol in symbols).decode() == re.sub(f"[{SPACE}]", "", clip_plain(text))


@given(texts.filter(lambda text: "<|" not in text and "ſ" not in text and "İ" not in text))
def test_the_file_spells_as_lexel_does(text):
    speller = ClipSpeller.from_folder(words(), clean=clip_plain, length=1000)
    assert theirs("bytes").encode(clip_plain(text)).ids == speller([text]).ids.tolist()


@given(st.text(st.sampled_from("a red squareherewhitefloor, .!"), max_size=30))
def test_pieces_are_spelled_by_the_file_as_by_lexel(text):
    """With punctuation and capitals: the file cleans them away, too."""
    speller = PieceSpeller.from_folder(words("pieces"), length=1000)
    assert theirs("pieces").encode(text.title()).ids == speller([text.title()]).ids.tolist()


def theirs(kind):
    return tokenizers.Tokenizer.from_file(str(words(kind) / "tokenizer.json"))


def vocabulary(folder):
    return json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]


def test_a_vocabulary_has_the_published_order_and_no_more_than_was_asked_for(tmp_path):
    fresh.speller(CAPTIONS, vocab_size=530, folder=tmp_path)
    tokens = vocabulary(tmp_path)
    symbols = [*SYMBOLS.values()]
    assert [*tokens.values()] == [*range(530)]
    assert [*tokens][:512] == [*symbols, *(symbol + "</w>" for symbol in symbols)]
    assert [*tokens][-2:] == [START, END]


def test_what_is_often_said_is_one_token(tmp_path):
    assert {"a</w>", "here</w>", "red</w>", "white</w>"} <= vocabulary(words()).keys()
    fresh.speller(CAPTIONS, vocab_size=5000, folder=tmp_path)
    assert 540 < len(vocabulary(tmp_path)) < 600  # the captions have no more to learn from


def test_the_same_captions_give_the_same_byte_pairs(tmp_path):
    fresh.speller(CAPTIONS, vocab_size=540, folder=tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == (words() / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(("kind", "size"), [("bytes", 513), ("pieces", 1)])
def test_too_small_a_vocabulary_is_refused(kind, size, tmp_path):
    with pytest.raises(BadArguments, match=f"or more, not {size}"):
        fresh.speller(CAPTIONS, vocab_size=size, folder=tmp_path, kind=kind)
