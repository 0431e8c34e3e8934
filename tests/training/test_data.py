"""A folder is a data set: everything in it is a pair or refused by name; nothing is decoded before it is asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training.sets import Numbers, folder, png, refusals, rows

from lexel.errors import BadArguments, DataError, PictureError
from lexel.pictures.read import read
from lexel.training.data import Pairs, Subset, pairs, pictures_only, split


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_folder_of_pictures_and_texts_is_a_data_set():
    folder("photos", {"a.png": 1, "a.txt": "a cat", "b/c.PNG": 2, "b/c.txt": "\ufeffein Hund\r\n\n a dog \n"})
    data = pairs("photos")
    assert isinstance(data, Pairs)
    assert rows(data) == [("a.png", ("a cat",)), ("b/c.PNG", ("ein Hund", "a dog"))]
    assert data.refused == ()
    assert data.picture(1).name == "photos/b/c.PNG"
    assert np.array_equal(data.picture(1).pixels, next(iter(read("photos/b/c.PNG"))).pixels)


def test_captions_may_be_fields_of_json_and_text_counts_first():
    folder("d", {"a.png": 1, "a.json": '{"caption": "a cat"}', "b.png": 2, "b.json": '{"text": ["x", "", "y"]}'})
    folder("d", {"c.png": 3, "c.txt": "text", "c.json": '{"caption": "json"}'})
    assert rows(pairs("d")) == [("a.png", ("a cat",)), ("b.png", ("x", "y")), ("c.png", ("text",))]


def test_what_is_no_pair_is_refused_by_name_and_the_rest_stays():
    folder(
        "d", {"good.png": 1, "good.txt": "a cat", "alone.png": 2, "README.txt": "no picture", "notes.md": "", "x": ""}
    )
    folder("d", {"empty.png": 3, "empty.txt": " \n", "latin.png": 4, "latin.txt": b"caf\xe9", "good.jpg": 5})
    folder("d", {"bad.png": 6, "bad.json": "{", "none.png": 7, "none.json": '{"width": 3}', "._fork.png": 8})
    folder("d", {"long.png": 9, "long.txt": "x" * 1_000_001, "list.png": 10, "list.json": '{"caption": 3}'})
    data = pairs("d")
    assert [key for key, _ in rows(data)] == ["good.jpg"]
    assert refusals(data) == [
        ("d/._fork.png", "NotAPicture"),
        ("d/README.txt", "NoPicture"),
        ("d/alone.png", "NoCaption"),
        ("d/bad.json", "DataError"),
        ("d/empty.txt", "NoCaption"),
        ("d/good.png", "Duplicate"),
        ("d/latin.txt", "DataError"),
        ("d/list.json", "NoCaption"),
        ("d/long.txt", "DataError"),
        ("d/none.json", "NoCaption"),
        ("d/notes.md", "NotAPicture"),
        ("d/x", "NotAPicture"),
    ]


NAMES = st.sampled_from(["a", "b", "c/a", "c/b", "d.e"])
ENDINGS = st.sampled_from([".png", ".JPG", ".txt", ".json", ".md", ""])
TEXTS = st.sampled_from(["", "said", '{"caption": "said"}', "[]"])


@settings(max_examples=40)
@given(files=st.dictionaries(st.tuples(NAMES, ENDINGS), TEXTS, max_size=12))
def test_every_file_is_in_a_pair_or_refused(files, tmp_path_factory):
    root = folder(
        tmp_path_factory.mktemp("set"), {"z.png": "", "z.txt": "z"} | {a + b: text for (a, b), text in files.items()}
    )
    data = pairs(root)
    paired = {data.key(index) for index in range(len(data))}
    refused = [one.name.removeprefix(f"{root}/") for one in data.refused]
    assert len(refused) == len(set(refused))
    assert not paired & set(refused)
    stems = {name.rpartition(".")[0] for name in [*paired, *refused]}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name not in paired and name not in refused:  # then it was looked at with its picture
            assert name.rpartition(".")[0] in stems
            assert path.suffix in (".txt", ".json", ".png", ".JPG")


def test_links_and_what_is_not_there_are_refused(tmp_path):
    folder("d", {"a.png": 1, "a.txt": "a cat"})
    (tmp_path / "d" / "b.png").symlink_to(tmp_path / "d" / "a.png")
    assert refusals(pairs("d")) == [("d/b.png", "NotAFile")]
    with pytest.raises(
        DataError, match=r"^nowhere: no pair in it \(nowhere: cannot be read: No such file or directory\)"
    ):
        pairs("nowhere")
    folder("empty", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"^empty: there is nothing in it"):
        pairs("empty")
    folder("uncaptioned", {"a.png": 1, "b.png": 2, "c.png": 3})
    with pytest.raises(
        DataError, match=r"no pair in it \(uncaptioned/a.png: no .txt or .json of that name beside it, and 2 more\)"
    ):
        pairs("uncaptioned")


def test_a_picture_that_cannot_be_decoded_is_known_by_name_when_it_is_asked_for(tmp_path):
    folder("d", {"a.png": png()[:-20], "a.txt": "cut", "b.png": 1, "b.txt": "whole"})
    data = pairs("d")
    assert len(data) == 2
    with pytest.raises(PictureError, match=r"^d/a.png: "):
        data.picture(0)
    (tmp_path / "d" / "b.png").unlink()
    with pytest.raises(PictureError, match=r"^d/b.png: cannot be read"):
        data.picture(1)


def test_pictures_alone_need_no_captions():
    folder("d", {"a.png": 1, "a.txt": "a cat", "b.png": 2, "notes.md": "", "README.txt": ""})
    data = pictures_only("d")
    assert rows(data) == [("a.png", ()), ("b.png", ())]
    assert refusals(data) == [("d/notes.md", "NotAPicture")]


def test_shrink_decodes_a_photograph_smaller():
    from pictures.samples import encode, photo

    folder("d", {"a.jpg": encode(photo(256, 512), "JPEG"), "a.txt": "wide"})
    shrunk = pairs("d", shrink=64).picture(0)
    assert (shrunk.size, shrunk.pixels.shape) == ((256, 512), (64, 128, 3))
    with pytest.raises(BadArguments, match="shrink"):
        pairs("d", shrink=0)


def test_the_digest_says_names_and_captions_wherever_the_folder_lies(tmp_path):
    files = {"a.png": 1, "a.txt": "a cat", "b.png": 2, "b.txt": "a dog"}
    first = pairs(folder("one", files)).digest
    assert pairs(folder(tmp_path / "two/three", files)).digest == first
    assert pairs(folder("other picture", files | {"a.png": 3})).digest == first
    assert pairs(folder("other caption", files | {"a.txt": "a cow"})).digest != first
    assert pairs(folder("other name", files | {"c.png": 3, "c.txt": "a cat"})).digest != first


@given(
    count=st.integers(0, 60), more=st.integers(0, 60), share=st.floats(0, 1, exclude_max=True), seed=st.integers(0, 9)
)
def test_a_share_is_held_out_by_names_alone(count, more, share, seed):
    def held(total):
        return [{part.key(i) for i in range(len(part))} for part in split(Numbers(total), share, seed=seed)]

    training, out = held(count)
    assert training | out == {f"{index}.png" for index in range(count)}
    assert not training & out
    larger = held(count + more)
    assert training <= larger[0]
    assert out <= larger[1]


def test_a_share_is_about_that_share_and_a_number_is_exact():
    training, out = split(Numbers(5000), 0.1)
    assert 420 < len(out) < 580
    training, out = split(Numbers(5000), 37, seed=4)
    assert (len(training), len(out)) == (4963, 37)
    assert sorted([*training.indices, *out.indices]) == list(range(5000))
    assert list(out.indices) == sorted(out.indices)
    assert [len(part) for part in split(Numbers(0), 0)] == [0, 0]
    assert set(out.indices) != set(split(Numbers(5000), 37, seed=5)[1].indices)


@pytest.mark.parametrize("wrong", [1.0, -0.1, 6, -1])
def test_more_than_there_is_cannot_be_held_out(wrong):
    with pytest.raises(BadArguments, match="held_out is a share below 1 or a number up to 5"):
        split(Numbers(5), wrong)


def test_a_subset_is_the_pairs_it_names():
    some = Subset(Numbers(9), [7, 2])
    assert isinstance(some, Pairs)
    assert rows(some) == [("7.png", ("7 0",)), ("2.png", ("2 0",))]
    assert some.picture(1).name == "2.png"
    assert some.digest == Subset(Subset(Numbers(9), [2, 3, 7]), [2, 0]).digest != Subset(Numbers(9), [2, 7]).digest
