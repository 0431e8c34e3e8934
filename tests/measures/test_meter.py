"""Calls in a process of their own: results, errors, crashes; memory that is theirs alone."""

import operator
import os
import sys

import pytest

from lexel.errors import BadArguments
from lexel.measures.meter import Child, Failed, metered
from lexel.partitions.patch import Patch


@pytest.fixture(scope="module")
def child():
    with Child() as child:
        yield child


def test_a_call_gives_its_result(child):
    assert child.call(operator.add, [1], [2]) == [1, 2]


def test_calls_share_one_process_that_is_not_ours(child):
    assert child.call(os.getpid) == child.call(os.getpid) != os.getpid()


def test_an_error_is_an_answer(child):
    assert child.call(operator.truediv, 1, 0) == Failed("ZeroDivisionError", "division by zero")


def test_an_error_of_lexel_keeps_its_sentence(child):
    with pytest.raises(BadArguments) as raised:
        Patch(0)
    assert child.call(Patch, 0) == Failed("BadArguments", raised.value.reason)


@pytest.mark.parametrize(("end", "said"), [((os._exit, 3), "exit 3"), ((os.kill, 0, 9), "signal 9")])
def test_a_crash_is_an_answer_and_the_next_call_goes_on(child, end, said):
    function, *args = end
    if function is os.kill:
        args[0] = child.call(os.getpid)
    assert child.call(function, *args) == Failed("Crashed", f"its process was ended by {said}")
    assert child.call(operator.add, 1, 2) == 3


def test_what_a_call_prints_does_not_disturb_the_answers(capfd):
    with Child() as child:
        assert child.call(print, "hello") is None
        assert child.call(operator.add, 1, 2) == 3
    assert capfd.readouterr() == ("", "hello\n")


def test_the_process_ends_with_the_block():
    with Child() as child:
        pid = child.call(os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_was_never_called_starts_nothing():
    with Child() as child:
        assert child._process is None


def test_metered_calls_once_and_then_as_often_as_asked():
    calls = []
    result, cost = metered(lambda: calls.append(0) or len(calls), repeats=4)
    assert (result, len(calls)) == (1, 5)
    assert cost.ms >= 0


def held(size):
    """What a call that holds `size` bytes costs; the byte in every page is written, so that it is really held."""
    return metered(lambda: bytearray(size).count(1), repeats=1)[1].peak


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the mark cannot be set back")
def test_the_peak_is_that_of_the_call_and_not_of_the_one_before():
    large, small = held(200 << 20), held(1 << 20)
    assert large > small + (150 << 20)
