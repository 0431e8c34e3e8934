"""One pair of a data set before it is decoded: its name, its captions, and where its picture lies.

    Row("cats/a.jpg", ("a cat", "eine Katze"), Path(…))           a file
    Row("000.tar!a.jpg", ("a cat",), Span(Path(…), 1536, 40962))  bytes inside a file

`name` is said from where the data set lies, so that a folder may be moved and its pairs keep their names: which pairs
are held out, and what the digest says, follows from them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lexel.errors import PictureError, Truncated
from lexel.pictures.picture import Refusal

CAPTION = ("caption", "captions", "text", "title")  # names of what holds captions, the first that is there


@runtime_checkable
class Kept(Protocol):
    """An encoded picture that is no file of its own."""

    def content(self) -> Path | bytes:
        """Its bytes, or the file where they are after all. Raises `PictureError`."""


@dataclass(frozen=True, slots=True)
class Span:
    """`size` bytes of a file, from `offset` on."""

    file: Path
    offset: int
    size: int

    def content(self) -> bytes:
        """The bytes. Raises `PictureError` where they are not there any more."""
        try:
            with open(self.file, "rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise PictureError(f"cannot be read: {error.strerror or type(error).__name__}") from error
        if len(data) < self.size:
            raise Truncated("the archive has become shorter")
        return data


@dataclass(frozen=True, slots=True)
class Row:
    """One pair, not decoded. `captions` are as written, none where there are none; every name is there once."""

    name: str
    captions: tuple[str, ...]
    picture: Path | Kept


@dataclass(frozen=True)
class Found:
    """What a place holds: pairs in their order, and a refusal for everything else that was there.

    prefix   what stands before the name of a row when people are told of it: where the data set lies
    """

    rows: tuple[Row, ...]
    refused: tuple[Refusal, ...]
    prefix: str = ""


def captions(said: object) -> tuple[str, ...] | None:
    """The captions in a text or a list of texts, less white space around them and less empty ones; None: no text."""
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return tuple(stripped for text in texts if (stripped := text.strip()))


def skipped(name: str, error: str, reason: str) -> Refusal:
    """The refusal of what is no pair; `error` is one of `runs.account.SKIPPED`."""
    return Refusal(name, "skipped", error, reason)
