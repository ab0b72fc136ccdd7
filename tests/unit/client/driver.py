"""Drives the sync and the asyncio client in one way, so that one test holds for both."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from digitserve_client import AsyncDigitClient, DigitClient

END = object()


class Driver:
    """A client of either kind; calls of the sync one run in a thread, as the server is in this process."""

    def __init__(self, client: DigitClient | AsyncDigitClient) -> None:
        self.client = client

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        if isinstance(self.client, AsyncDigitClient):
            return await getattr(self.client, method)(*args, **options)
        return await asyncio.to_thread(getattr(self.client, method), *args, **options)

    def stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any]:
        if isinstance(self.client, AsyncDigitClient):
            return self.client.classify_stream(*args, **options)
        return _threaded(self.client.classify_stream(*args, **options))

    async def close(self) -> None:
        await self.call("close")


async def _threaded(answers: Iterator[Any]) -> AsyncGenerator[Any]:
    try:
        while (answer := await asyncio.to_thread(next, answers, END)) is not END:
            yield answer
    finally:
        await asyncio.to_thread(answers.close)  # type: ignore[attr-defined]  # it is a generator
