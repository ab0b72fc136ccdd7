"""Requests of traced calls, on their way through the batches. Needs none of OpenTelemetry's packages."""

import math
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from digitserve_serving.manifest import Manifest
from digitserve_serving.row_queue import Owner, Piece, Request
from digitserve_serving.runtime import Images

if TYPE_CHECKING:
    from digitserve_serving.tracing.spans import CallSpan

# Of the call in whose task this is asked: set there, and gone when it ends.
CALL_SPAN: "ContextVar[CallSpan | None]" = ContextVar("CALL_SPAN", default=None)


class TracedRequest(Request):
    """A request of a call that may have a span."""

    __slots__ = ("call_span",)

    def __init__(
        self, call_span: "CallSpan | None", images: Images, owner: Owner, key: Any, deadline: float
    ) -> None:
        super().__init__(images, owner, key, deadline)
        self.call_span = call_span
        if call_span:
            call_span.asks(len(images))


def request_of_task(images: Images, owner: Owner, key: Any, deadline: float = math.inf) -> TracedRequest:
    """A request of the call in whose task, or in a task of which, this is called."""
    return TracedRequest(CALL_SPAN.get(), images, owner, key, deadline)


class BatchSpans:
    """Tells the spans of calls what a model's batches did for them."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def ran(self, pieces: Sequence[Piece], batch_rows: int, started: float, ended: float) -> None:
        """A batch of so many rows was computed between two times of `time.monotonic()`."""
        for request, first, images in pieces:
            call = request.call_span if isinstance(request, TracedRequest) else None
            if call is None:
                continue
            if not first:
                call.answered_by(self._manifest)
                call.part("queue", request.arrived, started)
            call.part("run", started, ended, rows=len(images), batch_rows=batch_rows)
