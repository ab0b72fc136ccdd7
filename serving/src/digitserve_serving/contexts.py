"""What all servicers do with a call of grpcio: its deadline, its errors, its stream, how it ended."""

import asyncio
import functools
import inspect
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import grpc.aio

from digitserve_serving.call_log import calls_are_logged, log_call
from digitserve_serving.calls import parsed
from digitserve_serving.errors import StreamIdle
from digitserve_serving.metrics.call_counts import CANCELLED, OK, CallCounts
from digitserve_serving.models import Models
from digitserve_serving.status import REQUEST_ID_KEY, Status, request_id, status_of
from digitserve_serving.streams import OpenStreams, answers_in_order

Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


class Call:
    """A call under way, whose end is counted, and logged if calls are."""

    def __init__(self, method: str, counts: CallCounts, context: Context) -> None:
        """`method` is written service/method."""
        self._method = method
        self._counts = counts
        self._context = context
        self._arrived = time.monotonic()

    def answered(self) -> None:
        """It gets what it wanted; and its request id, if that is logged."""
        self._counts.answered((self._method,))
        if calls_are_logged():
            used = request_id(_sent_request_id(self._context))
            self._context.set_trailing_metadata(((REQUEST_ID_KEY, used),))
            self._log(OK, used)

    def cancelled(self) -> None:
        """Nobody waits for it any more."""
        self._counts.cancelled(self._method)
        if calls_are_logged():
            self._log(CANCELLED, request_id(_sent_request_id(self._context)))

    def failed(self, error: Exception) -> Status:
        """It gets this status."""
        status = call_status(error, self._context)
        self._counts.failed(self._method, status)
        if calls_are_logged():
            self._log(status.code.name, dict(status.trailing_metadata)[REQUEST_ID_KEY])
        return status

    def _log(self, code: str, used: str | bytes) -> None:
        log_call(self._method, code, str(used), time.monotonic() - self._arrived)


def reports_errors(
    method: Callable[[Any, Any, Context], Awaitable[Response]],
) -> Callable[[Any, Any, Context], Awaitable[Response]]:
    """Answers a unary call that raises with the error's status.

    For the methods of a servicer, whose `service` and `calls` tell its name and what counts its calls.
    """

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Response:
        under_way = Call(f"{self.service}/{method.__name__}", self.calls, context)
        try:
            response = await method(self, request, context)
            under_way.answered()
            return response
        except asyncio.CancelledError:
            under_way.cancelled()
            raise
        except Exception as error:
            status = under_way.failed(error)
        # grpcio keeps this frame until the garbage collector comes by: no images in it, nor an error
        # whose frames have them.
        del request
        return await abort(status, context)

    return call


def asked_with(kind: Any) -> Callable[[Callable[[Any, Any], Any]], Any]:
    """Makes an rpc, from bytes to bytes, of a method that takes a message of `kind` and returns one.

    What is no message is refused in our words: grpcio would say UNKNOWN, and log a traceback.
    """

    def rpc(method: Callable[[Any, Any], Any]) -> Any:
        @reports_errors
        @functools.wraps(method)
        async def call(self: Any, payload: bytes, _: Context) -> bytes:
            response = method(self, parsed(kind, payload, len(payload)))
            if inspect.isawaitable(response):
                response = await response
            return bytes(response.SerializeToString())

        return call

    return rpc


async def stream_answers(
    call: Call,
    context: Context,
    answer_to: Callable[[bytes], Coroutine[Any, Any, bytes]],
    streams: OpenStreams,
    models: Models,
) -> AsyncIterator[bytes]:
    """The answers to a stream's requests, in order; what raises ends the stream with its status."""

    # Read from the context, for the iterator that grpcio gives keeps the last request in memory.
    async def next_request() -> Coroutine[Any, Any, bytes] | None:
        try:
            async with asyncio.timeout(streams.idle_s):
                payload = await context.read()
        except TimeoutError as error:
            raise StreamIdle(streams.idle_s) from error
        return None if payload is grpc.aio.EOF else answer_to(payload)

    status = None
    try:
        with streams.one_more() as read_ahead:
            async for response in answers_in_order(next_request, models.draining, read_ahead=read_ahead):
                yield response
        call.answered()
    except (asyncio.CancelledError, GeneratorExit):
        call.cancelled()
        raise
    except Exception as error:
        status = call.failed(error)
    if status:
        await abort(status, context)


def deadline_of(context: Context) -> float:
    """The caller's deadline as a time of the monotonic clock; without one, never."""
    remaining_s = context.time_remaining()
    return math.inf if remaining_s is None else time.monotonic() + remaining_s


def call_status(error: Exception, context: Context) -> Status:
    """What the caller is told of an error."""
    return status_of(error, request_id(_sent_request_id(context)))


async def abort(status: Status, context: Context) -> NoReturn:
    """Ends a call with a status."""
    await context.abort(status.code, status.message, status.trailing_metadata)


def _sent_request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value
    return ""
