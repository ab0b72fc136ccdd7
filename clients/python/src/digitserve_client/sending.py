"""How the sync client sends a call: in the caller's thread, or in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

import grpc

from digitserve_client.calls import Answer, Call, Methods
from digitserve_client.errors import ClientClosed, Unavailable

Answer_co = TypeVar("Answer_co", covariant=True)


def send(call: Call[Answer], methods: Methods) -> Answer:
    """Sends a call and blocks until it is answered; raises CallError when that fails for good."""

    def attempt(timeout_s: float) -> Any:
        return methods(call)(call.request, timeout=timeout_s, metadata=call.metadata)

    return _until_answered(call, methods, attempt, time.sleep)


def _until_answered(
    call: Call[Answer],
    methods: Methods,
    attempt: Callable[[float], Any],
    pause: Callable[[float], object],
) -> Answer:
    retries = call.retries()
    while True:
        try:
            response = attempt(retries.remaining_s())
        except grpc.RpcError as failure:
            try:
                delay_s = retries.delay_after_s(call.error_from(failure))
            except Unavailable as last:
                methods(call)  # raises ClientClosed: to close a client looks like a server that stops
                raise call.explained(last) from failure
        except ValueError as closed:  # what grpc raises when another thread has closed the channel
            raise ClientClosed("the client was closed") from closed
        else:
            return call.decode(response)
        pause(delay_s)


class Running(Protocol[Answer_co]):
    """What `in_order` can run in a thread and cancel from another."""

    def run(self) -> Answer_co:
        """Blocks until there is an answer or an error."""

    def cancel(self) -> None:
        """Makes `run` end soon, wherever it is."""


class BackgroundCall(Generic[Answer]):
    """A call that runs in a thread of its own, so that its retries need nobody to look after them."""

    def __init__(self, call: Call[Answer], methods: Methods) -> None:
        self._call = call
        self._methods = methods
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._attempt_under_way: Any = None

    def run(self) -> Answer:
        """Blocks until there is an answer or an error."""
        with self._call.under_way() as self._call:
            return _until_answered(self._call, self._methods, self._attempt, self._pause)

    def cancel(self) -> None:
        """Makes `run` end soon, wherever it is."""
        with self._lock:
            self._cancelled.set()
            if self._attempt_under_way is not None:
                self._attempt_under_way.cancel()

    def _attempt(self, timeout_s: float) -> Any:
        with self._lock:
            if self._cancelled.is_set():
                raise CancelledError
            method = self._methods(self._call)
            self._attempt_under_way = method.future(
                self._call.request, timeout=timeout_s, metadata=self._call.metadata
            )
        return self._attempt_under_way.result()

    def _pause(self, delay_s: float) -> None:
        self._cancelled.wait(delay_s)


class FailedInput:
    """Stands in the queue where the caller's iterator failed: the answers to what came before go first."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self) -> Any:
        """Raises the error."""
        raise self._error

    def cancel(self) -> None:
        """Nothing runs."""


def in_order(calls: Iterable[Running[Answer]], in_flight: int) -> Generator[Answer]:
    """Runs calls, at most `in_flight` at once; gives their answers in the order of the calls.

    Reads `calls` only as answers are taken. When it is closed or fails, it cancels what is under way.
    """
    under_way: deque[tuple[Running[Answer], Future[Answer]]] = deque()

    def first() -> Answer:
        answer = under_way[0][1].result()
        under_way.popleft()
        return answer

    with ThreadPoolExecutor(in_flight, "digitserve-client") as pool:
        try:
            for call in calls:
                under_way.append((call, pool.submit(call.run)))
                while under_way and (len(under_way) == in_flight or under_way[0][1].done()):
                    yield first()
            while under_way:
                yield first()
        finally:
            for call, _ in under_way:
                call.cancel()
