"""Gathers the rows of concurrent requests into batches, and gives each request its own rows back.

While nothing runs, a request runs at once. While a batch runs, the next one gathers: the busier the
server, the larger its batches. Callers who were answered together tend to call again together: so the next
batch waits for as many requests as the last one held, though never longer than a set delay; who calls
alone after a crowd waits for it once. A row is an
image; everything but that is counted in rows.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from digitserve_serving.errors import DeadlineExpired, Draining, QueueFull
from digitserve_serving.runtime import Images, Probabilities

NOTHING: Images = np.empty((0, 0, 0), np.uint8)
RETRY_AFTER_S = (0.01, 1.0)  # bounds of what a refused caller is told


@dataclass(slots=True, eq=False)
class _Request:
    """A caller's images, and how far they have got."""

    images: Images
    deadline: float
    answer: asyncio.Future[Probabilities]
    taken: int = 0
    parts: list[Probabilities] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return len(self.images) - self.taken


class _Piece(NamedTuple):
    """Some consecutive rows of a request, in a batch."""

    request: _Request
    images: Images


class Batcher:
    """Runs what is submitted to it, in order of arrival, in batches of at most `max_batch_rows`.

    `run` takes images (N, height, width) and returns probabilities (N, classes). It is called in
    `executor`, one batch at a time. To be made and used inside one running event loop.
    """

    def __init__(
        self,
        run: Callable[[Images], Probabilities],
        executor: Executor,
        *,
        max_batch_rows: int,
        max_queue_rows: int,
        max_queue_delay_s: float = 0.0,
    ) -> None:
        self._run = run
        self._executor = executor
        self._max_batch_rows = max_batch_rows
        self._max_queue_rows = max_queue_rows
        self._max_queue_delay_s = max_queue_delay_s
        self._queue: deque[_Request] = deque()
        self._queued_rows = 0
        self._seconds_per_row = 0.0
        self._expected = 1  # requests in the last batch
        self._arrived = asyncio.Event()
        self._gathered = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._worker = asyncio.create_task(self._work(), name="batcher")

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._queued_rows

    async def submit(
        self, images: Images, *, deadline: float = math.inf, wait_for_room: bool = False
    ) -> Probabilities:
        """Classifies images (N, height, width), N at least 1; returns (N, classes), row for row.

        `deadline` is a time of `time.monotonic()`, after which the images are dropped unrun.
        When the queue is full, raises QueueFull, or with `wait_for_room` waits. Raises
        DeadlineExpired, Draining when the batcher is closed, and whatever `run` raises. Cancelling
        drops the rows that have not run yet, and disturbs no other request of the same batch.
        """
        await self._claim(len(images), wait_for_room)
        request = _Request(images, deadline, asyncio.get_running_loop().create_future())
        self._queue.append(request)
        self._arrived.set()
        if self._is_gathered():
            self._gathered.set()
        try:
            return await request.answer
        finally:
            self._release(request.waiting)  # none, unless it was cancelled or has failed
            request.images, request.taken = NOTHING, 0  # it may stand in the queue for a while yet

    async def close(self) -> None:
        """Stops the worker; what still waits fails with Draining. Waits for a batch under way."""
        self._closed = True
        for event in (self._room, self._arrived, self._gathered):
            event.set()
        await self._worker

    async def _claim(self, rows: int, wait: bool) -> None:
        while not self._closed and self._queued_rows and self._queued_rows + rows > self._max_queue_rows:
            if not wait:
                raise QueueFull(rows, self._queued_rows, self._max_queue_rows, self._retry_after_s())
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise Draining
        self._queued_rows += rows

    def _release(self, rows: int) -> None:
        self._queued_rows -= rows
        self._room.set()

    def _retry_after_s(self) -> float:
        lowest, highest = RETRY_AFTER_S
        return min(max(self._queued_rows * self._seconds_per_row, lowest), highest)

    async def _work(self) -> None:
        while not self._closed:
            await self._arrived.wait()
            self._arrived.clear()
            await self._gather()
            while not self._closed and (batch := self._take()):
                await self._answer(batch)
                await self._gather()
        for request in self._queue:
            _fail(request, Draining())

    def _is_gathered(self) -> bool:
        return len(self._queue) >= self._expected or self._queued_rows >= self._max_batch_rows

    async def _gather(self) -> None:
        """Waits for those who were in the last batch; not at all when nobody is there or all are."""
        if self._closed or not self._queue or self._is_gathered() or not self._max_queue_delay_s:
            return
        self._gathered.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._max_queue_delay_s):
                await self._gathered.wait()

    def _take(self) -> list[_Piece]:
        """The next batch: rows from the head of the queue, without the cancelled and the expired."""
        batch: list[_Piece] = []
        room = self._max_batch_rows
        now = time.monotonic()
        while self._queue and room:
            request = self._queue[0]
            if request.deadline <= now:
                _fail(request, DeadlineExpired())
            if request.answer.done():
                self._queue.popleft()
                continue
            images = request.images[request.taken : request.taken + room]
            request.taken += len(images)
            room -= len(images)
            self._release(len(images))
            batch.append(_Piece(request, images))
            if not request.waiting:
                self._queue.popleft()
        return batch

    async def _answer(self, batch: list[_Piece]) -> None:
        """Runs a batch and hands out its rows; a failure reaches every request in it, and no other."""
        self._expected = len(batch)
        started = time.monotonic()
        try:
            rows = batch[0].images if len(batch) == 1 else np.concatenate([p.images for p in batch])
            loop = asyncio.get_running_loop()
            probabilities = await loop.run_in_executor(self._executor, self._run, rows)
        except Exception as error:
            for piece in batch:
                _fail(piece.request, error)
            return
        self._seconds_per_row = (time.monotonic() - started) / len(rows)
        start = 0
        for request, images in batch:
            _hand_out(request, probabilities[start : start + len(images)])
            start += len(images)


def _hand_out(request: _Request, rows: Probabilities) -> None:
    request.parts.append(rows)
    if not request.waiting and not request.answer.done():
        request.answer.set_result(rows if len(request.parts) == 1 else np.concatenate(request.parts))


def _fail(request: _Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)
