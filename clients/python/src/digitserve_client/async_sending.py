"""How the asyncio client sends a call: `sending` once more, with tasks in place of threads."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine
from typing import Any

import grpc

from digitserve_client.calls import Answer, Call, Methods
from digitserve_client.errors import Unavailable


async def send(call: Call[Answer], methods: Methods) -> Answer:
    """Sends a call and waits for its answer; raises CallError when that fails for good."""
    retries = call.retries()
    while True:
        try:
            attempt = methods(call)(call.request, timeout=retries.remaining_s(), metadata=call.metadata)
            return call.decode(await attempt)
        except grpc.RpcError as failure:
            try:
                delay_s = retries.delay_after_s(call.error_from(failure))
            except Unavailable as last:
                raise await asyncio.to_thread(call.explained, last) from failure
        await asyncio.sleep(delay_s)


async def fail(error: Exception) -> Any:
    """Stands in the queue where the caller's iterator failed: the answers to what came before go first."""
    raise error


async def in_order(
    calls: AsyncIterable[Coroutine[Any, Any, Answer]], in_flight: int
) -> AsyncGenerator[Answer]:
    """Runs calls as tasks, at most `in_flight` at once; gives their answers in the order of the calls.

    Reads `calls` only as answers are taken. When it is closed or fails, it cancels what is under way.
    """
    under_way: deque[asyncio.Task[Answer]] = deque()

    async def first() -> Answer:
        answer = await under_way[0]
        under_way.popleft()
        return answer

    try:
        async for call in calls:
            under_way.append(asyncio.create_task(call))
            while under_way and (len(under_way) == in_flight or under_way[0].done()):
                yield await first()
        while under_way:
            yield await first()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
