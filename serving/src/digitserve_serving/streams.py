"""Answers a stream of requests in order, reading ahead only a little."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from digitserve_serving.errors import Draining

Request = TypeVar("Request")
Answer = TypeVar("Answer")

READ_AHEAD = 2  # requests of one stream under way at a time: one computes while the other waits


async def answers_in_order(
    requests: AsyncIterable[Request],
    answer: Callable[[Request], Coroutine[Any, Any, Answer]],
    draining: asyncio.Event,
) -> AsyncIterator[Answer]:
    """Yields `answer(request)` for each request, in their order, with READ_AHEAD of them under way.

    Each answer goes out as soon as it is there, whether or not the next request has come. Raises what
    an answer raises, after the answers before it; raises Draining, after the answers to all that has
    been read, once `draining` is set.
    """
    slots = asyncio.Semaphore(READ_AHEAD)
    under_way: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()

    async def read() -> None:
        async for request in requests:
            await slots.acquire()
            under_way.put_nowait(asyncio.create_task(answer(request)))

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
