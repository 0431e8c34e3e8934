"""Sentence pieces against the tokenizers of transformers, over vocabularies that are trained here."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from lexel.errors import LoadError
from lexel.words import clean
from lexel.words.pieces import PieceSpeller

SENTENCES = [
    "a photo of a cat",
    "two dogs run on the beach",
    "the quick brown fox jumps over a lazy dog",
    "a t-shirt design with seven stars, 2024",
    "café in 東京 at night",
]
GEMMA = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>", "mask_token": "<mask>"}
CONTROLS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
BROKEN_TABLE = '{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "////////"}, "model": {"type": "BPE"}}'
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory):
    """(folder, tokenizer) of SigLIP 2 over a tiny Gemma, as transformers saves it: byte pairs, and bytes below them."""
    from transformers import Siglip2Tokenizer

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.train_from_iterator(
        SENTENCES * 4, trainers.BpeTrainer(vocab_size=500, special_tokens=CONTROLS + BYTES, show_progress=False)
    )
    model = json.loads(tokenizer.to_str())["model"]
    reference = Siglip2Tokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]])
    folder = tmp_path_factory.mktemp("siglip2")
    reference.save_pretrained(folder)
    return folder, reference


def unigrams() -> Tokenizer:
    """A tiny c4: unigrams that begin with a space, over NFKC."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=special, unk_token="<unk>", initial_alphabet=list("</s>"), show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 4, trainer)
    return tokenizer


captions = st.text(
    st.sampled_from("the cats PHOTO of 2²é東🍕,.<>_'\n▁Σ") | st.characters(exclude_categories=["Cs", "Cn"]), max_size=60
)


@given(text=captions)
def test_byte_pairs_equal_the_tokenizer_of_transformers(gemma, text: str) -> None:
    folder, reference = gemma
    words = gemma_speller(folder)([text], length=4096)
    assert words.ids.tolist() == [*reference(text, add_special_tokens=False)["input_ids"], 1]


def gemma_speller(folder: Path, made: dict[Path, PieceSpeller] = {}) -> PieceSpeller:  # noqa: B006 - made once
    return made.setdefault(folder, PieceSpeller.from_folder(folder))


@given(text=captions)
def test_spans_are_the_places_in_the_cleaned_text(gemma, text: str) -> None:
    words = gemma_speller(gemma[0])([text], length=4096)
    covered = {at for start, stop in words.spans.tolist() for at in range(start, stop)}
    assert covered == set(range(len(words.texts[0])))
    assert words.spans[-1].tolist() == [len(words.texts[0])] * 2


@pytest.mark.parametrize("control", [*CONTROLS, "</s>", "＜eos＞", "<EOS>"])
def test_a_control_token_in_a_text_is_text(gemma, control: str) -> None:
    speller = gemma_speller(gemma[0])
    words = speller([f"a cat {control} dog{control}"], length=256)
    assert not set(words.ids[:-1].tolist()) & {0, 1, 2, 4}
    assert words.ids[-1] == speller.end == 1


def test_what_becomes_a_control_token_by_normalisation_is_spelled_by_its_letters() -> None:
    tokenizer = unigrams()
    assert tokenizer.encode("a ＜／ｓ＞").ids[-1] == 1  # the trap
    bare = json.loads(tokenizer.to_str()) | {"added_tokens": []}
    words = PieceSpeller(json.dumps(bare))(["a ＜／ｓ＞ b"])
    assert words.ids.tolist().count(1) == 1
    assert words.ids[-1] == 1
    assert words.texts == ("a ＜／ｓ＞ b",)
    assert (2, 6) in {tuple(span) for span in words.spans.tolist()}


def test_unigrams_are_cleaned_of_case_and_punctuation_and_byte_pairs_of_case(gemma) -> None:
    assert PieceSpeller(unigrams().to_str())(["A Cat, "]).texts == ("a cat",)
    assert gemma_speller(gemma[0])(["A Cat, "]).texts == ("a cat, ",)
    canonical = PieceSpeller.from_folder(gemma[0], clean=clean.canonical)
    assert canonical(["A_Cat, "]).texts == ("a cat",)


def test_the_files_say_what_ends_a_text_and_fills_a_row(gemma) -> None:
    speller = gemma_speller(gemma[0])
    assert (speller.start, speller.end, speller.pad, speller.length) == (None, 1, 0, 64)
    c4 = PieceSpeller(unigrams().to_str())
    assert (c4.end, c4.pad) == (1, 1)
    rows = speller(["", "a cat"]).padded(length=64, pad=speller.pad)
    assert rows[0].tolist() == [1] + [0] * 63
    assert rows.shape == (2, 64)


def test_a_long_text_keeps_its_end_token(gemma) -> None:
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than 64"):
        words = gemma_speller(gemma[0])(["cat " * 1000, "cat"])
    assert words.counts.max() == 64
    assert words.ids[63] == 1


def test_truncation_and_padding_in_the_file_do_not_reach_a_text(gemma, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(gemma[0] / "tokenizer.json"))
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=10)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    words = PieceSpeller.from_folder(tmp_path)(["a cat", "two dogs run"])
    assert words.ids.tolist() == gemma_speller(gemma[0])(["a cat", "two dogs run"]).ids.tolist()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "tokenizer.json: is no tokenizer"),
        ("nonsense", "tokenizer.json: is no tokenizer"),
        (BROKEN_TABLE, "tokenizer.json: is no tokenizer"),
        (
            '{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}',
            "tokenizer.json: the tokenizer has no end token: none of </s>, <eos>",
        ),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(LoadError, match=re.escape(said)):
        PieceSpeller.from_folder(tmp_path)


def test_a_folder_without_words_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^tokenizer\.json: is not there"):
        PieceSpeller.from_folder(tmp_path)
