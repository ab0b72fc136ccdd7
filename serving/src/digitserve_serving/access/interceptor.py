"""The guard before every method of a grpcio server."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from digitserve_serving.access.guard import CALLER, Guard, authorization
from digitserve_serving.access.methods import ADMIN_METHODS, COUNTED_METHODS
from digitserve_serving.contexts import Call, Context, abort, call_status
from digitserve_serving.errors import ModelControlOff, ServingError
from digitserve_serving.metrics.call_counts import CallCounts

Handler = Any  # grpc.RpcMethodHandler, which has a dozen parameters


class GuardInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls through, or answers them with the guard's error."""

    def __init__(self, guard: Guard, calls: CallCounts) -> None:
        self._guard = guard
        self._calls = calls

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """The handler of the call, in whose task this runs: so that it finds CALLER."""
        method = handler_call_details.method
        try:
            CALLER.set(self._guard.admit(method, authorization(handler_call_details.invocation_metadata)))
        except ServingError as error:
            return _refusal(method, error, self._calls)
        return await continuation(handler_call_details)


def refuse_admin_methods(server: grpc.aio.Server, calls: CallCounts) -> None:
    """Does without the interceptor where no tokens are wanted: it would make each call take longer."""
    for method in ADMIN_METHODS:
        _, service, name = method.split("/")
        server.add_registered_method_handlers(service, {name: _refusal(method, ModelControlOff(), calls)})


def _refusal(method: str, error: ServingError, calls: CallCounts) -> Handler:
    """What answers calls of any kind with the error, unread."""

    async def refuse(_: Any, context: Context) -> None:
        if method in COUNTED_METHODS:
            status = Call(method.removeprefix("/"), calls, context).failed(error)
        else:
            status = call_status(error, context)
        await abort(status, context)

    return grpc.stream_stream_rpc_method_handler(refuse)
