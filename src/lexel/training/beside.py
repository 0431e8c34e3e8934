"""Pictures with their captions beside them: folders, and the tars of WebDataset.

    photos/a.jpg     photos/a.txt          a caption a line
    shard.tar!a.jpg  shard.tar!a.json      {"caption": "…"}, where there is no a.txt

A picture and its caption have the same name up to the last dot. Pictures are known by their suffix, because opening
every one of them takes longer than all the rest. Folders are walked and tars entered as `lexel.read` does, but a tar
must not be compressed, so that any member can be read without those before it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from lexel.errors import BadArchive, DataError, LexelError
from lexel.pictures.archives import archive_kind, places
from lexel.pictures.header import HEAD, SUFFIXES
from lexel.pictures.picture import Refusal
from lexel.pictures.sources import Found as File
from lexel.pictures.sources import find, printable, suffix
from lexel.training.rows import CAPTION, Found, Kept, Row, Span, captions, skipped

TEXTS = (".txt", ".json")  # what may hold captions, the first that is there
LONGEST = 1_000_000  # bytes of the captions of one picture
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")

Content = Path | Kept | bytes  # bytes: a text in a tar, read while it passes
Pictures = dict[str, tuple[str, Path | Kept]]  # name without suffix → name, where it is
Texts = dict[str, dict[str, Content]]  # name without suffix → suffix → where it is


def read(where: str, *, captioned: bool) -> Found:
    """The pairs of a folder, of a tar, or of what a pattern names: `shards-{000..010}.tar`, `*.tar`.

    captioned   False: captions are not looked at, and every picture is a row
    """
    refused: list[Refusal] = []
    pictures: Pictures = {}
    texts: Texts = {}
    for one in _inside(where):
        refusal = one if isinstance(one, Refusal) else _sorted_in(*one, pictures, texts)
        if refusal:
            refused.append(refusal)
    rows, prefix = [], _prefix(where)
    for stem, (name, picture) in pictures.items():
        said = _said(name, texts.pop(stem, {})) if captioned else ()
        if isinstance(said, Refusal):
            refused.append(said)
        else:
            rows.append(Row(name.removeprefix(prefix), said, picture))
    if captioned:
        refused += [skipped(stem + min(found), "NoPicture", "no picture of that name") for stem, found in texts.items()]
    return Found(tuple(rows), tuple(refused), prefix)


def _inside(where: str) -> Iterator[tuple[str, Content] | Refusal]:
    """(name, content) of every file, and of every member of a tar."""
    for file in find(_expanded(where)):
        if isinstance(file, File) and suffix(file.name) == ".tar":
            yield from _members(file)
        elif isinstance(file, File):
            yield file.name, file.path
        elif isinstance(file, Refusal):
            yield file


def _members(file: File) -> Iterator[tuple[str, Content] | Refusal]:
    """(name, content) of every member of a tar; one refusal where it breaks, and those before it stay."""
    try:
        with open(file.path, "rb") as opened:
            kind = archive_kind(opened.read(HEAD), opened, file.name)
            if kind != "tar":
                raise BadArchive("compressed, or no tar at all: its members cannot be read one by one")
            for place in places(opened):
                name = f"{file.name}!{printable(place if isinstance(place, str) else place[0])}"
                if isinstance(place, str):
                    yield skipped(name, "NotAFile", "a link, pipe, sparse file or device")
                    continue
                _, offset, size = place
                if suffix(name) in TEXTS and size <= LONGEST:
                    opened.seek(offset)
                    yield name, opened.read(size)
                else:
                    yield name, Span(file.path, offset, size)
    except LexelError as error:
        yield Refusal.of(error, file.name)
    except OSError as error:
        yield Refusal.of(BadArchive(f"cannot be read: {error.strerror or type(error).__name__}"), file.name)


def _sorted_in(name: str, content: Content, pictures: Pictures, texts: Texts) -> Refusal | None:
    """Put a file where it belongs. A refusal where it is neither picture nor text, or there is one of its name."""
    ending = suffix(name)
    stem = name[: len(name) - len(ending)]
    if ending in TEXTS:
        if ending in texts.setdefault(stem, {}):
            return skipped(name, "Duplicate", "a file of that name came before")
        texts[stem][ending] = content
    elif ending not in SUFFIXES or stem.replace("!", "/").rpartition("/")[2].startswith("._"):
        return skipped(name, "NotAPicture", "no picture by its name")  # ._a.jpg is left by macOS beside a.jpg
    elif stem in pictures:
        return skipped(name, "Duplicate", f"{pictures[stem][0]} has the same captions")
    elif not isinstance(content, bytes):
        pictures[stem] = (name, content)
    return None


def _said(picture: str, texts: dict[str, Content]) -> tuple[str, ...] | Refusal:
    """The captions of a picture, or why it has none."""
    ending = next((ending for ending in TEXTS if ending in texts), None)
    if ending is None:
        return skipped(picture, "NoCaption", "no .txt or .json of that name beside it")
    name = picture[: len(picture) - len(suffix(picture))] + ending
    try:
        text = _text(texts[ending])
        said = captions(text.split("\n") if ending == ".txt" else _field(text))
    except LexelError as error:
        return Refusal.of(error, name)
    return said or skipped(name, "NoCaption", "empty" if ending == ".txt" else f"none of {', '.join(CAPTION)} in it")


def _text(content: Content) -> str:
    if isinstance(content, Path):
        try:
            with open(content, "rb", buffering=0) as file:
                content = file.read(LONGEST + 1) or b""
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or type(error).__name__}") from error
    if not isinstance(content, bytes) or len(content) > LONGEST:
        raise DataError(f"captions of more than {LONGEST:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("captions are UTF-8, this is not") from None


def _field(text: str) -> object:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("no JSON") from None
    return next((fields[name] for name in CAPTION if name in fields), "") if isinstance(fields, dict) else ""


def _expanded(where: str) -> list[str]:
    """`a-{08..10}.tar` → a-08.tar, a-09.tar, a-10.tar; a file that is really called so comes first."""
    found = RANGE.search(where)
    if not found or os.path.lexists(where):
        return [where]
    first, last = found.groups()
    numbers = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
    return [text for number in numbers for text in _expanded(where[: found.start()] + number + where[found.end() :])]


def _prefix(where: str) -> str:
    """What all names begin with: the folder, or that of a file or of a pattern."""
    if Path(where).is_dir():
        return f"{printable(where).rstrip('/')}/"
    fixed = re.split(r"[*?[{]", where)[0]
    return printable(fixed[: fixed.rfind("/") + 1])
