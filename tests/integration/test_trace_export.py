"""A server process sends its spans where the OTEL_* variables say, and never waits for that."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc
from server_in_process import free_port
from server_process import ServerProcess
from tiny_model import image_of
from wire import one

Received = list[Any]


@contextmanager
def grpc_collector(received: Received) -> Iterator[str]:
    class Collector(pb_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            received.append(request)
            return pb.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    pb_grpc.add_TraceServiceServicer_to_server(Collector(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(0).wait()


@contextmanager
def http_collector(received: Received) -> Iterator[str]:
    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(pb.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("protocol", "collector", "flags"),
    [
        ("grpc", grpc_collector, ("--transport", "native", "--workers", "2")),
        ("http/protobuf", http_collector, ("--transport", "grpcio", "--workers", "1")),
    ],
)
def test_spans_reach_the_collector(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    collector: Callable[[Received], Any],
    flags: tuple[str, ...],
) -> None:
    received: Received = []
    with collector(received) as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        with ServerProcess(repository, *flags) as server:
            with grpc.insecure_channel(server.target) as channel:
                digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
            assert server.stop() == 0
    parts = [part for request in received for part in request.resource_spans]
    for part in parts:
        resource = {each.key: each.value.string_value for each in part.resource.attributes}
        assert resource["service.name"] == "digitserve-server"
        assert resource["deployment.environment.name"] == "test"
    names = [span.name for part in parts for scope in part.scope_spans for span in scope.spans]
    assert sorted(names) == ["digitserve.v1.DigitService/ClassifyImage", "queue", "run"]


def test_spans_for_people_go_to_stderr(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    with ServerProcess(repository, "--workers", "2") as server:
        with grpc.insecure_channel(server.target) as channel:
            digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
        assert server.stop() == 0
    assert '"name": "digitserve.v1.DigitService/ClassifyImage"' in server.log
    assert "no report" not in server.log  # workers report on stdout


def test_a_collector_that_is_not_there_holds_up_nobody(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with ServerProcess(repository) as server:
        with grpc.insecure_channel(server.target) as channel:
            digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
        assert server.stop() == 0
    assert "calls are traced: otlp_proto_grpc" in server.log
    assert "Traceback" not in server.log
