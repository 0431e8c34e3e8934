"""Jobs: the same bytes whatever happened on the way, and no input lost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lexel
from lexel.disk import lock
from lexel.errors import BadArguments, Corrupt, OutputError
from lexel.pictures.picture import Source
from lexel.runs.account import Account, Line
from lexel.runs.manifest import Job, beside, tokenize
from lexel.runs.run import run
from lexel.runs.vectors import one_each
from lexel.tokens.meaning import Space
from lexel.tokens.stream import read_shards
from lexel.tokens.value import Tokens

JOB = Job("patch(4)", "0", "", "ff")
PATCH = lexel.pipeline("patch(4)")
MEAN = one_each(
    lambda pictures: np.array([picture.pixels.mean((0, 1)) for picture in pictures], np.float32).reshape(-1, 3),
    Space("vectors", 3),
)


def sources(good):
    """Pictures of rising size, with bytes that are none where `good` says False."""
    pixels = [np.full((4, 4 * (1 + b % 3), 3), b, np.uint8) for b in range(len(good))]
    return [Source(f"{b}.png", x if ok else b"no picture") for b, (x, ok) in enumerate(zip(pixels, good, strict=True))]


def read(good):
    return lexel.read(sources(good), on_error="skip")


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def job(out, good, *, work=PATCH, **settings):
    return tokenize(read(good), work, out, JOB, shard_pictures=2, **settings)


@given(st.lists(st.booleans(), max_size=9))
def test_every_input_has_one_line_in_order(tmp_path_factory, good):
    out = tmp_path_factory.mktemp("job") / "out"
    account = job(out, good)
    assert [(line.input, line.status) for line in account.lines] == [
        (f"{b}.png", "done" if ok else "failed") for b, ok in enumerate(good)
    ]
    tokens = list(read_shards(out))
    assert [name for shard in tokens for name in shard.pictures.names] == [
        f"{b}.png" for b, ok in enumerate(good) if ok
    ]
    assert sum(shard.total for shard in tokens) == sum(line.tokens or 0 for line in account.lines)


@given(st.lists(st.booleans(), max_size=9), st.data())
def test_a_job_that_died_and_went_on_wrote_the_same_bytes(tmp_path_factory, good, data):
    folder = tmp_path_factory.mktemp("job")
    job(folder / "whole" / "out", good)

    class Died(BaseException):
        pass

    left = [data.draw(st.integers(0, 5), label="pictures until death") for _ in range(3)]

    def dying(pictures):
        if pictures and left:
            left[0] -= len(pictures)
            if left[0] < 0:
                left.pop(0)
                raise Died
        return PATCH(pictures)

    for _ in range(4):
        try:
            tokenize(read(good), dying, folder / "died" / "out", JOB, shard_pictures=2)
            break
        except Died:
            continue
    assert everything(folder / "died") == everything(folder / "whole")


def test_batches_do_not_matter():
    good = [True, False, True, True, False, True]
    lines = {batch: [line for b in run(read(good), PATCH, batch=batch) for line in b.lines] for batch in (1, 2, 99)}
    assert lines[1] == lines[2] == lines[99]
    tokens = [Tokens.concat([b.tokens for b in run(read(good), PATCH, batch=batch)]) for batch in (1, 99)]
    assert tokens[0].equals(tokens[1])


def test_one_file_holds_the_same_tokens(tmp_path):
    job(tmp_path / "out", [True] * 5)
    job(tmp_path / "one.safetensors", [True] * 5)
    assert Tokens.load(tmp_path / "one.safetensors").equals(Tokens.concat(list(read_shards(tmp_path / "out"))))
    assert everything(tmp_path)["one.safetensors.inputs.jsonl"] == everything(tmp_path)["out.inputs.jsonl"]


def test_a_finished_job_has_nothing_to_do(tmp_path):
    first = job(tmp_path / "out", [True, False])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    def work(pictures):
        raise AssertionError("worked again")

    assert job(tmp_path / "out", [True, False], work=work) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}.items() <= before.items()


def test_another_job_is_refused_with_the_difference_and_replaced_when_told(tmp_path):
    job(tmp_path / "out", [True] * 5)
    other = replace(JOB, pipeline="patch(2)")
    with pytest.raises(BadArguments, match=r"patch\(4\) there, patch\(2\) now"):
        tokenize(read([True]), lexel.pipeline("patch(2)"), tmp_path / "out", other)
    tokenize(read([True]), lexel.pipeline("patch(2)"), tmp_path / "out", other, overwrite=True)
    assert [shard.total for shard in read_shards(tmp_path / "out")] == [4]


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.txt").write_text("mine")
    with pytest.raises(BadArguments, match="not from such a job"):
        job(tmp_path / "out", [True])
    job(tmp_path / "out", [True], overwrite=True)
    assert (tmp_path / "out" / "holiday.txt").read_text() == "mine"


def test_two_jobs_do_not_write_to_one_place(tmp_path):
    with lock(beside(tmp_path / "out", "lock")), pytest.raises(OutputError, match="another lexel"):
        job(tmp_path / "out", [True])


def test_a_lock_whose_owner_is_gone_is_taken_over(tmp_path):
    beside(tmp_path / "out", "lock").write_text("999999999 1")
    assert job(tmp_path / "out", [True]).exit == 0


def test_a_picture_that_the_method_refuses_is_one_failed_line(tmp_path):
    def work(pictures):
        for picture in pictures:
            if picture.name == "1.png":
                raise Corrupt("not for me", subject=picture.name)
        return PATCH(pictures)

    account = job(tmp_path / "out", [True] * 3, work=work)
    assert [line.status for line in account.lines] == ["done", "failed", "done"]
    assert account.lines[1].error == "Corrupt"


def test_an_error_of_the_pipeline_ends_the_run(tmp_path):
    with pytest.raises(BadArguments):
        job(tmp_path / "out", [True, True], work=lexel.pipeline("patch(4) | random_drop(1) | pool(2)"))


def test_lines_are_json_without_what_is_not_said():
    assert json.loads(Line("a", "done", tokens=3).text()) == {"input": "a", "status": "done", "tokens": 3}
    assert Line("a\n", "skipped", error="NotAFile", reason="a link").text().count("\n") == 1


def test_accounts_say_the_exit():
    done, failed = Line("a", "done", tokens=1), Line("b", "failed", error="Corrupt", reason="r")
    skipped = Line("c", "skipped", error="NotAFile", reason="r")
    assert [Account(lines).exit for lines in ((), (done,), (skipped,), (done, failed))] == [1, 0, 0, 3]
    assert str(Account((done, failed, skipped))) == "1 done, 1 failed, 1 skipped"


def test_a_full_disk_is_an_output_error_and_keeps_what_was_committed(tmp_path, monkeypatch):
    saves = []

    def save(self, path):
        saves.append(path)
        if len(saves) == 2:
            raise OutputError("No space left on device", subject=str(path))
        original(self, path)

    original = Tokens.save
    monkeypatch.setattr(Tokens, "save", save)
    with pytest.raises(OutputError):
        job(tmp_path / "out", [True] * 5)
    assert [path.name for path in Path(tmp_path / "out").glob("*.safetensors")] == ["shard-00000.safetensors"]
    assert len(job(tmp_path / "out", [True] * 5).lines) == 5
