"""The words of a checkpoint: its tokenizer files, read when the first words are asked for.

A picture needs none of them, and a vocabulary takes longer to read than half the weights. A folder without them loads
all the same, and so does one where they are broken; the first words are then an error that names the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lexel.errors import LoadError
from lexel.loading.files import Checkpoint, Fields
from lexel.words import clean
from lexel.words.bpe import ClipSpeller
from lexel.words.pieces import PieceSpeller
from lexel.words.value import Speller, Words

CLIP_FILES = ("tokenizer.json", "vocab.json")
CLEANERS = {"canonicalize": clean.canonical, "lower": clean.clip}  # of OpenCLIP


@dataclass(frozen=True)
class LateSpeller:
    """A speller that is made when it is first used; the files that it is made from are `checkpoint`'s."""

    checkpoint: Checkpoint
    length: int
    make: Callable[[], Speller] = field(repr=False)

    @property
    def pad(self) -> int:
        """What fills rows up."""
        return self._speller.pad

    @property
    def start(self) -> int | None:
        """What stands before every text."""
        return self._speller.start

    @property
    def end(self) -> int:
        """What stands behind every text."""
        return self._speller.end

    def __call__(self, texts: Sequence[str], *, length: int | None = None) -> Words:
        """Texts to ids. Raises `LoadError` that names the file where the tokenizer is missing or broken."""
        return self._speller(texts, length=length)

    @cached_property
    def _speller(self) -> Speller:
        try:
            return self.make()
        except LoadError as error:
            raise LoadError(error.reason, subject=self.checkpoint.said(error.subject), hint=error.hint) from error


def plain_clip_words(checkpoint: Checkpoint, length: int) -> Speller | None:
    """CLIP as Hugging Face spells it: the files beside it, texts not repaired."""

    def make() -> Speller:
        return ClipSpeller.from_folder(checkpoint.folder, clean=clean.clip_plain, length=length)

    return _late(checkpoint, length, CLIP_FILES, make)


def openclip_clip_words(checkpoint: Checkpoint, length: int) -> Speller | None:
    """CLIP as OpenCLIP spells it, texts repaired: the published vocabulary, or where `hf_tokenizer_name` stands in the
    settings the files beside it."""
    settings = checkpoint.fields("open_clip_config.json") or Fields({}, checkpoint.name)
    if "hf_tokenizer_name" not in settings.table("model_cfg").table("text_cfg"):
        return LateSpeller(checkpoint, length, lambda: ClipSpeller.published(length=length))
    return _late(checkpoint, length, CLIP_FILES, lambda: ClipSpeller.from_folder(checkpoint.folder, length=length))


def piece_words(checkpoint: Checkpoint, length: int) -> Speller | None:
    """SigLIP's pieces, from the files beside it, texts cleaned as `transformers` does."""
    return _pieces(checkpoint, length, cleaner=None)


def openclip_piece_words(checkpoint: Checkpoint, length: int) -> Speller | None:
    """SigLIP's pieces, from the files beside it, texts cleaned as `open_clip_config.json` says.

    Raises `LoadError` for a way that OpenCLIP does not have.
    """
    settings = checkpoint.fields("open_clip_config.json") or Fields({}, checkpoint.name)
    how = settings.table("model_cfg").table("text_cfg").table("tokenizer_kwargs").text("clean", "canonicalize")
    if how not in CLEANERS:
        raise LoadError(f"clean is {how[:40]!r}, expected {' or '.join(CLEANERS)}", subject=settings.subject)
    return _pieces(checkpoint, length, cleaner=CLEANERS[how])


def _pieces(checkpoint: Checkpoint, length: int, *, cleaner: clean.Cleaner | None) -> Speller | None:
    def make() -> Speller:
        return PieceSpeller.from_folder(checkpoint.folder, clean=cleaner, length=length)

    return _late(checkpoint, length, ("tokenizer.json", "spiece.model"), make)


def _late(
    checkpoint: Checkpoint, length: int, files: tuple[str, ...], make: Callable[[], Speller]
) -> LateSpeller | None:
    """None where the checkpoint has none of these files: the model says so when it is asked for words."""
    there = any((checkpoint.folder / file).is_file() for file in files)
    return LateSpeller(checkpoint, length, make) if there else None
