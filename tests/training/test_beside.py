"""Tars of WebDataset, one or many: members are read in any order, and a tar that is cut says so."""

import gzip
import tarfile

import numpy as np
import pytest
from pictures.samples import tar
from training.sets import folder, png, refusals, rows

from lexel.errors import DataError, PictureError
from lexel.pictures.read import read
from lexel.training.data import pairs, pictures_only


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def shard(*numbers):
    members = [(f"{n}.{end}", data) for n in numbers for end, data in (("png", png(n)), ("txt", b"number %d" % n))]
    return tar(members)


def test_a_tar_of_pictures_and_texts_is_a_data_set():
    data = tar([("b/1.png", png(1)), ("b/1.json", b'{"caption": "one"}'), ("2.txt", b"two\nzwei"), ("2.png", png(2))])
    folder("s", {"x.tar": data})
    opened = pairs("s/x.tar")
    assert rows(opened) == [("x.tar!b/1.png", ("one",)), ("x.tar!2.png", ("two", "zwei"))]
    assert opened.refused == ()
    expected = list(read("s/x.tar"))
    for index in (1, 0):
        assert opened.picture(index).name == expected[index].name
        assert np.array_equal(opened.picture(index).pixels, expected[index].pixels)


@pytest.mark.parametrize("where", ["s/0-{08..10}.tar", "s/*.tar", "s", "./s/"])
def test_many_tars_are_one_data_set_in_the_order_of_their_names(where):
    folder("s", {f"0-{n:02d}.tar": shard(n, n + 10) for n in (8, 9, 10)})
    assert [key for key, _ in rows(pairs(where))] == [
        f"0-{n:02d}.tar!{name}.png" for n in (8, 9, 10) for name in (n, n + 10)
    ]


def test_a_range_needs_each_of_its_tars_and_goes_before_no_file_of_its_name():
    folder("s", {"1.tar": shard(1), "3.tar": shard(3), "{1..2}.tar": shard(5)})
    assert refusals(pairs("s/{1..3}.tar")) == [("s/2.tar", "PictureError")]
    assert [key for key, _ in rows(pairs("s/{1..2}.tar"))] == ["{1..2}.tar!5.png"]


def test_what_is_no_pair_in_a_tar_is_refused_by_name():
    members = [
        ("1.cls", b"3"),
        ("alone.png", png(4)),
        ("1.png", png(5)),
        ("1.txt", b"again"),
        ("text.txt", b"alone"),
        ("no.txt", b""),
        ("no.txt", b""),
    ]
    folder("s", {"y.tar": tar([("1.png", png(1)), ("1.txt", b"one"), *members])})
    assert refusals(pairs("s/y.tar")) == [
        ("s/y.tar!1.cls", "NotAPicture"),
        ("s/y.tar!1.png", "Duplicate"),
        ("s/y.tar!1.txt", "Duplicate"),
        ("s/y.tar!alone.png", "NoCaption"),
        ("s/y.tar!no.txt", "Duplicate"),
        ("s/y.tar!no.txt", "NoPicture"),
        ("s/y.tar!text.txt", "NoPicture"),
    ]
    folder("s", {"link.tar": tar([("1.png", b"")], type=tarfile.SYMTYPE)})
    assert ("s/link.tar!1.png", "NotAFile") in refusals(pairs("s"))


def test_a_tar_that_is_cut_keeps_what_came_before_and_is_refused_by_name():
    whole = shard(*range(6))
    folder("s", {"cut.tar": whole[: 6 * 1024 + 3 * 1024], "broken.tar": b"no tar", "packed.tar": gzip.compress(whole)})
    data = pairs("s")
    kept = len(data)
    assert 0 < kept < 6
    assert [key for key, _ in rows(data)] == [f"cut.tar!{n}.png" for n in range(kept)]
    said = {one.name: (one.status, one.error) for one in data.refused}
    assert said["s/cut.tar"] == said["s/broken.tar"] == said["s/packed.tar"] == ("failed", "BadArchive")
    with pytest.raises(DataError, match=r"^s/packed.tar: no pair in it \(s/packed.tar: compressed"):
        pairs("s/packed.tar")


def test_a_tar_that_becomes_shorter_is_known_when_a_picture_is_asked_for(tmp_path):
    data = pairs(folder("s", {"x.tar": shard(1, 2)}) / "x.tar")
    (tmp_path / "s" / "x.tar").write_bytes(b"")
    with pytest.raises(PictureError, match=r"^s/x.tar!2.png: the archive has become shorter"):
        data.picture(1)
    (tmp_path / "s" / "x.tar").unlink()
    with pytest.raises(PictureError, match=r"^s/x.tar!2.png: cannot be read: No such file"):
        data.picture(1)


def test_pictures_alone_need_no_texts_in_a_tar():
    folder("s", {"x.tar": tar([("1.png", png(1)), ("1.txt", b"one"), ("2.png", png(2))])})
    assert rows(pictures_only("s/x.tar")) == [("x.tar!1.png", ()), ("x.tar!2.png", ())]
