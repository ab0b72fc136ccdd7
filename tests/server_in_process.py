"""The real server inside a test's own event loop, where its model can be held at a gate."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import grpc.aio
from administration import shows
from digitserve_serving.server import serve
from digitserve_serving.settings import Settings
from grpc_health.v1 import health_pb2, health_pb2_grpc

# One thread, so that a test can tell what is computed together; patient, as the test's own client runs
# in the same process and slows it down.
DEFAULTS = {"port": 0, "shutdown_delay_s": 0.0, "intra_op_threads": 1, "max_queue_wait_ms": 60e3}

Serving = Callable[..., AbstractAsyncContextManager[grpc.aio.Channel]]


@asynccontextmanager
async def serving_in_process(
    *, until: str = "SERVING", stop: asyncio.Queue[None] | None = None, token: str = "", **settings: Any
) -> AsyncIterator[grpc.aio.Channel]:
    """A server with these settings on a free port, and a channel to it; stopped and drained at the end.

    Entering waits until health says `until`. What is put into `stop` stops the server earlier. The channel
    shows the token, if there is one.
    """
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = stop or asyncio.Queue()
    chosen = Settings(**(DEFAULTS | settings))
    life = asyncio.create_task(serve(chosen, port.set_result, stop))
    try:
        interceptors = shows(token) if token else None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{await port}", interceptors=interceptors) as channel:
            await health_says(channel, until)
            yield channel
    finally:
        for _ in range(2):  # the second cuts the draining short
            stop.put_nowait(None)
        await life


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def health_says(channel: grpc.aio.Channel, status: str) -> None:
    """Waits until grpc.health.v1 says `status` of the whole server."""
    wanted = health_pb2.HealthCheckResponse.ServingStatus.Value(status)
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
    async for response in watch:
        if response.status == wanted:
            watch.cancel()
            return
