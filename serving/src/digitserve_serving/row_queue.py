"""The rows that wait for a batch: in order, bounded in number and in time, and fair.

Small requests and large ones stand in two lines. A batch takes up to half of its rows from each line, and
all of them from one when the other is empty: so a single image is never far from its turn, however many
large requests came before it, and a large request goes on however many single images keep coming. Within
a line, who came first is first. Not safe for threads by itself: the batcher holds its lock around it.
"""

import math
from collections import deque
from typing import Any, NamedTuple, Protocol

import numpy as np

from digitserve_serving.errors import QueueFull, QueueSlow
from digitserve_serving.runtime import Images, Probabilities

NOTHING: Images = np.empty((0, 0, 0), np.uint8)
LAST_BATCH = 0.1  # how much it counts in the moving averages of what a row takes


class Owner(Protocol):
    """Who submits requests and gets their results."""

    def deliver(self, results: "list[Result]") -> None:
        """Takes the results of all its requests in a batch, on the thread that computed them.

        Must be quick, and must not raise.
        """


class Request:
    """A caller's images (N, height, width), and how far they have got.

    `owner` gets the result, with `key` for its own use. `deadline` is a time of `time.monotonic()`.
    """

    __slots__ = ("answer", "arrived", "deadline", "done", "images", "key", "over", "owner", "taken")

    def __init__(self, images: Images, owner: Owner, key: Any, deadline: float = math.inf) -> None:
        self.images = images
        self.owner = owner
        self.key = key
        self.deadline = deadline
        self.arrived = 0.0  # when it was submitted
        self.taken = 0  # rows that have left the queue
        self.done = 0  # rows that have been answered
        self.over = False  # answered, failed or cancelled
        self.answer: Probabilities | None = None  # so far, of a request that was split

    @property
    def waiting(self) -> int:
        """Rows that have not left the queue."""
        return len(self.images) - self.taken

    def collect(self, start: int, rows: Probabilities) -> Probabilities | None:
        """Keeps the answer to the rows from `start` on; gives the whole answer, once it is there."""
        if self.answer is None:
            self.answer = np.empty((len(self.images), *rows.shape[1:]), rows.dtype)
        self.answer[start : start + len(rows)] = rows
        self.done += len(rows)
        return self.answer if self.done == len(self.images) else None

    def end(self) -> None:
        """Nothing more is wanted; it may stand in the queue for a while yet, without its images."""
        self.over, self.images, self.taken = True, NOTHING, 0


class Result(NamedTuple):
    """What a request gets, once: its probabilities (N, classes), or why there are none."""

    request: Request
    outcome: Probabilities | Exception


class Refused(NamedTuple):
    """A request that was not taken, and why."""

    request: Request
    error: Exception


class Piece(NamedTuple):
    """Some consecutive rows of a request, in a batch."""

    request: Request
    start: int
    images: Images


class RowQueue:
    """Requests that wait: at most `max_rows` rows of them, and the small ones about `max_wait_s` at most.

    Requests of at most `small_rows` rows are small; who asks for more at once is taken to have the time. A
    request that finds nobody waiting is always taken.
    """

    def __init__(self, *, max_rows: int, max_wait_s: float, small_rows: int) -> None:
        self._max_rows = max_rows
        self._max_wait_s = max_wait_s
        self._small_rows = small_rows
        self._small: deque[Request] = deque()
        self._large: deque[Request] = deque()
        self._rows = 0
        self._small_queued = 0
        self._seconds_per_row = 0.0

    def __len__(self) -> int:
        """Requests, some of which may be over."""
        return len(self._small) + len(self._large)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def oldest(self) -> float:
        """When the request arrived that has waited longest; infinity when nobody waits."""
        return min((line[0].arrived for line in (self._small, self._large) if line), default=math.inf)

    def refusal(self, rows: int) -> QueueFull | QueueSlow | None:
        """Why `rows` more rows cannot wait, if they cannot."""
        if not self._rows:
            return None
        if self._rows + rows > self._max_rows:
            wait_s = self._rows * self._seconds_per_row
            return QueueFull(rows, self._rows, self._max_rows, wait_s)
        if rows <= self._small_rows and (wait_s := self._small_wait_s()) > self._max_wait_s:
            return QueueSlow(wait_s, self._max_wait_s)
        return None

    def add(self, request: Request, now: float) -> None:
        """Lets a request wait, whether or not there is room."""
        request.arrived = now
        rows = len(request.images)
        self._rows += rows
        if rows <= self._small_rows:
            self._small_queued += rows
            self._small.append(request)
        else:
            self._large.append(request)

    def drop(self, request: Request) -> None:
        """Ends a request, and gives its place to others."""
        self._release(request, request.waiting)
        request.end()

    def take(self, room: int, now: float) -> tuple[list[Piece], list[Request]]:
        """The next batch of at most `room` rows, and the requests that expired: those are dropped."""
        batch: list[Piece] = []
        expired: list[Request] = []
        half = room - room // 2 if self._large else room
        room -= self._fill(self._small, half, now, batch, expired)
        room -= self._fill(self._large, room, now, batch, expired)
        self._fill(self._small, room, now, batch, expired)
        return batch, expired

    def clear(self) -> list[Request]:
        """Empties the queue; returns the requests that waited."""
        left = [request for line in (self._small, self._large) for request in line if not request.over]
        for request in left:
            self.drop(request)
        self._small.clear()
        self._large.clear()
        return left

    def note_pace(self, seconds_per_row: float, *, full: bool) -> None:
        """Tells how fast rows leave. A batch that was not full says only that rows leave no slower."""
        if full or seconds_per_row < self._seconds_per_row:
            self._seconds_per_row += LAST_BATCH * (seconds_per_row - self._seconds_per_row)

    def _small_wait_s(self) -> float:
        """About how long a small request would wait that came now."""
        return min(self._rows, 2 * self._small_queued) * self._seconds_per_row

    def _release(self, request: Request, rows: int) -> None:
        self._rows -= rows
        if len(request.images) <= self._small_rows:
            self._small_queued -= rows

    def _fill(
        self, line: deque[Request], room: int, now: float, batch: list[Piece], expired: list[Request]
    ) -> int:
        """Moves up to `room` rows from the head of a line into the batch; returns how many."""
        left = room
        while line and left:
            request = line[0]
            if not request.over and request.deadline <= now:
                self.drop(request)
                expired.append(request)
            if request.over:
                line.popleft()
                continue
            piece = _next_piece(request, left)
            rows = len(piece.images)
            batch.append(piece)
            request.taken += rows
            left -= rows
            self._release(request, rows)
            if not request.waiting:
                line.popleft()
        return room - left


def _next_piece(request: Request, room: int) -> Piece:
    if not request.taken and len(request.images) <= room:
        return Piece(request, 0, request.images)
    return Piece(request, request.taken, request.images[request.taken : request.taken + room])
