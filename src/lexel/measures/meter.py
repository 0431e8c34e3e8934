"""Time and peak memory of a call, in a process of its own.

    with Child() as child:                        a fresh Python that has loaded lexel and nothing else
        child.call(function, argument)    ───►    function(argument) runs there; so does `metered` inside it
                                          ◄───    its result, or `Failed`: a crash is an answer too

The child is started by its command and reads from a pipe: nothing of the caller's program runs twice, as it does when
`multiprocessing` spawns.
"""

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import BinaryIO, TypeVar

from lexel.errors import LexelError

T = TypeVar("T")

COMMAND = "from lexel.measures.meter import serve; serve()"
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Failed:
    """A call that gave no result: the class of its error, or "Crashed", and a sentence."""

    error: str
    reason: str


@dataclass(frozen=True)
class Cost:
    """What a call cost.

    ms     median of its repeats
    peak   bytes of memory, the most that the whole process held during it, Python and NumPy included (about 50 MB);
           None on systems that do not say. Where the mark cannot be set back (elsewhere than on Linux), the most
           that the process has held so far
    """

    ms: float
    peak: int | None


class Child:
    """A process for calls, one after the other. It starts with the first call, and again after one that crashed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def call(self, function: Callable[..., T], *args: object) -> T | Failed:
        """`function(*args)` in the child. Function, arguments and result travel by pickle; the function by its name."""
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  # this Python, and a command that stands above
                [sys.executable, "-c", COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((function, args), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer: T | Failed = pickle.load(process.stdout)  # noqa: S301  # from the process started above
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            code = process.wait()
            self._end()
            return Failed("Crashed", f"its process was ended by {_ending(code)}")
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def metered(call: Callable[[], T], *, repeats: int) -> tuple[T, Cost]:
    """The result of `call`, which runs once for its memory, then `repeats` times for its time."""
    _forget_peak()
    result = call()
    peak, seconds = _peak(), []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return result, Cost(median(seconds) * 1e3, peak)


def serve() -> None:
    """What the child does: answer calls until its input ends. What they print goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while (call := _read(calls)) is not None:
        function, args = call
        try:
            answer: object = function(*args)
        except LexelError as error:
            answer = Failed(type(error).__name__, error.reason)
        except MemoryError:
            answer = Failed("MemoryError", "there is not enough memory")
        except Exception as error:  # whatever a method does: the other methods go on
            answer = Failed(type(error).__name__, str(error))
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _read(calls: BinaryIO) -> tuple[Callable[..., object], tuple[object, ...]] | None:
    try:
        call: tuple[Callable[..., object], tuple[object, ...]] = pickle.load(calls)  # noqa: S301  # from the parent
    except EOFError:
        return None
    return call


def _forget_peak() -> None:
    """Set the mark of the most memory back to what is held now."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def _peak() -> int | None:
    try:
        held = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
