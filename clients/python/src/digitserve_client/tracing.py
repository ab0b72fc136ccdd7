"""A span of OpenTelemetry for each call, its retries included; the server's is a child of it.

Where the extra is installed, and the application, or `opentelemetry-instrument`, has set a tracer provider
before the client is made. What goes over the wire is what OTEL_PROPAGATORS says, else traceparent.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from digitserve.v1 import digit_service_pb2, model_service_pb2
from grpc_health.v1 import health_pb2
from opentelemetry import context, propagate, trace

from digitserve_client.calls import Answer, Call
from digitserve_client.errors import CallError
from digitserve_client.retry import Retries, RetryPolicy

FULL_NAMES = {
    method.name: f"{service.full_name}/{method.name}"
    for file in (digit_service_pb2, model_service_pb2, health_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def is_set_up() -> bool:
    """Whether there is somebody to take spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@dataclass(frozen=True, kw_only=True)
class TracedCall(Call[Answer]):
    """A call that gets a span, within that in which it was made."""

    parent: context.Context = field(default_factory=context.get_current)
    span: trace.Span = trace.INVALID_SPAN

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Call[Answer]]:
        """The span, until the call has an answer, or has failed for good."""
        span = trace.get_tracer("digitserve_client").start_span(
            FULL_NAMES[self.rpc], self.parent, trace.SpanKind.CLIENT, self._attributes()
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span, self.parent))
        try:
            yield replace(self, metadata=(*self.metadata, *carrier.items()), span=span)
            span.set_attribute("rpc.response.status_code", "OK")
        except BaseException as error:
            _failed(span, error)
            raise
        finally:
            span.end()

    def retries(self) -> Retries:
        """The decisions for this call, told to its span."""
        return TracedRetries(self.retry, self.timeout_s, self.span)

    def _attributes(self) -> dict[str, str]:
        return {
            "rpc.system.name": "grpc",
            "rpc.method": FULL_NAMES[self.rpc],
            "server.address": self.target,
        }


class TracedRetries(Retries):
    """The decisions for a call. What is tried again is an event of its span."""

    def __init__(self, policy: RetryPolicy, timeout_s: float, span: trace.Span) -> None:
        super().__init__(policy, timeout_s)
        self._span = span

    def delay_after_s(self, error: CallError) -> float:
        """As without a span."""
        delay_s = super().delay_after_s(error)
        self._span.add_event("retry", {**_facts(error), "digitserve.delay_s": delay_s})
        return delay_s


def _failed(span: trace.Span, error: BaseException) -> None:
    if isinstance(error, CallError):
        span.set_attributes(_facts(error))
    else:
        span.set_attribute("error.type", type(error).__name__)
    span.set_status(trace.StatusCode.ERROR)


def _facts(error: CallError) -> dict[str, str]:
    facts = {"rpc.response.status_code": error.code, "error.type": error.reason or error.code}
    return facts | ({"digitserve.request_id": error.request_id} if error.request_id else {})
