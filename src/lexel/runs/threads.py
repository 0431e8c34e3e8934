"""Who computes: threads that decode and prepare, and the thread that uses what they made.

    items ─► ahead(work) on threads ─► in order ─► the caller, whose own work goes on meanwhile

Pillow lets go of the interpreter while it decodes and resizes, so two threads give nearly twice the pictures of one,
and no processes are needed. Nothing else in lexel sets numbers of threads.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from lexel.pictures.picture import Picture, Pictures, Refusal, Source

T = TypeVar("T")
U = TypeVar("U")


def decode_threads() -> int:
    """One a core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ahead(work: Callable[[T], U], items: Iterable[T], *, depth: int = 0, threads: int = 0) -> Iterator[U]:
    """`work` of every item, in their order, computed before it is asked for.

    depth     results that wait at most: enough that no thread idles, few enough to stay small in memory; 0: two a
              thread
    threads   0: one a core
    """
    threads = threads or decode_threads()
    depth = depth or 2 * threads
    waiting: deque[Future[U]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def decoded(pictures: Pictures, *, skip: int = 0, threads: int = 0) -> Iterator[Picture | Refusal]:
    """One outcome for every input, in input order, decoded ahead.

    skip   so many inputs from the start are passed over without decoding
    """

    def outcome(source: Source | Refusal) -> Picture | Refusal:
        return source if isinstance(source, Refusal) else pictures.outcome(source)

    yield from ahead(outcome, islice(pictures.sources(), skip, None), threads=threads)


def each(pictures: Iterable[Picture], work: Callable[[Picture], U], *, depth: int = 0) -> Iterator[U]:
    """`work` of every picture, in their order, ahead; those that `lexel.read` gave are decoded by the same threads.

    Raises what iterating over `pictures` raises: the error of the first input that failed, unless it skips them.
    """
    if not isinstance(pictures, Pictures):
        yield from ahead(work, pictures, depth=depth)
        return

    def outcome(source: Source | Refusal) -> U | Refusal:
        found = source if isinstance(source, Refusal) else pictures.outcome(source)
        return found if isinstance(found, Refusal) else work(found)

    for result in ahead(outcome, pictures.sources(), depth=depth):
        if not isinstance(result, Refusal):
            yield result
        elif result.status == "failed" and pictures.on_error == "raise":
            raise result.exception()
