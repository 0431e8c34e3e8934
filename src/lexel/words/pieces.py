"""SigLIP's sentence pieces: the tokenizer beside the checkpoint, without its control tokens.

    "A Cat <eos>"  ─ lower ─►  "a cat <eos>"  ─►  a  ▁cat  ▁<  eos  >  ⊣        SigLIP 2 (Gemma, byte pairs)
    "A cat, </s>"  ─ siglip ─► "a cat s"      ─►  ▁a  ▁cat  ▁s  ⊣               SigLIP (c4, unigrams)

Paper      Kudo & Richardson 2018, arXiv 1808.06226; Zhai et al. 2023, arXiv 2303.15343
Exact      equal ids to `tokenizers` and to transformers' classes for every text without a control token in it
Rows       no start token; one end token; filled up on the right to 64, because the text tower reads the last position

The pieces themselves are cut by the package `tokenizers`. What is done here: the cleaning that the checkpoint was
trained with, and control tokens that stay text.
"""

from collections.abc import Sequence
from pathlib import Path

from lexel.errors import LoadError
from lexel.words import clean as cleaning
from lexel.words.clean import Cleaner
from lexel.words.folder import TOKENIZER, named_tokens, read_text
from lexel.words.spiece import tokenizer_of
from lexel.words.value import Spelled, Words, frame

SPIECE = "spiece.model"
LENGTH = 64
ENDS = ("</s>", "<eos>")  # of SigLIP and of Gemma, where a folder does not say


class PieceSpeller:
    """Texts to the ids of SigLIP: `speller(["a cat"]).padded(length=speller.length, pad=speller.pad)`  # [1, 64].

    tokenizer   the text of a `tokenizer.json`
    names       tokens with a part to play: `eos_token`, `pad_token`, `unk_token`; the end is found and fills rows
                where they are not said
    clean       what is done to a text before, see `clean.py`; unless said `siglip` for unigrams, else `lower`
    length      ids of a text at most, the end included

    Raises `LoadError` for what is no tokenizer or has no end, `MissingExtra` where `tokenizers` is not installed.
    """

    start = None

    def __init__(
        self, tokenizer: str, *, names: dict[str, str] | None = None, clean: Cleaner | None = None, length: int = LENGTH
    ) -> None:
        from lexel.needs import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(tokenizer)
        except BaseException as error:  # a broken table is a panic in Rust, which is no `Exception`
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise LoadError(f"is no tokenizer: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # as what they look like
        names = names or {}
        unigrams = type(self._tokenizer.model).__name__ == "Unigram"
        self._clean = clean or (cleaning.siglip if unigrams else cleaning.lower)
        self.length = length
        self.end = self._id(names.get("eos_token"), *ENDS)
        self.pad = self._id(names.get("pad_token"), names.get("eos_token"), *ENDS)
        unknown = names.get("unk_token", "<unk>")  # stands for what the pieces lack: not a control token
        framing = [self._tokenizer.id_to_token(id) for id in (self.end, self.pad)]
        known = [name for name in [*names.values(), *framing] if self._tokenizer.token_to_id(name) is not None]
        self._tokenizer.add_special_tokens(known)
        added = self._tokenizer.get_added_tokens_decoder().items()
        self._controls = {id: token.content for id, token in added if token.special and token.content != unknown}

    @classmethod
    def from_folder(cls, folder: Path, *, clean: Cleaner | None = None, length: int = LENGTH) -> "PieceSpeller":
        """The tokenizer beside a checkpoint: `tokenizer.json`, or the `spiece.model` of SigLIP.

        Raises `LoadError` that names the file.
        """
        file = next((file for file in (TOKENIZER, SPIECE) if (folder / file).is_file()), TOKENIZER)
        tokenizer = read_text(folder / file) if file == TOKENIZER else tokenizer_of(folder / file)
        try:
            return cls(tokenizer, names=named_tokens(folder), clean=clean, length=length)
        except LoadError as error:
            raise error.about(file) from None

    def __call__(self, texts: Sequence[str], *, length: int | None = None) -> Words:
        """Each text and its end, `length` ids at most (from 1; else the speller's own).

        A longer text loses its last pieces, with one warning for all texts together. Raises `TypeError` for a bare
        text.
        """
        most = length or self.length
        return frame(texts, lambda text: self._spelled(text, most), length=most, start=None, end=self.end)

    def _spelled(self, text: str, length: int) -> Spelled:
        """The first pieces of one text, more than `length` where it has as many."""
        clean = self._clean(text)
        pieces = self._tokenizer.encode(clean, add_special_tokens=False)
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for id, span in zip(pieces.ids[: length + 1], pieces.offsets, strict=False):
            # The normaliser of unigrams can make a control token out of signs that look like it: ＜／ｓ＞.
            letters = self._apart(self._controls[id]) if id in self._controls else [id]
            ids += letters
            spans += [span] * len(letters)
        return Spelled(clean, ids, [start for start, _ in spans], [stop for _, stop in spans])

    def _apart(self, control: str) -> list[int]:
        """A control token letter by letter: `</s>` as `< / s >`."""
        ids: list[int] = self._tokenizer.encode(" ".join(control), add_special_tokens=False).ids
        return ids

    def _id(self, *names: str | None) -> int:
        """The id of the first of these that the tokenizer knows."""
        for name in names:
            id: int | None = self._tokenizer.token_to_id(name) if name else None
            if id is not None:
                return id
        raise LoadError(f"the tokenizer has no end token: none of {', '.join(ENDS)}")
