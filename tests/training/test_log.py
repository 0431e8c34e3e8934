"""The log has whole lines alone, and none from a future that was lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import OutputError
from lexel.training.log import Log


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "run" / "log.jsonl")
    for step in range(5):
        log.add(step, loss=step / 2)
    return log


def test_lines_come_back_as_they_were_said(log):
    assert list(log) == [{"step": step, "loss": step / 2} for step in range(5)]
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == list(log)


def test_a_line_that_was_cut_is_passed_over_and_taken_back(log):
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"step": 5, "lo')
    assert len(list(log)) == 5
    log.cut(9)
    assert log.path.read_bytes() == whole


@given(st.integers(-1, 6))
def test_what_came_after_a_step_is_taken_back(tmp_path_factory, step):
    log = Log(tmp_path_factory.mktemp("log") / "log.jsonl")
    for at in (0, 1, 1, 3, 4):
        log.add(at, measures={"ü": 0.5})
    log.cut(step)
    assert [entry["step"] for entry in log] == [at for at in (0, 1, 1, 3, 4) if at <= step]


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    log.cut(0)
    assert list(log) == []
    assert not log.path.exists()


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"log.jsonl"):
        Log(tmp_path / "file" / "log.jsonl").add(1, loss=2.0)
