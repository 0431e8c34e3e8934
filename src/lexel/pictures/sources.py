"""What a user names → what there is to decode, in order, lazily.

    "photos/"      every regular file below it, by the bytes of its relative path; archives are opened one level
    "*.jpg"        what the shell would name; a file that is really called so comes first
    "x.tar"        its members: "x.tar!a.jpg"
    bytes, arrays, PIL images, `Picture`, `Source`, and any iterable of all these

A file in a folder or an archive is a picture by content or by name; anything else is *skipped* `NotAPicture`. A file
that was typed is always tried. Links, pipes, sockets and devices are never opened: *skipped* `NotAFile` in a folder,
*failed* when typed. A link that was typed is followed, a link inside a folder is not, so that a walk ends and stays
inside. Hidden files count. The resource forks that macOS leaves beside pictures (`._a.jpg`) are no pictures.

Names are what was typed, `/`, and the relative path; bytes that are not UTF-8 read `\\xff`. Paths stay as they are.
"""

import glob
import io
import itertools
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexel.errors import ArchiveError, BadArguments, PictureError
from lexel.pictures.archives import SUFFIXES as ARCHIVES
from lexel.pictures.archives import archive_kind, members
from lexel.pictures.header import HEAD, SUFFIXES, Limits, sniff
from lexel.pictures.picture import Picture, Refusal, Source

One = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[np.generic] | Picture | Source
Readable = One | Iterable["Readable"]

_RESOURCE_FORK = b"\0\5\x16\7"


@dataclass(frozen=True)
class Found:
    """A regular file that nobody has opened: `typed` by the user, or come upon in a folder."""

    name: str
    path: Path
    typed: bool


def walk(items: Iterable[Readable], limits: Limits) -> Iterator[Source | Refusal]:
    """Every input of `items`, not decoded; archives are read on the way. Never raises for a bad input."""
    for found in find(items):
        if isinstance(found, Found):
            yield from _opened(found, limits)
        elif isinstance(found, Source) and isinstance(found.content, bytes):
            head = found.content[:HEAD]
            yield from _entered(found, head, io.BytesIO(found.content), True, limits)
        else:
            yield found


def find(items: Iterable[Readable]) -> Iterator[Found | Source | Refusal]:
    """Like `walk`, but no file is opened: an archive is one `Found`."""
    return _find(items, itertools.count())


def printable(name: str) -> str:
    """`name` for accounting: UTF-8, other bytes as `\\xff`."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, which no file is called
        return name.encode("utf-8", "backslashreplace").decode()


def suffix(name: str) -> str:
    """ ".jpg" of "a/b.JPG"; "" where there is none."""
    _, dot, ending = name.rpartition("/")[2].rpartition(".")
    return dot + ending.lower() if dot else ""


def _find(items: Iterable[object], numbers: Iterator[int]) -> Iterator[Found | Source | Refusal]:
    for item in items:
        if isinstance(item, str | os.PathLike):
            yield from _typed(os.fspath(item), pattern=isinstance(item, str))
        elif isinstance(item, Source):
            yield item
        elif isinstance(item, Picture):
            yield Source(item.name, item)
        elif isinstance(item, bytes | bytearray | memoryview):
            yield Source(f"bytes-{next(numbers)}", bytes(item))
        elif isinstance(item, Image.Image):
            yield Source(printable(getattr(item, "filename", "")) or f"image-{next(numbers)}", item)
        elif hasattr(item, "__array__"):
            yield Source(f"array-{next(numbers)}", np.asarray(item))
        elif isinstance(item, Iterable) and not isinstance(item, io.IOBase):  # an open file is an iterable of lines
            yield from _find(item, numbers)
        else:
            error = BadArguments(f"no picture, path or list of these, but a {type(item).__name__}")
            yield Refusal.of(error, f"{type(item).__name__}-{next(numbers)}")


def _typed(text: str, *, pattern: bool) -> Iterator[Found | Refusal]:
    name = printable(text)
    try:
        mode = os.stat(text).st_mode  # noqa: PTH116  Path("") would be the current folder
    except (OSError, ValueError) as error:
        if pattern and glob.has_magic(text):
            matches = glob.glob(text, recursive=True)  # noqa: PTH207  Path.glob takes no absolute pattern
            for match in sorted(matches, key=os.fsencode):
                if "**" not in text or not Path(match).is_dir():  # `**` names what is in its folders as well
                    yield from _typed(match, pattern=False)
            return
        yield Refusal.of(PictureError(_why(error)), name)
        return
    if stat.S_ISDIR(mode):
        yield from _below(os.fsencode(text), name)
    elif stat.S_ISREG(mode):
        yield Found(name, Path(text), typed=True)
    else:
        yield Refusal.of(PictureError("neither a file nor a folder"), name)


def _below(root: bytes, typed: str) -> Iterator[Found | Refusal]:
    """Every entry below `root` by the bytes of its relative path: a folder sorts as its name and `/`."""
    stack: list[tuple[bytes, os.DirEntry[bytes] | None]] = [(b"", None)]
    while stack:
        relative, entry = stack.pop()
        name = f"{typed.rstrip('/')}/{printable(os.fsdecode(relative))}" if relative else typed
        try:
            if entry is None or entry.is_dir(follow_symlinks=False):
                with os.scandir(entry.path if entry else root) as entries:
                    inside = [(relative + inner.name + _slash(inner), inner) for inner in entries]
                stack += sorted(inside, key=lambda pair: pair[0], reverse=True)
            elif entry.is_file(follow_symlinks=False):
                yield Found(name, Path(os.fsdecode(entry.path)), typed=False)
            else:
                yield Refusal(name, "skipped", "NotAFile", "a link, pipe, socket or device")
        except OSError as error:
            yield Refusal.of(PictureError(_why(error)), name)


def _slash(entry: os.DirEntry[bytes]) -> bytes:
    return b"/" if entry.is_dir(follow_symlinks=False) else b""


def _opened(found: Found, limits: Limits) -> Iterator[Source | Refusal]:
    try:
        with open(found.path, "rb") as file:
            head = file.read(HEAD)
            yield from _entered(Source(found.name, found.path), head, file, found.typed, limits)
    except OSError as error:
        yield Refusal.of(PictureError(_why(error)), found.name)


def _entered(
    source: Source, head: bytes, file: io.BufferedIOBase, typed: bool, limits: Limits
) -> Iterator[Source | Refusal]:
    """The source itself, or its members where it is an archive."""
    ending, kind = suffix(source.name), None
    if not sniff(head) and (typed or not ending or ending in ARCHIVES):  # a .docx in a folder is a zip, and no archive
        kind = archive_kind(head, file, source.name)
    if kind is None:
        yield source if typed else _candidate(source, head, ending)
        return
    seen: Counter[str] = Counter()
    try:
        for member, content in members(file, kind, limits):
            seen[member] += 1
            name = f"{source.name}!{printable(member)}" + (f"#{seen[member]}" if seen[member] > 1 else "")
            if content is None:
                yield Refusal(name, "skipped", "NotAFile", "a link, pipe, sparse file or device")
            elif isinstance(content, ArchiveError):
                yield Refusal.of(content, name)
            else:
                yield _candidate(Source(name, content), content[:HEAD], suffix(member))
    except ArchiveError as error:
        yield Refusal.of(error, source.name)


def _candidate(source: Source, head: bytes, ending: str) -> Source | Refusal:
    if sniff(head) or (ending in SUFFIXES and not head.startswith(_RESOURCE_FORK)):
        return source
    return Refusal(source.name, "skipped", "NotAPicture", "no picture by content or name")


def _why(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read: {reason or 'not a usable path'}"
