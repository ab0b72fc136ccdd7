"""Closed and open loops over connections: who calls when, and when each call came back."""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digitserve_bench.arrivals import Times
from digitserve_bench.connection import Connection

UNANSWERED = -2  # in place of a status: nothing came back within the time
CONNECTIONS = 8
LONGEST_NAP_S = 0.1
DRAIN_S = 1.0  # so long a closed loop waits for the calls that are under way at its end


@dataclass(slots=True)
class Journal:
    """What became of each call: times in seconds from the start of the loop.

    due: when it was meant to be sent. sent: when it was, for the first time. ended: when it had come back;
    NaN for never. status: gRPC's, or LOST or UNANSWERED.
    """

    due: npt.NDArray[np.float64]
    sent: npt.NDArray[np.float64]
    ended: npt.NDArray[np.float64]
    status: npt.NDArray[np.int64]


def turn(connections: Sequence[Connection], nap_s: float, clock: Callable[[], float]) -> None:
    """Sends what can be sent, waits for answers up to `nap_s`, and takes them; reads `clock` before each."""
    for connection in connections:
        connection.flush()
    alive = [connection for connection in connections if not connection.is_closed]
    blocked = [connection for connection in alive if connection.wants_to_send]
    # Not epoll, which in Python counts in milliseconds.
    readable, _, _ = select.select(alive, blocked, [], max(0.0, nap_s))
    for connection in readable:
        clock()
        connection.receive()


class OpenLoop:
    """Sends call after call when it is due, whatever has become of those before it."""

    def __init__(self, port: int, path: str, message: bytes, due: Times) -> None:
        self._due: list[float] = due.tolist()
        self._sent = [np.nan] * len(due)
        self._ended = [np.nan] * len(due)
        self._status = [UNANSWERED] * len(due)
        self._connections = [Connection(port, path, message, self._on_end) for _ in range(CONNECTIONS)]
        self._left = len(due)
        self._start = 0.0
        self._now = 0.0

    def run(self, drain_s: float) -> Journal:
        """Makes all calls, and waits for the last of them for up to `drain_s` after it was due."""
        self._start = time.perf_counter()
        give_up = (self._due[-1] if self._due else 0.0) + drain_s
        upcoming = 0
        while self._left and self._clock() < give_up:
            upcoming = self._send_due(upcoming)
            nap_s = self._due[upcoming] - self._now if upcoming < len(self._due) else LONGEST_NAP_S
            turn(self._connections, nap_s, self._clock)
        for connection in self._connections:
            connection.close()
        return Journal(*map(np.array, (self._due, self._sent, self._ended, self._status)))

    def _clock(self) -> float:
        self._now = time.perf_counter() - self._start
        return self._now

    def _send_due(self, upcoming: int) -> int:
        due, connections = self._due, self._connections
        while upcoming < len(due) and due[upcoming] <= self._now:
            self._sent[upcoming] = self._now
            connections[upcoming % CONNECTIONS].start(upcoming)
            upcoming += 1
        return upcoming

    def _on_end(self, call: int, status: int) -> None:
        self._ended[call] = self._now
        self._status[call] = status
        self._left -= 1


class ClosedLoop:
    """Keeps a number of calls under way: whenever one comes back, the next one goes out."""

    def __init__(self, port: int, path: str, message: bytes, in_flight: int) -> None:
        self._in_flight = in_flight
        number = min(in_flight, CONNECTIONS)
        self._connections = [Connection(port, path, message, self._on_end) for _ in range(number)]
        self._sent: list[float] = []
        self._ended: list[float] = []
        self._status: list[int] = []
        self._under_way = 0
        self._stop = 0.0
        self._start = 0.0
        self._now = 0.0

    def run(self, seconds: float) -> Journal:
        """Calls for so long; what has not come back by then does not count, but is not broken off either."""
        self._start, self._stop = time.perf_counter(), seconds
        for _ in range(self._in_flight):
            self._call()
        while self._clock() < self._stop:
            turn(self._connections, LONGEST_NAP_S, self._clock)
        while self._under_way and self._clock() < self._stop + DRAIN_S:
            turn(self._connections, LONGEST_NAP_S, self._clock)
        for connection in self._connections:
            connection.close()
        ended = np.array(self._ended)
        back = ~np.isnan(ended)
        sent = np.array(self._sent)[back]
        return Journal(sent, sent, ended[back], np.array(self._status)[back])

    def _clock(self) -> float:
        self._now = time.perf_counter() - self._start
        return self._now

    def _call(self) -> None:
        call = len(self._sent)
        self._under_way += 1
        self._sent.append(self._now)
        self._ended.append(np.nan)
        self._status.append(UNANSWERED)
        self._connections[call % len(self._connections)].start(call)

    def _on_end(self, call: int, status: int) -> None:
        self._under_way -= 1
        if self._now < self._stop:
            self._ended[call] = self._now
            self._status[call] = status
            self._call()
