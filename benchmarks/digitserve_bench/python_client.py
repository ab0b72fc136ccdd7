"""The Python client with many images at once, as its users call it; a process given a ClientOrder."""

import os
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
from digitserve_client import Classification, DigitClient

from digitserve_bench.orders import given, reply
from digitserve_bench.payloads import Images, digits, endless
from digitserve_bench.processes import largest_rss_mb

WARM_UP = 2_000  # images
LOOKS = 20  # at the memory, while the stream runs
TIMEOUT_S = 30.0


class ClientOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, and how many images to classify."""

    address: str
    models: str
    images: int


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to classify many images. client_cpu_s: CPU time of the client's process."""

    images_per_s: float
    client_cpu_s: float


class ClientRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the client did. growth_mb: its memory over the last three quarters of an endless iterator."""

    batch: Way
    stream: Way
    growth_mb: float


def run(order: ClientOrder) -> ClientRun:
    """Classifies the images as one array, and as the beginning of an endless iterator."""
    images = digits(Path(order.models), order.images)
    with DigitClient(order.address, timeout_s=TIMEOUT_S) as client:
        client.classify_batch(images[:WARM_UP])
        batch = _timed(lambda: client.classify_batch(images), len(images))
        memory: list[float] = []
        stream = _timed(lambda: _consume(client, images, memory), len(images))
    settled = memory[len(memory) // 4 :]
    return ClientRun(batch=batch, stream=stream, growth_mb=max(settled) - settled[0])


def _consume(client: DigitClient, images: Images, memory: list[float]) -> None:
    own = client.classify_stream(endless(images))
    for _ in range(LOOKS):
        _exhaust(islice(own, len(images) // LOOKS))
        memory.append(largest_rss_mb(os.getpid()))
    own.close()  # type: ignore[attr-defined]  # a generator, though it promises only to be an iterator


def _exhaust(answers: "islice[Classification]") -> None:
    deque(answers, maxlen=0)


def _timed(work: Callable[[], object], images: int) -> Way:
    started, used_s = time.perf_counter(), time.process_time()
    work()
    seconds = time.perf_counter() - started
    return Way(images_per_s=images / seconds, client_cpu_s=time.process_time() - used_s)


if __name__ == "__main__":
    reply(run(given(ClientOrder)))
