"""CLIP's byte pairs against the published ids, the published loop, and the tokenizer of transformers."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import LoadError
from lexel.words import clean
from lexel.words.bpe import END, START, SYMBOLS, ClipSpeller

# Verified by others against the published tokenizer: text → ids without start and end.
GOLDEN = {
    "a photo of a cat": "320 1125 539 320 2368",
    "a diagram": "320 22697",
    "hello world": "3306 1002",
    "A Photo, of a DOG!!!": "320 1125 267 539 320 1929 995",
    "café 東京 🍕": "15304 48338 21078 361 23904",
    "it's 2024: don't": "585 568 273 271 273 275 281 847 713",
    "  multiple   spaces\n\ttabs ": "6470 9006 29163",
    "a photo of a tench.": "320 1125 539 320 1149 634 269",
    "&lt;b&gt; tom &amp; jerry": "283 321 285 2435 261 9164",
    "schÃ¶n": "844 7255 333",
}
GOLDEN_PLAIN = {
    **GOLDEN,
    "&lt;b&gt; tom &amp; jerry": "261 3333 282 321 261 4725 282 2435 261 6259 282 9164",
    "schÃ¶n": "844 127 352 126 370 333",
}

TINY = {"vocab": [*SYMBOLS.values(), *(s + "</w>" for s in SYMBOLS.values())], "merges": ["a t</w>", "c at</w>"]}
TINY["vocab"] += ["at</w>", "cat</w>", START, END]

published = ClipSpeller.published()
plain = ClipSpeller.published(clean=clean.clip_plain)
captions = st.text(
    st.sampled_from("the cats' photo of 2²Ⅷé東🍕,.<|>_ſ'sll've\u0301") | st.characters(exclude_categories=["Cs", "Cn"])
)


@pytest.mark.parametrize(("speller", "golden"), [(published, GOLDEN), (plain, GOLDEN_PLAIN)], ids=["clip", "plain"])
def test_the_golden_ids_hold(speller: ClipSpeller, golden: dict[str, str]) -> None:
    words = speller(list(golden))
    for b, ids in enumerate(golden.values()):
        row = words.ids[words.splits[b] : words.splits[b + 1]]
        assert row.tolist() == [49406, *map(int, ids.split()), 49407]


def test_the_published_vocabulary_has_its_known_entries() -> None:
    assert (published.start, published.end, published.pad, published.length) == (49406, 49407, 0, 77)
    known = {"!": 256, "a": 320, "the": 518, "cat": 2368, "jekyll": 49405}
    assert [published([word]).ids.tolist() for word in known] == [[49406, id, 49407] for id in known.values()]


@given(st.text(st.sampled_from("aehinorst") | st.characters(categories=["L"]), min_size=1, max_size=40))
def test_a_word_is_merged_as_by_the_published_loop(word: str) -> None:
    encoded = word.encode("utf-8")
    symbols = [published._inside[byte] for byte in encoded[:-1]] + [published._last[encoded[-1]]]
    merged = published._merge(list(symbols))
    assert [id for id, _, _ in merged] == loop(symbols)
    assert [stop for _, _, stop in merged[:-1]] == [first for _, first, _ in merged[1:]]


def loop(symbols: list[int]) -> list[int]:
    """The published loop: look for the earliest merge of all neighbours, join it wherever it stands, look again."""
    while True:
        pairs = set(pairwise(symbols)) & set(published._ranks)
        if not pairs:
            return symbols
        best = min(pairs, key=published._ranks.__getitem__)
        joined: list[int] = []
        i = 0
        while i < len(symbols):
            if tuple(symbols[i : i + 2]) == best:
                joined.append(published._joined[published._ranks[best]])
                i += 2
            else:
                joined.append(symbols[i])
                i += 1
        symbols = joined


@pytest.fixture(scope="module")
def reference():
    """The tokenizer of transformers over the published vocabulary."""
    from transformers import CLIPTokenizer

    vocab, merges = published_files()
    return CLIPTokenizer(vocab=vocab, merges=merges)


def published_files() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The published vocabulary as text, built from the ids of the merges."""
    tokens = [*SYMBOLS.values(), *(symbol + "</w>" for symbol in SYMBOLS.values())]
    merges = []
    for a, b in published._ranks:
        merges.append((tokens[a], tokens[b]))
        tokens.append(tokens[a] + tokens[b])
    return {token: id for id, token in enumerate([*tokens, START, END])}, merges


@pytest.mark.filterwarnings("ignore:.*lost their end")
@given(text=captions.filter(lambda text: "'ſ" not in text))  # the one pattern of transformers that minds the case
def test_ids_and_spans_equal_those_of_transformers(reference, text: str) -> None:
    expected = reference(text, truncation=True, max_length=77, return_offsets_mapping=True)
    words = plain([text])
    assert words.ids.tolist() == expected["input_ids"]
    if words.texts == (text,):
        assert [tuple(span) for span in words.spans[1:-1].tolist()] == expected["offset_mapping"][1:-1]


@pytest.mark.parametrize(
    "control", [START, END, "<start_of_text>", "<end_of_text>", END * 3, END.upper(), "＜|endoftext|>"]
)
def test_a_control_token_in_a_text_is_text(control: str) -> None:
    words = published([f"a cat {control} with blood"])
    assert not set(words.ids[1:-1].tolist()) & {published.start, published.end}
    assert words.ids[-3:].tolist() == published(["with blood"]).ids[1:].tolist()
    assert "".join(words.texts[0][i:j] for i, j in words.spans) == words.texts[0].replace(" ", "")


@given(captions)
def test_spans_cover_every_letter_once_or_by_its_bytes(text: str) -> None:
    words = published([text], length=4096)
    covered = {at for start, stop in words.spans.tolist() for at in range(start, stop)}
    assert covered == {at for at, character in enumerate(words.texts[0]) if character != " "}


def test_a_word_of_a_hundred_thousand_letters_is_truncated() -> None:
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        words = published(["qz" * 50_000])
    assert (len(words.ids), words.ids[-1], words.truncated) == (77, 49407, 1)


def test_a_text_of_exactly_77_tokens_is_whole() -> None:
    words = published(["cat " * 75])
    assert (len(words.ids), words.truncated) == (77, 0)
    with pytest.warns(UserWarning, match="longer than 77"):
        assert published(["cat " * 76]).ids.tolist() == words.ids.tolist()


def write(folder: Path, *, one_file: bool, **named: str) -> Path:
    """A tiny tokenizer as transformers 5 (one file) or 4 (two) leave it beside a checkpoint."""
    vocab = {token: id for id, token in enumerate(TINY["vocab"])}
    if one_file:
        model = {"type": "BPE", "vocab": vocab, "merges": [merge.split(" ") for merge in TINY["merges"]]}
        added = [{"content": token, "id": vocab[token]} for token in (START, END)]
        (folder / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": added}), encoding="utf-8")
    else:
        (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *TINY["merges"], ""]), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
    return folder


@pytest.mark.parametrize("one_file", [True, False])
def test_a_folder_of_either_layout_is_read(tmp_path: Path, one_file: bool) -> None:
    speller = ClipSpeller.from_folder(write(tmp_path, one_file=one_file))
    assert speller(["a cat at"]).ids.tolist() == [514, 320, 513, 512, 515]
    assert (speller.start, speller.end, speller.pad) == (514, 515, 515)


def test_a_folder_that_transformers_saves_is_read(tmp_path: Path, reference) -> None:
    reference.save_pretrained(tmp_path)
    speller = ClipSpeller.from_folder(tmp_path)
    assert speller(list(GOLDEN)).ids.tolist() == published(list(GOLDEN)).ids.tolist()
    assert (speller.start, speller.end, speller.pad) == (49406, 49407, 49407)


def test_the_folder_says_what_rows_are_filled_with(tmp_path: Path) -> None:
    assert ClipSpeller.from_folder(write(tmp_path, one_file=False, pad_token="!")).pad == 0


def test_a_byte_that_the_vocabulary_lacks_is_unknown_or_nothing() -> None:
    vocab = {"c</w>": 0, "<unk>": 1, START: 2, END: 3}
    assert ClipSpeller(vocab, [], unknown="<unk>")(["xc é"]).ids.tolist() == [2, 1, 0, 1, 1, 3]
    without = ClipSpeller(vocab, [])(["xc é"])
    assert (without.ids.tolist(), without.spans[1].tolist()) == ([2, 0, 3], [1, 2])


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("vocab.json", "[1]", "vocab.json: is no JSON object"),
        ("vocab.json", "{", "vocab.json: is not JSON"),
        ("vocab.json", "[" * 100_000, "vocab.json: is not JSON"),
        ("vocab.json", '{"a": 4294967296}', "vocab.json: the vocabulary needs tokens with whole numbers"),
        ("vocab.json", '{"a": "b"}', "vocab.json: the vocabulary needs tokens with whole numbers"),
        ("vocab.json", "{}", "vocab.json: the vocabulary has no token '<|startoftext|>'"),
        ("merges.txt", "a b c", "merges.txt: a merge joins two tokens, got 'a b c'"),
        ("merges.txt", "x y", "vocab.json: the vocabulary has no token 'xy'"),
        ("merges.txt", "\udcff", "merges.txt: is not UTF-8"),
        ("tokenizer.json", '{"model": {"type": "Unigram"}}', "tokenizer.json: this is no byte-pair tokenizer"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, file: str, content: str, said: str) -> None:
    write(tmp_path, one_file=False)
    (tmp_path / file).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(LoadError, match=re.escape(said)):
        ClipSpeller.from_folder(tmp_path)


def test_a_folder_without_words_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^vocab\.json: is not there"):
        ClipSpeller.from_folder(tmp_path)
