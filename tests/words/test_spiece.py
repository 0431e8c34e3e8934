"""SentencePiece model files: cut as the package sentencepiece cuts, and refused by name when broken."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import LoadError
from lexel.words.pieces import PieceSpeller

SENTENCES = [
    "a photo of a cat",
    "two dogs run on the beach at night",
    "the quick brown fox jumps over the lazy dog",
    "seven stars café 東京 x y z",
]


def train(folder: Path, **options: object) -> Path:
    """A folder with a `spiece.model`, its ids as in SigLIP: 1 ends a text and fills rows."""
    import sentencepiece

    model = io.BytesIO()
    ids = {"unk_id": 2, "eos_id": 1, "bos_id": -1, "pad_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 8),
        model_writer=model,
        minloglevel=2,
        **{"vocab_size": 400, "hard_vocab_limit": False, **ids, **options},
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    return folder


@pytest.fixture(scope="module", params=["nmt_nfkc", "identity"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """(our speller, the tokenizer of transformers) over one trained file."""
    from transformers import SiglipTokenizer

    folder = train(tmp_path_factory.mktemp("siglip"), normalization_rule_name=request.param)
    return PieceSpeller.from_folder(folder), SiglipTokenizer(str(folder / "spiece.model"))


captions = st.text(
    st.sampled_from("the cats PHOTO of 2²é東🍕,._'\n▁ﬁ…") | st.characters(categories=["L", "N", "P", "Z"]), max_size=40
)


@given(text=captions.filter(lambda text: not {"＜", "﹤", "〈"} & set(text)))
def test_ids_equal_those_of_transformers(pair, text: str) -> None:
    ours, reference = pair
    assert ours([text]).ids.tolist() == reference(text)["input_ids"]


def test_bytes_to_fall_back_on_are_used(tmp_path: Path) -> None:
    import sentencepiece

    folder = train(tmp_path, byte_fallback=True)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    words = PieceSpeller.from_folder(folder)(["a 🍕 cat"])
    assert words.ids.tolist() == [*reference.encode("a 🍕 cat"), 1]


def test_byte_pairs_are_refused_with_what_the_folder_needs(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"spiece\.model: holds no unigrams: the folder needs a tokenizer\.json"):
        PieceSpeller.from_folder(train(tmp_path, model_type="bpe", vocab_size=60, hard_vocab_limit=True))


def test_a_cut_or_changed_file_is_read_or_refused_by_name(tmp_path: Path) -> None:
    path = train(tmp_path) / "spiece.model"
    whole = path.read_bytes()
    said = set()
    for at in range(0, len(whole), len(whole) // 50):
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path.write_bytes(broken)
            said.add(outcome(tmp_path))
    assert "read" in said
    assert "spiece.model: is no SentencePiece model" in said


def outcome(folder: Path) -> str:
    """What becomes of a folder: "read", or the sentence that refuses it. Anything else is raised."""
    try:
        PieceSpeller.from_folder(folder)
    except LoadError as error:
        return str(error)
    return "read"
