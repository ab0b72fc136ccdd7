"""Keeps the spans of a server and a client in this process, in place of a collector."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import pytest
from digitserve_serving.tracing.environment import activated
from digitserve_serving.tracing.spans import Tracing
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PATIENCE_S = 20.0


class Spans(InMemorySpanExporter):
    """Those that have ended."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._more:
            self._more.notify_all()
            return super().export(spans)

    def wait_for(self, name: str) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.all(name), PATIENCE_S), f"no span {name} has ended"

    def all(self, name: str = "", kind: trace.SpanKind | None = None) -> list[ReadableSpan]:
        return [
            span
            for span in self.get_finished_spans()
            if span.name.endswith(name) and kind in (None, span.kind)
        ]

    def one(self, name: str = "", kind: trace.SpanKind | None = None) -> ReadableSpan:
        (span,) = self.all(name, kind)
        return span


@contextlib.contextmanager
def kept_spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Has every call of the servers and clients made meanwhile traced."""
    spans = Spans()
    # Set for good it could only be once in a process.
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: spans.provider)
    with activated(Tracing(spans.provider)):
        yield spans


def facts(span: ReadableSpan) -> dict[str, object]:
    """The attributes of a span, those of every call left out."""
    usual = ("rpc.system.name", "rpc.method", "server.address")
    return {key: value for key, value in (span.attributes or {}).items() if key not in usual}


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    assert child.parent
    assert parent.context
    return (child.parent.trace_id, child.parent.span_id) == (parent.context.trace_id, parent.context.span_id)
