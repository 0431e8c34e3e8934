import io
import random
import stat
import tarfile
import zipfile
import zlib

import pytest
from pictures.samples import encode, photo, tar, zipped

from lexel.errors import BadArchive
from lexel.pictures import archives
from lexel.pictures.picture import Picture, Source
from lexel.pictures.read import read

JPEG = encode(photo(8, 8), "JPEG")


def account(data: bytes, name: str = "x.tar") -> list[tuple[str, str]]:
    """(name, "done" or class of the error) of every input."""
    outcomes = read(Source(name, data)).outcomes()
    return [(o.name.removeprefix(name), "done" if isinstance(o, Picture) else o.error) for o in outcomes]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_opened_whatever_packed_it_and_whatever_it_is_called(mode: str) -> None:
    data = tar([("b.jpg", JPEG), ("a/c.jpg", JPEG), ("n.txt", b"text")], mode)
    expected = [("!b.jpg", "done"), ("!a/c.jpg", "done"), ("!n.txt", "NotAPicture")]
    assert account(data) == account(data, "bytes") == expected


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_is_opened_in_its_own_order(compression: int) -> None:
    data = zipped([("b.jpg", JPEG), ("a/c.jpg", JPEG), ("folder/", b"")], compression)
    assert account(data, "bytes") == [("!b.jpg", "done"), ("!a/c.jpg", "done")]


@pytest.mark.parametrize("pack", [tar, zipped])
def test_members_follow_the_rule_of_folders(pack: object) -> None:
    members = [("good", JPEG), ("bad.jpg", b"text"), ("notes.txt", b"text"), ("._a.jpg", b"\0\5\x16\7" + bytes(50))]
    assert account(pack(members)) == [
        ("!good", "done"),
        ("!bad.jpg", "UnknownFormat"),
        ("!notes.txt", "NotAPicture"),
        ("!._a.jpg", "NotAPicture"),
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [tar, zipped])
def test_the_second_of_a_name_has_a_number(pack: object) -> None:
    data = pack([("a.jpg", JPEG), ("a.jpg", JPEG[:-9]), ("a.jpg", b"text")])
    assert account(data) == [("!a.jpg", "done"), ("!a.jpg#2", "Truncated"), ("!a.jpg#3", "UnknownFormat")]


@pytest.mark.parametrize(
    "name", ["../../a.jpg", "/tmp/a.jpg", "C:\\a.jpg", "d/" * 2_000 + "a.jpg", "\u202egpj.a", "a\nb"]
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_name_is_only_a_name(pack: object, name: str) -> None:
    assert account(pack([(name, JPEG)])) == [("!" + name, "done")]


def test_a_name_that_is_not_utf8_is_readable() -> None:
    assert account(tar([("bad\udcff.jpg", JPEG)])) == [("!bad\\xff.jpg", "done")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_what_is_no_regular_member_is_skipped(kind: bytes) -> None:
    links = tar([("a.jpg", b"")], type=kind, linkname="/etc/passwd")
    assert account(links) == [("!a.jpg", "NotAFile"), ("", "EmptyArchive")]


def test_a_link_in_a_zip_is_skipped() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("a.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.jpg", JPEG)
    assert account(buffer.getvalue()) == [("!a.jpg", "NotAFile"), ("!b.jpg", "done")]


@pytest.mark.parametrize(
    "data",
    [tar([]), zipped([]), tar([], "w:gz"), zipped([("folder/", b"")]), bytes(10_240)],
    ids=["tar", "zip", "tar.gz", "folder", "zeros"],
)
def test_an_archive_without_a_file_is_failed(data: bytes) -> None:
    assert account(data) == [("", "EmptyArchive")]


def test_an_archive_inside_an_archive_stays_closed() -> None:
    inner = zipped([("a.jpg", JPEG)])
    assert account(tar([("inner.zip", inner), ("inner.tar", tar([("a.jpg", JPEG)]))])) == [
        ("!inner.zip", "NotAPicture"),
        ("!inner.tar", "NotAPicture"),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_the_whole_members_of_a_cut_tar_stay(mode: str) -> None:
    noise = random.Random(0).randbytes(3_000)
    data = tar([("a.jpg", JPEG), ("b.bin", noise), ("c.bin", noise)], mode)
    whole = [("!a.jpg", "done"), ("!b.bin", "NotAPicture"), ("!c.bin", "NotAPicture")]
    assert account(data) == whole
    for end in range(len(data) // 2, len(data) if mode == "w:gz" else len(data) - 9_000, 150):
        found = account(data[:end])
        if found != whole:
            assert found[-1] == ("", "BadArchive")
            assert found[:-1] == whole[: len(found) - 1]
    assert account(data[: len(JPEG) + 700 if mode == "w" else len(data) // 2])[-1] == ("", "BadArchive")


def test_the_padding_of_the_last_member_is_not_its_data() -> None:
    data = tar([("a.jpg", JPEG), ("b.jpg", JPEG)])
    assert account(data[: 512 + len(JPEG)]) == [("!a.jpg", "done"), ("", "BadArchive")]
    assert account(data[: 512 + len(JPEG) - 1]) == [("", "BadArchive")]


def changed(data: bytes, position: int, value: bytes) -> bytes:
    """A tar whose first header holds `value` at `position` and has its checksum right again."""
    header = bytearray(data[:512])
    header[position : position + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + bytes(3) + b"\xff" * 7, b"\xff" * 12])
def test_a_member_that_claims_more_than_there_is_fails_the_archive(size: bytes) -> None:
    data = tar([("a.jpg", JPEG), ("b.jpg", JPEG)])
    (line,) = account(changed(data, 124, size))
    assert line == ("", "BadArchive")
    (line,) = account(changed(data, 124, size)[:1_000], "x.tar")
    assert line == ("", "BadArchive")


def test_a_bad_checksum_fails_the_archive() -> None:
    data = bytearray(tar([("a.jpg", JPEG), ("b.jpg", JPEG)]))
    data[150] ^= 1
    assert account(bytes(data)) == [("", "BadArchive")]


def test_a_broken_header_is_not_the_end() -> None:
    data = bytearray(tar([("a.jpg", JPEG), ("b.jpg", JPEG), ("c.jpg", JPEG)]))
    second = 512 + -(-len(JPEG) // 512) * 512
    data[second + 150] ^= 1
    assert account(bytes(data)) == [("!a.jpg", "done"), ("", "BadArchive")]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_member_beyond_the_limit_is_not_read(mode: str) -> None:
    large = random.Random(0).randbytes(1 << 20) * 65
    assert account(tar([("a.bin", large), ("b.jpg", JPEG)], mode)) == [
        ("!a.bin", "ArchiveTooLarge"),
        ("!b.jpg", "done"),
    ]


def test_a_zip_member_beyond_the_limit_is_not_read() -> None:
    data = zipped([("a.bin", bytes(70_000_000)), ("b.jpg", JPEG)])
    assert account(data) == [("!a.bin", "ArchiveTooLarge"), ("!b.jpg", "done")]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_stream_that_unpacks_without_end_is_stopped(mode: str) -> None:
    data = tar([("a.jpg", JPEG), *((f"{i}.bin", bytes(20_000_000)) for i in range(5))], mode)
    found = account(data)
    assert found[0] == ("!a.jpg", "done")
    assert found[-1] == ("", "ArchiveTooLarge")
    assert len(found) < 7


def test_a_zip_that_unpacks_without_end_is_stopped() -> None:
    data = zipped([("a.jpg", JPEG), *((f"{i}.bin", bytes(20_000_000)) for i in range(5))])
    found = account(data)
    assert found[0] == ("!a.jpg", "done")
    assert found[-1] == ("", "ArchiveTooLarge")
    assert len(found) < 7


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_a_tar_is_counted_too(kind: bytes) -> None:
    data = tar([("a.jpg", JPEG), ("header", bytes(3_000_000))])
    second = 512 + -(-len(JPEG) // 512) * 512
    data = data[:second] + changed(data[second:], 156, kind)
    assert account(data) == [("!a.jpg", "done"), ("", "ArchiveTooLarge")]


def test_a_sparse_member_is_no_file() -> None:
    sparse = changed(tar([("a.jpg", JPEG), ("b.jpg", JPEG)]), 156, tarfile.GNUTYPE_SPARSE)
    assert account(sparse) == [("!a.jpg", "NotAFile"), ("!b.jpg", "done")]


def test_an_encrypted_and_a_damaged_member_fail_alone() -> None:
    data = zipped([("a.jpg", JPEG), ("b.jpg", JPEG), ("c.jpg", JPEG)], zipfile.ZIP_STORED)
    damaged = bytearray(data)
    damaged[data.index(JPEG) + 50] ^= 1
    assert account(bytes(damaged)) == [("!a.jpg", "BadArchive"), ("!b.jpg", "done"), ("!c.jpg", "done")]
    encrypted = bytearray(data)
    encrypted[data.index(b"PK\1\2") + 8] |= 1
    assert account(bytes(encrypted))[0] == ("!a.jpg", "BadArchive")


@pytest.mark.parametrize("data", [b"PK\3\4" + bytes(100), b"PK\5\6", zipped([("a.jpg", JPEG)])[:-10]])
def test_a_broken_zip_is_one_failed_input(data: bytes) -> None:
    assert account(data) == [("", "BadArchive")]


@pytest.mark.parametrize("name", ["x.tar", "x.zip", "x.tgz", "x.tar.gz"])
def test_a_file_that_only_calls_itself_an_archive_fails(name: str) -> None:
    head = b"\x1f\x8b" if name.endswith("gz") else b""
    assert account(head + b"text" * 200, name) == [("", "BadArchive")]


def test_a_compressed_file_that_is_no_tar_is_no_archive() -> None:
    gz = zlib.compressobj(9, zlib.DEFLATED, 31)
    assert account(gz.compress(b"text") + gz.flush(), "x.png") == [("", "UnknownFormat")]


def test_random_damage_raises_nothing() -> None:
    damage = random.Random(0)
    good = [tar([("a.jpg", JPEG), ("b.jpg", JPEG)], mode) for mode in ("w", "w:gz", "w:xz")] + [
        zipped([("a.jpg", JPEG)])
    ]
    for data in good * 30:
        flipped = bytearray(data)
        for _ in range(damage.choice([1, 8, 64])):
            flipped[damage.randrange(len(flipped))] = damage.randrange(256)
        assert account(bytes(flipped))


def test_tarfile_is_not_asked_to_remember_its_members() -> None:
    file = io.BytesIO(tar([(f"{i}", b"") for i in range(50)]))
    stream = archives._tar(file, "tar", archives.Limits())
    next(stream)
    frame = stream.gi_frame
    for _ in range(40):
        next(stream)
    assert frame is not None
    assert len(frame.f_locals["archive"].members) <= 1


MEMBERS = [("a.jpg", JPEG), ("n" * 300 + ".txt", b"text"), ("é.txt", b"x" * 700), ("empty", b"")]


@pytest.mark.parametrize("file_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_places_of_members_are_where_their_bytes_are(file_format: int) -> None:
    members = MEMBERS if file_format != tarfile.USTAR_FORMAT else [MEMBERS[0], MEMBERS[3]]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=file_format) as archive:
        archive.addfile(_member("folder", tarfile.DIRTYPE))
        archive.addfile(_member("link", tarfile.SYMTYPE))
        for name, content in members:
            archive.addfile(_member(name, tarfile.REGTYPE, len(content)), io.BytesIO(content))
    data = buffer.getvalue()
    link, *found = archives.places(buffer)
    assert link == "link"
    assert [(name, data[offset : offset + size]) for name, offset, size in found] == members


def test_a_tar_that_is_cut_gives_the_places_before_and_says_so() -> None:
    data = tar(MEMBERS)
    whole = [place[0] for place in archives.places(io.BytesIO(data))]
    for end in range(0, data.rindex(b"ustar") + 512 - 257, 100):  # behind the last header, nothing but zeros is missing
        found = []
        with pytest.raises(BadArchive, match=r"cut|broken"):
            found.extend(name for name, _, _ in archives.places(io.BytesIO(data[:end])))
        assert found == whole[: len(found)]
    with pytest.raises(BadArchive, match="broken or cut"):
        list(archives.places(io.BytesIO(data.replace(b"empty", b"full!"))))


def _member(name: str, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member
