"""What all servicers do with a call of grpcio: its deadline, its errors, its stream."""

import functools
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import grpc.aio

from digitserve_serving.models import Models
from digitserve_serving.status import REQUEST_ID_KEY, Status, request_id, status_of
from digitserve_serving.streams import OpenStreams, answers_in_order

Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


def reports_errors(
    method: Callable[[Any, Any, Context], Awaitable[Response]],
) -> Callable[[Any, Any, Context], Awaitable[Response]]:
    """Answers a unary call that raises with the error's status."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Response:
        try:
            return await method(self, request, context)
        except Exception as error:
            status = call_status(error, context)
        # grpcio keeps this frame until the garbage collector comes by: no images in it, nor an error
        # whose frames have them.
        del request
        return await _abort(status, context)

    return call


async def stream_answers(
    context: Context,
    answer_to: Callable[[bytes], Coroutine[Any, Any, bytes]],
    streams: OpenStreams,
    models: Models,
) -> AsyncIterator[bytes]:
    """The answers to a stream's requests, in order; what raises ends the stream with its status."""

    # Read from the context, for the iterator that grpcio gives keeps the last request in memory.
    async def next_request() -> Coroutine[Any, Any, bytes] | None:
        payload = await context.read()
        return None if payload is grpc.aio.EOF else answer_to(payload)

    status = None
    try:
        with streams.one_more() as read_ahead:
            async for response in answers_in_order(next_request, models.draining, read_ahead=read_ahead):
                yield response
    except Exception as error:
        status = call_status(error, context)
    if status:
        await _abort(status, context)


def deadline_of(context: Context) -> float:
    """The caller's deadline as a time of the monotonic clock; without one, never."""
    remaining_s = context.time_remaining()
    return math.inf if remaining_s is None else time.monotonic() + remaining_s


def call_status(error: Exception, context: Context) -> Status:
    """What the caller is told of an error."""
    return status_of(error, request_id(_sent_request_id(context)))


async def _abort(status: Status, context: Context) -> NoReturn:
    await context.abort(status.code, status.message, status.trailing_metadata)


def _sent_request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value
    return ""
