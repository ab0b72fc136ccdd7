"""Whether calls are traced in this process: as the standard OTEL_* variables say.

OpenTelemetry's packages read most of them: of the sampler, the resource, the limits, the endpoint. What they
leave to whoever sets them up is here: which exporter there is, if any.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitserve_serving.tracing.spans import Tracing

PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
LAST_SPANS_S = 2.0  # that the collector gets to take them when the process ends

log = logging.getLogger(__name__)
_active: "Tracing | None" = None


def active() -> "Tracing | None":
    """What traces the calls of this process. To be asked when something is made, not with each call."""
    return _active


@contextlib.contextmanager
def activated(tracing: "Tracing") -> Iterator[None]:
    """Traces the calls of the servers that are made while the block lasts."""
    global _active  # noqa: PLW0603  # of the process, as the variables are
    _active = tracing
    try:
        yield
    finally:
        _active = None


@contextlib.contextmanager
def traced_as_configured() -> Iterator[None]:
    """Traces calls while the block lasts, if the environment asks for it; where it cannot, it only warns."""
    with contextlib.ExitStack() as stack:
        if names := exporter_names(os.environ):
            try:
                stack.enter_context(_exporting(names))
            except ImportError as error:
                log.warning(
                    "not traced, though OTEL_* variables ask for it: %s is missing; pip install"
                    " 'digitserve-serving[tracing]'",
                    error.name,
                )
            except Exception as error:  # each exporter has classes of its own for values that it cannot use
                log.warning("not traced: %s", error)
        yield


def exporter_names(variables: Any) -> list[str]:
    """The exporters that the variables ask for, as their packages call them.

    An endpoint alone asks for OTLP, over gRPC unless a protocol is named.
    """
    endpoint = variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or variables.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    asked = variables.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return []
    protocol = variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or variables.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"
    )
    names = [name.strip() for name in asked.split(",")]
    return [PROTOCOLS.get(protocol, protocol) if name == "otlp" else name for name in names if name != "none"]


@contextlib.contextmanager
def _exporting(names: list[str]) -> Iterator[None]:
    """Raises ImportError where a package is missing, and ValueError for an exporter that there is not."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415  # an optional extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from digitserve_serving.tracing.spans import Tracing  # noqa: PLC0415

    exporters = [_exporter(name) for name in names]
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "digitserve-server"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter()))
    log.info("calls are traced: %s", ", ".join(names))
    try:
        with activated(Tracing(provider)):
            yield
    finally:
        # Would wait for half a minute for a collector that is not there.
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SPANS_S)


def _exporter(name: str) -> Any:
    """What makes the exporter that its package offers under this name."""
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return partial(ConsoleSpanExporter, out=sys.stderr)  # stdout is read by whoever started this process
    found = metadata.entry_points(group="opentelemetry_traces_exporter", name=name)
    if not found:
        known = ", ".join(sorted(metadata.entry_points(group="opentelemetry_traces_exporter").names))
        raise ValueError(f"OTEL_* variables ask for the exporter {name!r}; installed are {known}")
    return next(iter(found)).load()
