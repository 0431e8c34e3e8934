"""A table of paths and captions is a data set: a line is used or refused by its number."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training.sets import folder, refusals, rows

from lexel.errors import DataError
from lexel.training.data import pairs, pictures_only

PICTURES = {"d/p/a.png": 1, "d/p/b.png": 2, "d/c.png": 3}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, PICTURES)


def table(text, name="d/t.csv"):
    folder(".", {name: text})
    return pairs(name)


@pytest.mark.parametrize(
    "head", ["path,caption", "filepath,title", "caption,text,image", "\ufeff file_name , captions"]
)
def test_columns_go_by_their_names(head):
    names = [name.strip("\ufeff ") for name in head.split(",")]
    line = ",".join("p/a.png" if name in ("path", "filepath", "image", "file_name") else "said" for name in names)
    data = table(f"{head}\n{line}\n")
    assert rows(data) == [("p/a.png", ("said",))]
    assert data.picture(0).name == "d/p/a.png"


def test_lines_of_one_picture_are_one_pair_in_the_order_of_the_table():
    data = table('path,caption\nc.png,"one, two"\np/a.png,x\n./c.png,three\nc.png,three\n\np/../c.png,"fo\nur"\n')
    assert rows(data) == [("c.png", ("one, two", "three", "fo\nur")), ("p/a.png", ("x",))]
    assert refusals(data) == [("d/t.csv:5", "Duplicate")]


@pytest.mark.parametrize("name", ["d/t.csv", "d/t.tsv"])
def test_tabs_separate_where_the_head_has_one(name):
    assert rows(table("filepath\ttitle\nc.png\tred, green\n", name)) == [("c.png", ("red, green",))]


def test_a_line_that_cannot_be_used_is_refused_by_its_number():
    text = "path,caption\nc.png,good\nnone.png,x\n,x\np/a.png, \np/b.png\np/b.png,x,y\nnone.png,again\nd,folder\n"
    data = table(text)
    assert len(data) == 1
    assert refusals(data) == [
        ("d/t.csv:3", "NoPicture"),
        ("d/t.csv:4", "NoPicture"),
        ("d/t.csv:5", "NoCaption"),
        ("d/t.csv:6", "DataError"),
        ("d/t.csv:7", "DataError"),
        ("d/t.csv:8", "NoPicture"),
        ("d/t.csv:9", "NoPicture"),
    ]
    assert {one.name: one.reason for one in data.refused}["d/t.csv:6"] == "1 fields; the head has 2"


@settings(max_examples=40)
@given(lines=st.lists(st.tuples(st.sampled_from(["c.png", "p/a.png", "x.png", ""]), st.sampled_from(["a", "b", ""]))))
def test_every_line_is_a_caption_or_refused(lines):
    data = table("path,caption\nc.png,first\n" + "".join(f"{path},{caption}\n" for path, caption in lines))
    said = sum(len(data.captions(index)) for index in range(len(data)))
    assert said + len(data.refused) == 1 + len(lines)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'path,caption\nc.png,"open\np/a.png,x\n',
            "line 3: broken: unexpected end of data\na quote that is not closed?",
        ),
        ('path,caption\nc.png,"a"b\n', "line 2: broken: ',' expected after '\"'"),
        (f"path,caption\nc.png,{'x' * 200_000}\n", "line 2: broken: field larger than field limit"),
        (b"path,caption\nc.png,caf\xe9\n", "a table is UTF-8, this is not"),
        ("url,caption\nx,y\n", "no column of pictures (path, filepath, image, file_name): it has url, caption"),
        ("path,label\nx,y\n", "no column of captions (caption, captions, text, title): it has path, label"),
        ("", "no column of pictures (path, filepath, image, file_name): it is empty"),
        ("path,caption\n", "there is nothing in it"),
    ],
)
def test_a_broken_table_is_refused_by_name(text, reason):
    with pytest.raises(DataError) as refused:
        table(text)
    assert str(refused.value).startswith(f"d/t.csv: {reason}")


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"^d/none.csv: cannot be read: No such file"):
        pairs("d/none.csv")
    with pytest.raises(DataError, match=r"^d/none.parquet: not a whole parquet file \(FileNotFoundError\)"):
        pairs("d/none.parquet")


def test_a_parquet_table_is_read_as_one_of_text():
    columns = {"image": ["c.png", None, "p/a.png", "p/b.png"], "text": [["one", "two"], ["x"], ["three"], []]}
    pyarrow.parquet.write_table(pyarrow.table(columns), "d/t.parquet")
    data = pairs("d/t.parquet")
    assert rows(data) == [("c.png", ("one", "two")), ("p/a.png", ("three",))]
    assert refusals(data) == [("d/t.parquet:2", "NoPicture"), ("d/t.parquet:4", "NoCaption")]
    assert rows(pictures_only("d/t.parquet")) == [("c.png", ()), ("p/a.png", ()), ("p/b.png", ())]


def test_a_parquet_table_that_is_cut_or_holds_pictures_is_refused():
    pyarrow.parquet.write_table(pyarrow.table({"image": [b"\x89PNG"], "text": ["a"]}), "d/t.parquet")
    with pytest.raises(DataError, match=r"^d/t.parquet: the column image holds binary and no paths\n.*hf:FOLDER"):
        pairs("d/t.parquet")
    folder(".", {"d/cut.parquet": Path("d/t.parquet").read_bytes()[:-9]})
    with pytest.raises(DataError, match=r"^d/cut.parquet: not a whole parquet file"):
        pairs("d/cut.parquet")


def test_pictures_alone_need_no_column_of_captions():
    folder(".", {"d/t.csv": "path\nc.png\nc.png\nnone.png\n"})
    data = pictures_only("d/t.csv")
    assert rows(data) == [("c.png", ())]
    assert refusals(data) == [("d/t.csv:3", "Duplicate"), ("d/t.csv:4", "NoPicture")]
