"""What a batcher has done so far, in numbers."""

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from digitserve_serving.row_queue import Piece, Request, Result


@dataclass(slots=True)
class Span:
    """How often something was done, and the sum of how long it took, in seconds."""

    count: int = 0
    seconds: float = 0.0

    def add(self, count: int, seconds: float) -> None:
        """It was done `count` times more, in `seconds` altogether."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class Numbers:
    """What was done since the batcher was made. A request counts as one, however many ran together."""

    rows: int = 0  # that were computed
    success: Span = field(default_factory=Span)  # from arrival to answer
    failure: Span = field(default_factory=Span)  # from arrival to error, of what expired or was not computed
    queue: Span = field(default_factory=Span)  # from arrival to the first batch
    compute: Span = field(default_factory=Span)  # in all their batches
    runs: dict[int, Span] = field(default_factory=dict)  # of the model, by the rows in them
    last_run: float = 0.0  # when it ended, as a time of `time.monotonic()`; 0 when there was none


class Counts:
    """Counts what a batcher does. Safe for threads, which compute at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = Numbers()

    def now(self) -> Numbers:
        """A copy of the numbers."""
        with self._lock:
            return copy.deepcopy(self._numbers)

    def ran(self, pieces: Sequence[Piece], lanes: int, started: float, ended: float) -> None:
        """A batch was computed on `lanes` threads."""
        run_s = ended - started
        rows = sum([len(images) for _, _, images in pieces])
        arrived = [request.arrived for request, first, _ in pieces if not first]
        with self._lock:
            numbers = self._numbers
            numbers.rows += rows
            numbers.queue.add(len(arrived), started * len(arrived) - sum(arrived))
            numbers.compute.add(0, run_s * len(pieces))
            for size, parts in _parts(rows, lanes):
                numbers.runs.setdefault(size, Span()).add(parts, run_s * parts)
            numbers.last_run = ended

    def answered(self, results: Sequence[Result], ended: float) -> None:
        """These have their whole answer with the batch that ended."""
        arrived = [request.arrived for request, _ in results]
        with self._lock:
            self._numbers.compute.add(len(arrived), 0.0)
            self._numbers.success.add(len(arrived), ended * len(arrived) - sum(arrived))

    def failed(self, requests: Sequence[Request], now: float) -> None:
        """These got an error in place of an answer."""
        if requests:
            with self._lock:
                self._numbers.failure.add(len(requests), sum([now - request.arrived for request in requests]))


def _parts(rows: int, lanes: int) -> list[tuple[int, int]]:
    """How a batch is split among threads: the sizes, and how many parts have them."""
    size, larger = divmod(rows, lanes)
    return [(size + 1, larger), (size, lanes - larger)] if larger else [(size, lanes)]
