"""Work on all cores, in order and in bounded memory."""

import gc
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2

from digitserve_client.cpus import usable_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")

PART_S, PART_BYTES = 0.25, 1_000_000  # of work in a part, about
PILE = 300  # pictures from which on processes are worth their start


@contextmanager
def workers(pictures: int) -> Iterator[Executor]:
    """As many as there are cores: processes for a pile of pictures, threads for a few.

    It must be entered before gRPC opens a channel, whose threads a forked process would miss.
    """
    pool: Executor = _processes() if pictures >= PILE else ThreadPoolExecutor(usable_cpus())
    try:
        pool.submit(int).result()  # now they have all been started
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(
    run: Callable[[Item], "Future[Result]"], items: Iterable[Item], at_once: int
) -> Generator[Result]:
    """The results of `run`, which starts a job, in the order of the items; `at_once` at most at a time."""
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(run(item))
            while under_way and (len(under_way) >= at_once or under_way[0].done()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for job in under_way:
            job.cancel()


def parts_of(items: Iterable[Item], length: Callable[[], int]) -> Iterator[list[Item]]:
    """The items in lists as long as is said each time, the last one shorter."""
    rest = iter(items)
    while part := list(itertools.islice(rest, length())):
        yield part


class Pace:
    """How many items a worker gets at once: as many as are done in about `PART_S`, and `most` at most.

    So results come soon, be the items large or small, and little is lost when all ends at once. The first
    parts, which nothing is known of, have `PART_BYTES`, if all items are as large as the first one.
    """

    def __init__(self, most: int, first_bytes: int) -> None:
        self._most = most
        self._length = max(1, min(PART_BYTES // max(1, first_bytes), most))

    def length(self) -> int:
        """Of the next part."""
        return self._length

    def heard(self, items: int, took_s: float) -> None:
        """A part was done."""
        in_time = round(items * PART_S / max(took_s, 1e-6))
        self._length = max(1, min(in_time, self._most))


def _processes() -> ProcessPoolExecutor:
    start = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(start)
    gc.freeze()  # or its first round in each worker would copy all that is shared with it
    return ProcessPoolExecutor(usable_cpus(), context, initializer=_begin_worker)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is told, and ends its workers
    cv2.setNumThreads(1)  # a process for each core is enough
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Of a command that was killed no worker remains."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
