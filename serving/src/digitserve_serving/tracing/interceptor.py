"""The spans of calls over grpcio.

Not by OpenTelemetry's own interceptor: the other transport needs something of ours in any case, and calls
are to look the same over both.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from digitserve_serving.metrics.call_counts import CANCELLED, OK
from digitserve_serving.services import SERVICES
from digitserve_serving.tracing.requests import CALL_SPAN

if TYPE_CHECKING:
    from digitserve_serving.tracing.spans import CallSpan, Tracing

Handler = Any  # grpc.RpcMethodHandler, whose own types do not fit asyncio
Context = Any  # grpc.aio.ServicerContext, whose stubs do not know that code() may be None


class TracingInterceptor(grpc.aio.ServerInterceptor):
    """Begins the span of each call, and ends it."""

    def __init__(self, tracing: "Tracing") -> None:
        self._tracing = tracing

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """The handler of the call: as it is, when the call is not to be traced."""
        method = handler_call_details.method.removeprefix("/")
        call = None
        if method.partition("/")[0] in SERVICES:  # not health and reflection, which only watch
            call = self._tracing.begin(method, handler_call_details.invocation_metadata or ())
            CALL_SPAN.set(call)
        handler = await continuation(handler_call_details)
        return handler if call is None or handler is None else _traced(handler, call)


def _traced(handler: Handler, call: "CallSpan") -> Handler:
    make: Any = grpc.unary_unary_rpc_method_handler
    answer = handler.unary_unary
    if handler.response_streaming:
        make, answer = grpc.stream_stream_rpc_method_handler, handler.stream_stream
    around = _stream if inspect.isasyncgenfunction(answer) else _unary
    return make(around(answer, call), handler.request_deserializer, handler.response_serializer)


def _unary(answer: Callable[[Any, Context], Awaitable[Any]], call: "CallSpan") -> Any:
    async def traced(request: Any, context: Context) -> Any:
        with _ended_as(call, context):
            answered = answer(request, context)
            del request  # grpcio keeps this frame for a while: no images in it
            return await answered

    return traced


def _stream(answers: Callable[[Any, Context], AsyncIterator[Any]], call: "CallSpan") -> Any:
    async def traced(requests: Any, context: Context) -> AsyncIterator[Any]:
        with _ended_as(call, context):
            async for response in answers(requests, context):
                yield response

    return traced


@contextlib.contextmanager
def _ended_as(call: "CallSpan", context: Context) -> Iterator[None]:
    """Ends the span as the call has ended."""
    code = OK
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        code = CANCELLED
        raise
    except BaseException:
        code = (context.code() or grpc.StatusCode.UNKNOWN).name
        raise
    finally:
        call.end(code, context.trailing_metadata() or ())
