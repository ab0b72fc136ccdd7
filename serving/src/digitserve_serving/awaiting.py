"""The way from the coroutines of an event loop into a batcher, and back."""

import asyncio
import math
import threading

from digitserve_serving.batcher import Batcher
from digitserve_serving.errors import QueueFull, QueueSlow
from digitserve_serving.row_queue import Request, Result
from digitserve_serving.runtime import Images, Probabilities
from digitserve_serving.tracing import environment
from digitserve_serving.tracing.requests import request_of_task

SHORT_S = 0.001  # an event loop may be held up so long


class AsyncBatcher:
    """A batcher, for the coroutines of one event loop: that in which this is made."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._new_request = request_of_task if environment.active() else Request
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._called = False
        self._timer: asyncio.TimerHandle | None = None

    def deliver(self, results: list[Result]) -> None:
        """Settles the futures of a batch, in the event loop."""
        if threading.get_ident() == self._thread:
            _settle(results)
        else:
            self._loop.call_soon_threadsafe(_settle, results)

    async def classify(
        self, images: Images, *, deadline: float = math.inf, wait_for_room: bool = False
    ) -> Probabilities:
        """Classifies images (N, height, width), N at least 1; returns (N, classes), row for row.

        `deadline` is a time of `time.monotonic()`, after which the images are dropped unrun. When the
        queue is full or slow, raises QueueFull or QueueSlow, or with `wait_for_room` waits. Raises
        DeadlineExpired, Draining when the batcher is closed, and whatever computing raises. Cancelling
        drops the rows that have not run yet, and disturbs no other request of the same batch.
        """
        answer: asyncio.Future[Probabilities] = self._loop.create_future()
        request = self._new_request(images, self, answer, deadline)
        while refused := self._batcher.submit([request], wake=False):
            if not wait_for_room or not isinstance(refused[0].error, QueueFull | QueueSlow):
                raise refused.pop().error
            await self._room(len(images))
        self._work_soon()
        try:
            return await answer
        finally:
            if answer.cancelled():
                self._batcher.cancel(request)
            del answer, request  # an error holds this frame: it would hold the error, and the images

    def _work_soon(self) -> None:
        """Has a batch run when all callers of this turn of the loop have submitted what they have."""
        if not self._called:
            self._called = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        # What is short is computed here: to have another thread do it would take longer.
        self._called = False
        if self._timer:
            self._timer.cancel()
        wait_s = self._batcher.work_or_wake(SHORT_S)
        self._timer = self._loop.call_later(wait_s, self._work) if wait_s else None

    async def _room(self, rows: int) -> None:
        room = asyncio.Event()

        def tell() -> None:
            self._loop.call_soon_threadsafe(room.set)

        self._batcher.when_there_is_room(rows, tell)
        await room.wait()


def _settle(results: list[Result]) -> None:
    for request, outcome in results:
        answer: asyncio.Future[Probabilities] = request.key
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
