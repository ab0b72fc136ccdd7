"""Gathers the rows of concurrent requests into batches, and gives each request its own rows back.

A batch is computed by one thread. There are as many lanes as threads may compute at a time; what waits is
shared among them, so that a large request is computed by all of them at once.

While nothing runs, a request runs at once. While a batch runs, the next one gathers, until it is worth a
lane of its own, or until the lane that runs has ended: the busier the server, the larger its batches.
Callers who were answered together tend to call again together: so an idle batcher waits for as many
requests as the last batch held; who calls alone after a crowd waits for it once. Nobody waits longer than
`max_queue_delay_s` while a lane is free. A row is an image; everything is counted in rows.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from digitserve_serving.batch import NOTHING_DUE, Batch, computed, deliver
from digitserve_serving.counts import Counts
from digitserve_serving.errors import DeadlineExpired, Draining
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.row_queue import LAST_BATCH, Piece, Refused, Request, Result, RowQueue
from digitserve_serving.runtime import Images, Probabilities
from digitserve_serving.tracing.requests import BatchSpans
from digitserve_serving.vital_thread import VitalThread

Mirror = Callable[[Images, Probabilities], None]
"""Gets the images (N, height, width) and answers (N, classes) of a batch, once these are out."""

ALONE = 16  # batches of one request in a row tell that nobody else is calling
WORTH_A_LANE = 8  # an eighth of the largest batch is worth a lane of its own


class Batcher:
    """Runs what is submitted to it in batches of at most `max_batch_rows`, on `lanes` threads.

    `run` takes images (N, height, width) and returns probabilities (N, classes); it is called by several
    threads at once. Every method is safe for threads.
    """

    def __init__(
        self,
        run: Callable[[Images], Probabilities],
        *,
        lanes: int,
        max_batch_rows: int,
        max_queue_rows: int,
        max_queue_wait_s: float,
        max_queue_delay_s: float,
        observations: Observations | None = None,
        spans: BatchSpans | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        self._run = run
        self._observations = observations
        self._spans = spans
        self._mirror = mirror
        self._lanes = lanes
        self._max_batch_rows = max_batch_rows
        self._worth_a_lane = max(1, max_batch_rows // WORTH_A_LANE)
        self._max_queue_delay_s = max_queue_delay_s
        self._queue = RowQueue(
            max_rows=max_queue_rows, max_wait_s=max_queue_wait_s, small_rows=max(1, max_batch_rows // 2)
        )
        self.counts = Counts()  # of what it has done so far
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)  # something came: for the lanes that wait
        self._ended = threading.Condition(self._lock)  # a batch ended: for those who gather
        self._room_wanted: deque[tuple[int, Callable[[], None]]] = deque()
        self._running = 0
        self._expected = 1  # requests in the last batch
        self._alone = 0  # batches of one request, one after the other
        self._last_end = 0.0
        self._run_s_per_row = math.inf  # a moving average, once there was a batch
        self._backlog = False  # whether some waited when the last batch ended
        self._closed = False
        self._helpers = ThreadPoolExecutor(lanes, thread_name_prefix="helper")
        self._threads = [VitalThread(target=self._work, name=f"lane-{n}") for n in range(lanes)]
        for thread in self._threads:
            thread.start()

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._queue.rows

    def refusal(self, rows: int) -> Exception | None:
        """Why `rows` more rows would be refused now; None when they would be taken."""
        return Draining() if self._closed else self._queue.refusal(rows)

    def submit(self, requests: Sequence[Request], *, wake: bool = True) -> list[Refused]:
        """Lets requests wait for their batch; returns those that are refused: QueueFull, QueueSlow, Draining.

        Without `wake`, who submits calls `work` afterwards.
        """
        refused = []
        refusals: dict[int, Exception] = {}  # by rows: in a crowd they are all alike
        with self._lock:
            now = time.monotonic()
            for request in requests:
                rows = len(request.images)
                refusal = refusals.get(rows) or self.refusal(rows)
                if refusal:
                    refusals[rows] = refusal
                    refused.append(Refused(request, refusal))
                else:
                    self._queue.add(request, now)
            if wake and self._due(self._expected) is not None:
                self._came.notify()  # whoever is woken too early waits for the rest of the delay
        return refused

    def when_there_is_room(self, rows: int, callback: Callable[[], None]) -> None:
        """Calls back once, from any thread, as soon as there is room for `rows` rows, or it is closed."""
        with self._lock:
            self._room_wanted.append((rows, callback))
            self._tell_of_room()

    def cancel(self, request: Request) -> None:
        """Drops the rows that have not run yet; the request gets no answer. No other request notices."""
        with self._lock:
            if not request.over:
                self._queue.drop(request)
            self._tell_of_room()

    def work(self) -> None:
        """Runs one batch on this thread, if one is due, however many callers are expected."""
        with self._lock:
            batch = self._take() if self._due(expected=1) == 0 else NOTHING_DUE
        if batch.pieces:
            self._answer(batch)

    def work_or_wake(self, most_s: float) -> float | None:
        """Runs a lone request on this thread, if that is done within `most_s`, else has the lanes do it.

        Returns in how many seconds it is to be called again; None when it is not.
        """
        with self._lock:
            batch = self._take() if self._is_quick(most_s) else NOTHING_DUE
        if batch.pieces:
            self._answer(batch)
        with self._lock:  # also of what came meanwhile, and of what that batch left
            wait_s = self._due(self._expected)
            if wait_s == 0:
                self._came.notify()
        return wait_s or None

    def _is_quick(self, most_s: float) -> bool:
        """Whether a batch is due that a lone caller has asked for, and that is done within `most_s`."""
        quick = self._alone >= ALONE and self._queue.rows * self._run_s_per_row <= most_s
        return quick and self._due(self._expected) == 0

    def gather(self) -> None:
        """Waits while others run and little has come, until one of them ends; not at all otherwise."""
        with self._lock:
            if self._running and self._queue.rows < self._worth_a_lane and not self._closed:
                self._ended.wait(self._max_queue_delay_s)

    def close(self) -> None:
        """Fails what still waits with Draining, and waits for the batches under way."""
        with self._lock:
            self._closed = True
            left = self._queue.clear()
            self._tell_of_room()
            self._came.notify_all()
            self._ended.notify_all()
        deliver([Result(request, Draining()) for request in left])
        for thread in self._threads:
            thread.join()
        self._helpers.shutdown()

    def _work(self) -> None:
        while batch := self._next():
            self._answer(batch)
            del batch  # its callers hold their model, which may be waiting to be let go

    def _next(self) -> Batch | None:
        """Waits for the next batch; None when the batcher is closed."""
        with self._lock:
            while not self._closed:
                wait_s = self._due(self._expected)
                if wait_s == 0 and (batch := self._take()).pieces:
                    return batch
                self._came.wait(wait_s)
            return None

    def _due(self, expected: int) -> float | None:
        """In how many seconds a lane should take the next batch: now (0), later, or nobody knows (None)."""
        rows = self._queue.rows
        if not rows or self._running == self._lanes:
            return None
        if rows >= (self._worth_a_lane if self._running else self._max_batch_rows):
            return 0
        if not self._running and len(self._queue) >= expected:
            return 0
        return max(0.0, self._queue.oldest + self._max_queue_delay_s - time.monotonic())

    def _take(self) -> Batch:
        """The next batch: all there is and all free lanes when that is little, else a lane's worth."""
        now = time.monotonic()
        if not self._running and not self._backlog:
            self._last_end = now
        free = self._lanes - self._running
        lanes = min(free, self._queue.rows // self._worth_a_lane) or 1
        if self._queue.rows >= 2 * self._max_batch_rows:
            lanes = 1
        pieces, expired = self._queue.take(lanes * self._max_batch_rows, now)
        self.counts.failed(expired, now)
        deliver([Result(request, DeadlineExpired()) for request in expired])
        if pieces:
            self._running += lanes
            self._expected = len(pieces)
            self._alone = self._alone + 1 if len(pieces) == 1 else 0
        self._tell_of_room()
        if self._due(expected=1) == 0:
            self._came.notify()
        return Batch(pieces, lanes)

    def _tell_of_room(self) -> None:
        while self._room_wanted and not self._queue.refusal(self._room_wanted[0][0]):
            _, callback = self._room_wanted.popleft()
            callback()

    def _answer(self, batch: Batch) -> None:
        """Runs a batch and hands out its rows; a failure reaches every request in it, and no other."""
        started = time.monotonic()
        try:
            images = batch.images()
            rows = computed(self._run, images, batch.lanes, self._helpers)
        except Exception as error:
            self._release(batch.lanes)
            deliver(self._failed(batch.pieces, error))
        else:
            ended = time.monotonic()
            # Before the last part of a request is there: who has an answer finds all of it counted.
            self.counts.ran(batch.pieces, batch.lanes, started, ended)
            if self._observations:
                self._observations.ran(batch.pieces, rows, started)
            if self._spans:
                self._spans.ran(batch.pieces, len(rows), started, ended)
            results = self._answered(batch.pieces, rows)
            self.counts.answered(results, ended)
            if self._observations:
                self._observations.answered(results, started, ended)
            deliver(results)
            self._release(batch.lanes, len(rows), ended - started)
            if self._mirror:
                self._mirror(images, rows)

    def _answered(self, batch: list[Piece], rows: Probabilities) -> list[Result]:
        """The results of those requests whose last rows these are."""
        results = []
        start = 0
        for request, first, images in batch:
            part = rows[start : start + len(images)]
            start += len(images)
            whole = part if len(part) == len(request.images) else self._collected(request, first, part)
            if whole is not None:
                request.end()
                results.append(Result(request, whole))
        return results

    def _collected(self, request: Request, first: int, part: Probabilities) -> Probabilities | None:
        """Adds a part to the answer of a request that was split; the whole, once it is there."""
        with self._lock:
            return None if request.over else request.collect(first, part)

    def _failed(self, batch: list[Piece], error: Exception) -> list[Result]:
        with self._lock:
            # Once each, also of whom there are two pieces.
            failed = [*dict.fromkeys(piece.request for piece in batch if not piece.request.over)]
            for request in failed:
                self._queue.drop(request)
        self.counts.failed(failed, time.monotonic())
        return [Result(request, error) for request in failed]

    def _release(self, lanes: int, rows: int = 0, run_s: float = 0.0) -> None:
        """Frees lanes. `rows` is how many they have answered, `run_s` how long it took to compute them."""
        now = time.monotonic()
        with self._lock:
            if rows:
                since_last_s = now - self._last_end  # with some waiting all the time
                self._queue.note_pace(since_last_s / rows, full=rows >= self._max_batch_rows)
                self._note_run(run_s * lanes / rows)
                self._last_end = now
            self._running -= lanes
            self._backlog = self._queue.rows > 0
            self._ended.notify()

    def _note_run(self, s_per_row: float) -> None:
        before = self._run_s_per_row if self._run_s_per_row < math.inf else s_per_row
        self._run_s_per_row = before + LAST_BATCH * (s_per_row - before)
