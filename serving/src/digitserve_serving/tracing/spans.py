"""The spans of a server: one for each call, and in it one for waiting and one for each run of the model."""

import functools
import time
from collections.abc import Iterable
from typing import Any

from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider, set_span_in_context

from digitserve_serving.manifest import Manifest
from digitserve_serving.status import REQUEST_ID, REQUEST_ID_KEY

Metadata = Iterable[tuple[str, Any]]

# Those that OpenTelemetry's conventions for gRPC call the server's fault; the others are the caller's.
FAULTS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")


class CallSpan:
    """The span of a call that was chosen to be traced."""

    def __init__(self, span: Span, tracer: Tracer, sent: Metadata) -> None:
        """`sent` is the metadata that came with the call."""
        self._span = span
        self._tracer = tracer
        self._rows = 0
        # Kept until the end: what is still computed of a call that was cancelled comes after it.
        self._facts: dict[str, str | int] = {}
        self._note_request_id(sent)

    def asks(self, rows: int) -> None:
        """The call asks for so many images: more, if it is a stream."""
        self._rows += rows
        self._facts["digitserve.rows"] = self._rows

    def answered_by(self, manifest: Manifest) -> None:
        """A model computes for it."""
        self._facts["digitserve.model.name"] = manifest.name
        self._facts["digitserve.model.version"] = manifest.version

    def part(self, name: str, began: float, ended: float, **facts: int) -> None:
        """Something was done for it between two times of `time.monotonic()`."""
        since_1970_ns = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(
            name,
            set_span_in_context(self._span),
            attributes={f"digitserve.{key}": value for key, value in facts.items()},
            start_time=since_1970_ns + round(began * 1e9),
        )
        span.end(since_1970_ns + round(ended * 1e9))

    def end(self, code: str, trailing_metadata: Metadata = ()) -> None:
        """It has ended with this code. To be told once."""
        self._note_request_id(trailing_metadata)
        self._facts["rpc.response.status_code"] = code
        if code in FAULTS:
            self._facts["error.type"] = code
            self._span.set_status(StatusCode.ERROR)
        self._span.set_attributes(self._facts)
        self._span.end()

    def _note_request_id(self, metadata: Metadata) -> None:
        """What the caller has sent, or got: by which the call is found in the log."""
        for key, value in metadata:
            if key == REQUEST_ID_KEY and REQUEST_ID.fullmatch(str(value)):
                self._facts["digitserve.request_id"] = str(value)


class Tracing:
    """Begins the spans of calls."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("digitserve_serving")

    def begin(self, method: str, metadata: Metadata) -> CallSpan | None:
        """The span of a call of service/method that came with this metadata; None when it is not traced."""
        sent = dict(metadata)
        span = self._tracer.start_span(method, extract(sent), SpanKind.SERVER, _attributes(method))
        return CallSpan(span, self._tracer, sent.items()) if span.is_recording() else None


@functools.cache
def _attributes(method: str) -> dict[str, str]:
    return {"rpc.system.name": "grpc", "rpc.method": method}
