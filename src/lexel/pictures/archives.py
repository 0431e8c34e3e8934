"""Tar and zip as streams of members: nothing is ever written to disk, and nothing is unpacked without a count.

    x.tar ─ counted ─► header ─► a.jpg  bytes ─► Source "x.tar!a.jpg"
                                 a.jpg  bytes ─► Source "x.tar!a.jpg#2"     the second of that name
                                 link         ─► skipped NotAFile
                                 b.bin  200 MB ─► failed ArchiveTooLarge, before it is opened
                       cut here ─►            failed BadArchive "x.tar"; the members before it stay

A member's size is compared before it is opened. Compressed streams are read through a counter: more than 200 times
their own size, beyond 64 MB in all, ends the archive. Headers of tar are counted too, since one may claim any length.
Archives inside archives stay closed. Folders are no inputs.
"""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from lexel.errors import ArchiveError, ArchiveTooLarge, BadArchive, EmptyArchive
from lexel.pictures.header import Limits

MAX_RATIO = 200  # unpacked ÷ packed, beyond
FREE = 64_000_000  # bytes unpacked in all
MAX_HEADERS = 1 << 20  # bytes between two members of a tar: long names, pax records
BLOCK = 128 * 512

SUFFIXES = frozenset([".tar", ".cbt", ".tgz", ".tbz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zip", ".cbz"])

_OPENERS: dict[str, Callable[..., io.BufferedIOBase]] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
_MAGIC = {b"PK\3\4": "zip", b"PK\5\6": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
)  # fmt: skip

Content = bytes | ArchiveError | None  # of a member: its bytes, why not, or None for what is no regular file


def archive_kind(head: bytes, file: io.BufferedIOBase, name: str) -> str | None:
    """ "zip", "tar", "gz", "bz2" or "xz" (tars in these), or None. By content; a broken one by the suffix of `name`."""
    suffix, stem = PurePosixPath(name).suffix.lower(), PurePosixPath(name).stem.lower()
    if head[257:262] == b"ustar":
        return "tar"
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if kind in _OPENERS:
        called_tar = suffix in (".tar", ".cbt", ".tgz", ".tbz", ".tbz2", ".txz") or stem.endswith(".tar")
        return kind if called_tar or _first_block(file, kind)[257:262] == b"ustar" else None
    return kind or {".tar": "tar", ".cbt": "tar", ".zip": "zip", ".cbz": "zip"}.get(suffix)


def members(file: io.BufferedIOBase, kind: str, limits: Limits) -> Iterator[tuple[str, Content]]:
    """(name, content) of every member that is no folder, in the archive's order.

    Raises `BadArchive`, `ArchiveTooLarge` or `EmptyArchive` where the archive itself ends the walk.
    """
    regular = False
    try:
        for name, content in _zip(file, limits) if kind == "zip" else _tar(file, kind, limits):
            regular = regular or content is not None
            yield name, content
    except _BROKEN as error:
        raise BadArchive(f"broken or cut: {error or type(error).__name__}") from error
    if not regular:
        raise EmptyArchive("no regular file in it")


def places(file: io.BufferedIOBase) -> Iterator[tuple[str, int, int] | str]:
    """(name, offset, size) of every member of a tar that is not compressed, or the name of what is no regular file.

    Raises `BadArchive` where the archive is broken or cut; what came before that is whole.
    """
    end = file.seek(0, 2)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_Strict, encoding="utf-8") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would keep them all, for access by name
                if member.size < 0 or member.offset_data + member.size > end:
                    raise BadArchive("cut: a member is longer than the rest of the archive")
                if member.isreg() and not member.issparse():
                    yield member.name, member.offset_data, member.size
                elif not member.isdir():
                    yield member.name
    except _BROKEN as error:
        raise BadArchive(f"broken or cut: {error or type(error).__name__}") from error


def _first_block(file: io.BufferedIOBase, kind: str) -> bytes:
    try:
        file.seek(0)
        return _OPENERS[kind](file).read(512)
    except _BROKEN:
        return b""


def _tar(file: io.BufferedIOBase, kind: str, limits: Limits) -> Iterator[tuple[str, Content]]:
    stream = _Counted(file, kind)
    with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK, tarinfo=_Strict, encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep them all, for access by name
            stream.expect(archive.offset)
            if member.size < 0:
                raise BadArchive("broken: a member of negative size")
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():  # a sparse file claims bytes that nobody sent
                yield member.name, None
            elif member.size > limits.encoded:
                yield member.name, _beyond(member.size, limits)
            else:
                content = archive.extractfile(member) if member.size else None
                yield member.name, content.read() if content else b""


def _zip(file: io.BufferedIOBase, limits: Limits) -> Iterator[tuple[str, Content]]:
    packed, unpacked = file.seek(0, 2), 0
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                yield member.filename, None
            elif member.flag_bits & 1:
                yield member.filename, BadArchive("encrypted")
            elif member.file_size > limits.encoded:
                yield member.filename, _beyond(member.file_size, limits)
            else:
                try:
                    content: Content = archive.read(member)
                except _BROKEN as error:  # the others have their own place in the file
                    content = BadArchive(f"broken or cut: {error or type(error).__name__}")
                unpacked += member.file_size
                _check_ratio(packed, unpacked)
                yield member.filename, content


def _beyond(size: int, limits: Limits) -> ArchiveTooLarge:
    return ArchiveTooLarge(f"{size / 1e6:,.0f} MB; the limit for a member is {limits.encoded / 1e6:,.0f} MB")


def _check_ratio(packed: int, unpacked: int) -> None:
    if unpacked > max(FREE, MAX_RATIO * packed):
        raise ArchiveTooLarge(f"unpacks to more than {MAX_RATIO} times its size")


class _Counted(io.RawIOBase):
    """The tar inside `file`, readable block by block while the counts allow it."""

    def __init__(self, file: io.BufferedIOBase, kind: str) -> None:
        self.packed = file.seek(0, 2)
        file.seek(0)
        self.file = file
        self.tar = _OPENERS[kind](file) if kind in _OPENERS else file
        self.position = 0
        self.expected = MAX_HEADERS + BLOCK

    def expect(self, next_header: int) -> None:
        """`next_header` is where the next header begins, if the one just read is honest."""
        if self.tar is self.file and next_header >= self.packed + tarfile.BLOCKSIZE:  # more than padding is missing
            raise BadArchive("cut: a member is longer than the rest of the archive")
        _check_ratio(self.packed, next_header)  # a claim; tarfile would walk there in steps
        self.expected = next_header + MAX_HEADERS + BLOCK

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; raises `ArchiveTooLarge`."""
        data = self.tar.read(size)
        self.position += len(data)
        _check_ratio(self.file.tell(), self.position)
        if self.position > self.expected:
            raise ArchiveTooLarge("a header of more than 1 MB")
        return data


class _Strict(tarfile.TarInfo):
    """tarfile takes a cut or broken header after the first for the end; here only the end marker is the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Strict":
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == bytes(tarfile.BLOCKSIZE):
                raise
            raise BadArchive(f"broken or cut: {error}") from error
