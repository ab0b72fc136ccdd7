"""Loads of whole batches, by grpc.aio: one bidirectional stream, or unary calls; a process given an Order.

For batches that is cheap enough: a message of 256 images costs far less than their classification.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np

from digitserve_bench.loops import Journal
from digitserve_bench.measurement import Load
from digitserve_bench.orders import Order, given, reply
from digitserve_bench.payloads import FRAME_BYTES, STREAM
from digitserve_bench.summary import OK, closed_load


class Record:
    """Collects when each call began and ended, and how."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.calls: list[tuple[float, float, int]] = []

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    def add(self, sent: float, status: int = OK) -> None:
        """A call has ended."""
        self.calls.append((sent, self.now(), status))

    def journal(self) -> Journal:
        """As the other generators keep it."""
        sent, ended, status = np.array(self.calls, float).reshape(-1, 3).T
        return Journal(sent, sent, ended, status.astype(int))


async def streamed(channel: grpc.aio.Channel, order: Order, message: bytes, record: Record) -> None:
    """One stream, with `in_flight` batches not yet answered at any time."""
    sent: deque[float] = deque()
    answered = asyncio.Semaphore(order.in_flight)

    async def requests() -> AsyncIterator[bytes]:
        while record.now() < order.seconds:
            await answered.acquire()
            sent.append(record.now())
            yield message

    method: Any = channel.stream_stream(order.path)
    try:
        async for _ in method(requests()):
            record.add(sent.popleft())
            answered.release()
    except grpc.aio.AioRpcError as error:
        record.add(sent.popleft() if sent else record.now(), error.code().value[0])


async def called(channel: grpc.aio.Channel, order: Order, message: bytes, record: Record) -> None:
    """Unary calls, `in_flight` at once."""
    method: Any = channel.unary_unary(order.path)

    async def caller() -> None:
        while (sent := record.now()) < order.seconds:
            try:
                await method(message)
            except grpc.aio.AioRpcError as error:
                record.add(sent, error.code().value[0])
            else:
                record.add(sent)

    await asyncio.gather(*(caller() for _ in range(order.in_flight)))


async def load(order: Order, message: bytes) -> Load:
    """Carries out an order."""
    send = streamed if order.path == STREAM else called
    async with grpc.aio.insecure_channel(f"127.0.0.1:{order.port}") as channel:
        await channel.channel_ready()
        record, started = Record(), time.process_time()
        await send(channel, order, message, record)
    return closed_load(record.journal(), record.now(), time.process_time() - started)


if __name__ == "__main__":
    told = given(Order)
    # grpc.aio adds gRPC's frame by itself.
    reply(asyncio.run(load(told, Path(told.message).read_bytes()[FRAME_BYTES:])))
