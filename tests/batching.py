"""Batchers for tests, and what is put into them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.batcher import Batcher
from gate import Gate
from tiny_model import image_of

Images = npt.NDArray[np.uint8]

NEVER_S = 3600.0


class Model(Protocol):
    """What batches are run by."""

    def run(self, images: Images) -> npt.NDArray[np.float32]: ...


def images_of(*digits: int) -> Images:
    return np.stack([image_of(digit) for digit in digits])


def digits_of(answer: Any) -> list[int]:
    return [int(digit) for digit in np.argmax(answer, axis=1)]


def made(
    model: Model,
    *,
    lanes: int = 1,
    rows: int = 8,
    queue: int = 16,
    delay_s: float = 0.0,
    wait_s: float = NEVER_S,
) -> Batcher:
    return Batcher(
        model.run,
        lanes=lanes,
        max_batch_rows=rows,
        max_queue_rows=queue,
        max_queue_wait_s=wait_s,
        max_queue_delay_s=delay_s,
    )


@asynccontextmanager
async def batching(gate: Gate, **options: Any) -> AsyncIterator[AsyncBatcher]:
    batcher = made(gate, **options)
    try:
        yield AsyncBatcher(batcher)
    finally:
        gate.open()
        await asyncio.to_thread(batcher.close)


async def submit_all(batcher: AsyncBatcher, *batches: Images, **options: Any) -> list[asyncio.Task[Any]]:
    """Submits all, and returns once each stands in the queue."""
    tasks = [asyncio.create_task(batcher.classify(images, **options)) for images in batches]
    await asyncio.sleep(0)
    return tasks
