import contextlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures.samples import encode, photo, pixels, tar, zipped
from PIL import Image

from lexel.pictures.picture import Picture, Source
from lexel.pictures.read import read

JPEG = encode(photo(8, 8), "JPEG")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(*names: str, data: bytes = JPEG) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def account(*items: object) -> list[tuple[str, str]]:
    return [(o.name, "done" if isinstance(o, Picture) else o.error) for o in read(*items).outcomes()]


def names(*items: object) -> list[str]:
    return [name for name, _ in account(*items)]


PART = st.text("aB-. é\udcff", min_size=1, max_size=3).filter(lambda part: part.strip("."))


@given(paths=st.lists(st.lists(PART, min_size=1, max_size=3), max_size=8))
def test_a_folder_is_walked_in_the_order_of_the_bytes_of_its_paths(
    paths: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("folder")
    expected = set()
    for parts in paths:
        path = root.joinpath(*parts)
        with contextlib.suppress(OSError):  # a file is where a folder should be, or the other way round
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"GIF89a")
            expected.add(os.fsencode(path.relative_to(root)))
    found = [name.removeprefix(f"{root}/") for name in names(root)]
    assert found == [path.decode("utf-8", "backslashreplace") for path in sorted(expected)]


def test_names_are_what_was_typed_and_the_relative_path() -> None:
    put("photos/b/c.jpg", "photos/a.jpg")
    assert names("photos") == names("photos/") == ["photos/a.jpg", "photos/b/c.jpg"]
    assert names(".") == ["./photos/a.jpg", "./photos/b/c.jpg"]
    assert names("./photos/a.jpg", Path("photos/b")) == ["./photos/a.jpg", "photos/b/c.jpg"]


ODD = ["-rf.jpg", "$(id).jpg", "a\nb.jpg", "\u202egpj.exe", "..jpg", " .jpg", ".hidden.jpg", "e\u0301.jpg",
       "x" * 251 + ".jpg", "*.jpg", "[a].jpg", "a\\b.jpg", "~.jpg", "%2e.jpg"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_legal_alone_and_in_a_folder(name: str) -> None:
    put(f"odd/{name}")
    os.chdir("odd")
    assert account(name) == [(name, "done")]
    assert account(".") == [(f"./{name}", "done")]


def test_a_name_that_is_not_utf8_is_readable() -> None:
    name = os.fsdecode(b"bad\xff\xfe.jpg")
    put(f"odd/{name}")
    assert account("odd") == account(f"odd/{name}") == [("odd/bad\\xff\\xfe.jpg", "done")]


def test_what_is_no_picture_is_skipped_in_a_folder_and_fails_when_typed() -> None:
    put("d/a.jpg", "d/b", "d/c.txt")
    put("d/bad.JPG", "d/notes.txt", "d/empty.txt", data=b"text")
    put("d/._a.jpg", data=b"\0\5\x16\7")
    assert account("d") == [
        ("d/._a.jpg", "NotAPicture"),
        ("d/a.jpg", "done"),
        ("d/b", "done"),
        ("d/bad.JPG", "UnknownFormat"),
        ("d/c.txt", "done"),
        ("d/empty.txt", "NotAPicture"),
        ("d/notes.txt", "NotAPicture"),
    ]
    assert account("d/notes.txt", "d/._a.jpg") == [("d/notes.txt", "UnknownFormat"), ("d/._a.jpg", "UnknownFormat")]


def test_links_in_a_folder_are_not_followed() -> None:
    put("outside.jpg", "d/a.jpg")
    Path("d/link.jpg").symlink_to("a.jpg")
    Path("d/out.jpg").symlink_to("../outside.jpg")
    Path("d/loop").symlink_to(".")
    Path("d/nowhere").symlink_to("nowhere")
    assert account("d") == [("d/a.jpg", "done")] + [
        (f"d/{n}", "NotAFile") for n in ("link.jpg", "loop", "nowhere", "out.jpg")
    ]


def test_a_link_that_was_typed_is_followed() -> None:
    put("d/a.jpg")
    Path("file.jpg").symlink_to("d/a.jpg")
    Path("folder").symlink_to("d")
    assert account("file.jpg", "folder") == [("file.jpg", "done"), ("folder/a.jpg", "done")]


def test_pipes_and_sockets_are_never_opened() -> None:
    Path("d").mkdir()
    os.mkfifo("d/pipe.jpg")  # to open it would wait for ever
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("d/socket.jpg")
        assert account("d") == [("d/pipe.jpg", "NotAFile"), ("d/socket.jpg", "NotAFile")]
        assert account("d/pipe.jpg", "d/socket.jpg") == [
            ("d/pipe.jpg", "PictureError"),
            ("d/socket.jpg", "PictureError"),
        ]


def test_what_is_not_there_fails_by_name_alone() -> None:
    put("a.jpg")
    (refusal,) = read("absent.jpg").outcomes()
    assert (refusal.status, refusal.reason) == ("failed", "cannot be read: No such file or directory")
    assert account("a.jpg/b.jpg", "nul\0.jpg") == [("a.jpg/b.jpg", "PictureError"), ("nul\0.jpg", "PictureError")]
    assert account("") == [("", "PictureError")]
    assert account("\ud800.jpg") == [("\\ud800.jpg", "PictureError")]


def test_what_may_not_be_read_fails_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put("d/a.jpg", "d/closed/b.jpg", "d/z.jpg")
    scandir = os.scandir

    def refuse(path: bytes) -> object:  # as for anyone but root
        if path.endswith(b"closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert account("d") == [("d/a.jpg", "done"), ("d/closed/", "PictureError"), ("d/z.jpg", "done")]


def test_an_empty_folder_and_an_empty_glob_are_no_inputs() -> None:
    Path("empty/inner").mkdir(parents=True)
    assert account("empty", "*.jpg", "[ab].jpg") == []


def test_a_glob_names_what_the_shell_would() -> None:
    put("d/b.jpg", "d/a.jpg", "d/inner/c.jpg", "d/.hidden.jpg")
    put("d/notes.txt", data=b"text")
    assert account("d/*.jpg") == [("d/a.jpg", "done"), ("d/b.jpg", "done")]
    assert account("d/*") == [
        ("d/a.jpg", "done"),
        ("d/b.jpg", "done"),
        ("d/inner/c.jpg", "done"),
        ("d/notes.txt", "UnknownFormat"),
    ]
    assert names("**/*.jpg") == names("d/**/*.jpg") == ["d/a.jpg", "d/b.jpg", "d/inner/c.jpg"]
    assert names("**")[:3] == ["d/a.jpg", "d/b.jpg", "d/inner/c.jpg"]


def test_a_path_object_is_no_glob() -> None:
    put("a.jpg")
    assert account(Path("*.jpg")) == [("*.jpg", "PictureError")]


def test_archives_in_a_folder_are_opened_one_level() -> None:
    put("d/a.tar", data=tar([("x.jpg", JPEG), ("inner.zip", zipped([("y.jpg", JPEG)]))]))
    put("d/b.zip", "d/shard", data=zipped([("z.jpg", JPEG)]))
    put("d/letter.docx", data=zipped([("image1.png", JPEG)]))
    assert account("d") == [
        ("d/a.tar!x.jpg", "done"),
        ("d/a.tar!inner.zip", "NotAPicture"),
        ("d/b.zip!z.jpg", "done"),
        ("d/letter.docx", "NotAPicture"),
        ("d/shard!z.jpg", "done"),
    ]
    assert account("d/letter.docx") == [("d/letter.docx!image1.png", "done")]


def test_a_very_deep_folder_is_walked() -> None:
    top = Path.cwd()
    for _ in range(1_200):  # deeper than Python's stack, and than the longest path
        Path("d").mkdir()
        os.chdir("d")
    put("a.jpg")
    deepest = Path.cwd()
    os.chdir(top)
    found = account("d")
    (deepest / "a.jpg").unlink()
    for folder in (deepest, *deepest.parents[:1_199]):  # pytest's own cleaning recurses
        folder.rmdir()
    assert found == [("d/" * 1_200 + "a.jpg", "done")]


def test_values_in_memory_are_named_by_what_they_are_and_their_place() -> None:
    picture = Picture(pixels(), "mine", (6, 9), "digest")
    opened = [JPEG, pixels(), [photo(), JPEG], Source("-", JPEG), picture]
    assert account(*opened) == [
        (name, "done") for name in ("bytes-0", "array-1", "image-2", "bytes-3", "-", "mine")
    ]  # fmt: skip
    put("a.jpg")
    with Image.open("a.jpg") as image:
        assert account(image) == [("a.jpg", "done")]


class Tensor:
    """What another library's array looks like from here."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return pixels()


def test_arrays_of_other_libraries_are_arrays(unchecked_shapes: None) -> None:
    assert account(Tensor()) == [("array-0", "done")]
    assert account(np.zeros((2, 5, 7, 3), np.uint8)) == [("array-0", "PictureError")]


def test_an_open_file_is_not_taken_for_a_list_of_its_lines(unchecked_shapes: None) -> None:
    put("a.jpg")
    with open("a.jpg", "rb") as file:
        assert account(file) == account([file]) == [("BufferedReader-0", "BadArguments")]
    assert account(bytearray(JPEG), memoryview(JPEG)) == [("bytes-0", "done"), ("bytes-1", "done")]


@pytest.mark.parametrize("thing", [None, 3, 2.5, object()])
def test_what_is_no_input_at_all_is_a_failed_one(thing: object, unchecked_shapes: None) -> None:
    assert account([thing, JPEG]) == [(f"{type(thing).__name__}-0", "BadArguments"), ("bytes-1", "done")]
