"""The spans of calls over pygrpc-native: around its front; the loop knows nothing of them."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import grpc
from pygrpc_native import EVENT_CANCEL, NativeGrpcFront

from digitserve_serving.metrics.call_counts import CANCELLED, OK
from digitserve_serving.row_queue import Owner
from digitserve_serving.runtime import Images
from digitserve_serving.tracing.requests import TracedRequest

if TYPE_CHECKING:
    from digitserve_serving.tracing.spans import CallSpan, Tracing

CODES = {code.value[0]: code.name for code in grpc.StatusCode}
Trailing = tuple[tuple[str, str | bytes], ...] | None


class TracedFront:
    """What a loop uses of a front, with a span for each call from when it was taken in until its end."""

    def __init__(self, front: NativeGrpcFront, methods: Iterable[str], tracing: "Tracing") -> None:
        """`methods` are the paths of the front's methods, in their order."""
        self._front = front
        self._methods = tuple(path.removeprefix("/") for path in methods)
        self._tracing = tracing
        self._calls: dict[int, CallSpan] = {}
        self.close = front.close

    def recv_batch(self, most: int, patience_ms: int | None) -> list[Any] | None:
        """As the front's."""
        events = self.recv_batch_details(most, patience_ms)
        return None if events is None else [event[:5] for event in events]

    def recv_batch_details(self, most: int, patience_ms: int | None) -> list[Any] | None:
        """As the front's."""
        events = self._front.recv_batch_details(most, patience_ms)
        for kind, call_id, method, _, _, details in events or ():
            if kind == EVENT_CANCEL:
                self._end(call_id, CANCELLED, None)
            elif call := self._tracing.begin(self._methods[method], details[0] if details else ()):
                self._calls[call_id] = call
        return events

    def request(self, images: Images, owner: Owner, key: Any, deadline: float = math.inf) -> TracedRequest:
        """A request of the call whose id the key has."""
        return TracedRequest(self._calls.get(key.id), images, owner, key, deadline)

    def respond(self, call_id: int, payload: bytes, initial: Trailing, trailing: Trailing) -> bool:
        """As the front's."""
        self._end(call_id, OK, trailing)
        return self._front.respond(call_id, payload, initial, trailing)

    def fail(self, call_id: int, code: int, message: str, trailing: Trailing) -> bool:
        """As the front's."""
        self._end(call_id, CODES[code], trailing)
        return self._front.fail(call_id, code, message, trailing)

    def _end(self, call_id: int, code: str, trailing: Trailing) -> None:
        if call := self._calls.pop(call_id, None):
            call.end(code, trailing or ())
