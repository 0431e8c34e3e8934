"""Who computes: threads that decode, and the thread that uses what they decoded.

Pillow lets go of the interpreter while it decodes, so two threads give nearly twice the pictures of one, and no
processes are needed. Nothing else in lexel sets numbers of threads.
"""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from lexel.pictures.picture import Picture, Pictures, Refusal


def decode_threads() -> int:
    """One a core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decoded(pictures: Pictures, *, skip: int = 0, threads: int | None = None) -> Iterator[Picture | Refusal]:
    """One outcome for every input, in input order, decoded ahead on `threads` threads.

    skip   so many inputs from the start are passed over without decoding
    """
    threads = threads or decode_threads()
    ahead: deque[Refusal | Future[Picture | Refusal]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for number, source in enumerate(pictures.sources()):
            if number < skip:
                continue
            ahead.append(source if isinstance(source, Refusal) else pool.submit(pictures.outcome, source))
            if len(ahead) > 2 * threads:  # enough that no thread waits, few enough to stay small in memory
                yield _ready(ahead.popleft())
        while ahead:
            yield _ready(ahead.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ready(outcome: Refusal | Future[Picture | Refusal]) -> Picture | Refusal:
    return outcome if isinstance(outcome, Refusal) else outcome.result()
