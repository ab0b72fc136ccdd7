"""Answers a stream of requests in order, reading ahead only a little."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from digitserve_serving import memory
from digitserve_serving.errors import Draining, TooManyStreams

Answer = TypeVar("Answer")

READ_AHEAD = 2  # requests of one stream under way at a time: one computes while the other waits
STREAMS_THAT_READ_AHEAD = 8  # with more, others have something to compute; each request takes memory
TRIM_DELAY_S = 1.0  # after the last stream: what gRPC holds of it is free by then


class OpenStreams:
    """Counts the streams that are open, and gives their memory back when there are none."""

    def __init__(self, most: int, idle_s: float) -> None:
        """`idle_s`: seconds without a request after which one is ended: it keeps others out."""
        self.idle_s = idle_s
        self._most = most
        self._open = 0
        self._trim: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def one_more(self) -> Iterator[int]:
        """Counts a stream; yields how many requests it may have under way. Raises TooManyStreams."""
        if self._open == self._most:
            raise TooManyStreams(self._most)
        self._open += 1
        try:
            yield READ_AHEAD if self._open <= STREAMS_THAT_READ_AHEAD else 1
        finally:
            self._open -= 1
            if not self._open:
                self._trim_soon()

    def _trim_soon(self) -> None:
        if self._trim:
            self._trim.cancel()
        self._trim = asyncio.get_running_loop().call_later(TRIM_DELAY_S, memory.trim)


async def answers_in_order(
    next_request: Callable[[], Awaitable[Coroutine[Any, Any, Answer] | None]],
    draining: asyncio.Event,
    *,
    read_ahead: int,
) -> AsyncIterator[Answer]:
    """Yields the answers to a stream's requests, in their order, with `read_ahead` of them under way.

    `next_request` reads a request, and gives what answers it; None at the end. Each answer goes out as
    soon as it is there, whether or not the next request has come. Raises what reading or answering raises,
    after the answers before it; raises Draining, after the answers to all that has been read, once
    `draining` is set.
    """
    slots = asyncio.Semaphore(read_ahead)
    under_way: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()

    async def read() -> None:
        await slots.acquire()
        while (answer := await next_request()) is not None:
            under_way.put_nowait(asyncio.create_task(answer))
            await slots.acquire()

    reader = asyncio.create_task(read())
    reader.add_done_callback(lambda _: under_way.put_nowait(None))
    stopper = asyncio.create_task(draining.wait())
    stopper.add_done_callback(lambda _: reader.cancel())
    try:
        while (task := await under_way.get()) is not None:
            yield await task
            slots.release()
        if reader.cancelled():
            raise Draining
        reader.result()
    finally:
        stopper.cancel()
        while not under_way.empty():
            if task := under_way.get_nowait():
                task.cancel()
