"""Which variables have calls traced, and that nothing of OpenTelemetry is there without them."""

import subprocess
import sys

import pytest
from digitserve_serving.tracing.environment import active, exporter_names, traced_as_configured

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "digits"}, []),
        (ENDPOINT, ["otlp_proto_grpc"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4317"}, ["otlp_proto_grpc"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp_proto_grpc"]),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ["otlp_proto_http"]),
        (
            ENDPOINT
            | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
            ["otlp_proto_grpc"],
        ),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp_proto_grpc"]),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, []),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, []),
    ],
)
def test_the_variables_say_who_gets_the_spans(variables: dict[str, str], names: list[str]) -> None:
    assert exporter_names(variables) == names


def test_without_variables_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, digitserve_client, digitserve_serving.native_transport, digitserve_serving.worker\n"
        "from digitserve_serving.tracing.environment import traced_as_configured\n"
        "with traced_as_configured(): print(*(name for name in sys.modules if 'opentelemetry' in name))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert ran.stdout == "\n"


def test_a_server_that_lacks_the_packages_says_so_and_serves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with traced_as_configured():
        assert active() is None
    assert "opentelemetry.sdk.resources is missing; pip install 'digitserve-serving[tracing]'" in caplog.text


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "PROTOCOL",
            "http/json",
            "the exporter 'http/json'; installed are console, otlp_proto_grpc, otlp_proto_http",
        ),
        ("COMPRESSION", "zstd", 'not traced: Invalid value "zstd" for compression'),
    ],
)
def test_what_cannot_be_exported_with_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", value)
    with traced_as_configured():
        assert active() is None
    assert told in caplog.text
