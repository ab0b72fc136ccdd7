"""What Prometheus reads of a server, of one process and of two, and what stands in its log."""

import asyncio
import base64
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_client import DigitClient
from gate import Gate
from scrape import METRICS, read, scrape
from server_in_process import Serving
from server_process import ServerProcess, run_server
from tiny_model import image_of
from wire import batch, error_of, one, streamed

DIGITS = "digitserve.v1.DigitService"
ONE, BATCH = f"{DIGITS}/ClassifyImage", f"{DIGITS}/BatchClassifyImages"
CLEAR, UNCLEAR = 255, 60  # votes: the latter is below the review threshold
COUNT = "digitserve_request_duration_seconds_count"


@pytest.fixture(params=[1, 2])
def number(request: pytest.FixtureRequest) -> int:
    """How many processes serve."""
    return int(request.param)


@pytest.fixture
def server(repository: Path, transport: str, number: int) -> Iterator[ServerProcess]:
    flags = ("--workers", str(number), "--transport", transport, "--log-level", "debug")
    with ServerProcess(repository, *METRICS, *flags) as server:
        yield server


@contextmanager
def stubs(server: ServerProcess, number: int = 8) -> Iterator[list[Any]]:
    """With a connection each: several processes get some of them."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    with ExitStack() as stack:
        channels = [
            stack.enter_context(closing(grpc.insecure_channel(server.target, options=own)))
            for _ in range(number)
        ]
        yield [digits_grpc.DigitServiceStub(channel) for channel in channels]


def test_calls_and_predictions_are_counted_exactly(server: ServerProcess, number: int) -> None:
    mixed = np.stack([image_of(1, CLEAR), image_of(2, UNCLEAR), image_of(2, CLEAR)])
    with stubs(server) as callers:
        for stub in callers:
            for _ in range(5):
                stub.ClassifyImage(one(image_of(7, CLEAR)))
            stub.BatchClassifyImages(batch(mixed.tobytes()))
            assert len(list(stub.StreamClassifyImages(iter([streamed(mixed.tobytes())] * 2)))) == 2
    found = scrape(server)
    assert found.value("digitserve_calls_total", method=ONE, code="OK") == 40
    assert found.value("digitserve_calls_total", method=BATCH, code="OK") == 8
    assert found.value("digitserve_calls_total", method=f"{DIGITS}/StreamClassifyImages", code="OK") == 8
    model = {"model": "digits", "version": "1"}
    assert found.by("digitserve_predictions_total", "digit") == {"1": 24, "2": 48, "7": 40}
    assert found.value("digitserve_needs_review_total", **model) == 24
    assert found.value("digitserve_confidence_count", **model) == 112
    assert found.value("digitserve_confidence_bucket", **model, le="0.9") == 24
    assert found.value("digitserve_ink_density_sum", **model) == pytest.approx(
        (88 * CLEAR + 24 * UNCLEAR) / 255 / 784
    )
    assert found.value("digitserve_batch_rows_sum", **model) == 112
    for stage in ("queue", "run", "total"):
        assert found.value(COUNT, stage=stage, **model) == 40 + 8 + 16
        assert found.value(COUNT.replace("count", "sum"), stage=stage) > 0
    assert found.value("digitserve_queued_rows", **model) == 0
    assert found.by("digitserve_model_processes", "state") == {"ready": number}
    assert found.value("digitserve_processes") == number
    assert sum(found.by("digitserve_rejections_total", "reason").values()) == 0
    assert "digitserve_drift_score{" not in found.text  # as the model's manifest has no distribution


def test_errors_are_counted_by_code_and_reason(server: ServerProcess) -> None:
    with stubs(server, 1) as (stub,):
        for request in (one(image_of(1), name="letters"), one(image_of(1)[1:])):
            with pytest.raises(grpc.RpcError):
                stub.ClassifyImage(request)
    with grpc.insecure_channel(server.target) as channel:
        inference = pb_grpc.GRPCInferenceServiceStub(channel)
        requests = iter([pb.ModelInferRequest(model_name="letters")])
        (answer,) = inference.ModelStreamInfer(requests)
        assert answer.error_message
        with pytest.raises(grpc.RpcError):
            inference.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="letters"))
        assert inference.ModelReady(pb.ModelReadyRequest(name="digits")).ready
    found = scrape(server)
    calls = found.samples["digitserve_calls_total"]
    assert {(labels["code"], labels["method"]): value for labels, value in calls} == {
        ("NOT_FOUND", ONE): 1,
        ("INVALID_ARGUMENT", ONE): 1,
        ("OK", "inference.GRPCInferenceService/ModelStreamInfer"): 1,
        ("PERMISSION_DENIED", "inference.GRPCInferenceService/RepositoryModelLoad"): 1,
        ("OK", "inference.GRPCInferenceService/ModelReady"): 1,
    }
    assert found.by("digitserve_rejections_total", "reason") == {
        "MODEL_NOT_FOUND": 2,
        "MODEL_CONTROL_OFF": 1,
        "INVALID_REQUEST": 1,
    }


def test_reading_while_calls_come_fails_none_of_them(server: ServerProcess) -> None:
    stop, errors = threading.Event(), list[Exception]()
    right: list[int] = []

    def keep_calling() -> None:
        with DigitClient(server.target, timeout_s=30) as client:
            while not stop.is_set():
                try:
                    right.append(client.classify(image_of(4)).digit)
                except Exception as error:  # the test wants to see all of them
                    errors.append(error)

    threads = [threading.Thread(target=keep_calling) for _ in range(4)]
    for thread in threads:
        thread.start()
    counts = [scrape(server).value("digitserve_calls_total", method=ONE, code="OK") for _ in range(20)]
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(right) == {4}
    assert counts == sorted(counts)
    assert scrape(server).value("digitserve_calls_total", method=ONE, code="OK") == len(right)


def test_no_image_leaves_through_metrics_or_log(server: ServerProcess) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    with stubs(server, 1) as (stub,):
        stub.BatchClassifyImages(batch(noise.tobytes()))
        for bad in (noise.tobytes()[:-5], noise[0].tobytes() * 5000):
            with pytest.raises(grpc.RpcError):
                stub.BatchClassifyImages(batch(bad))
    text = scrape(server).text
    assert server.stop() == 0
    for written in (text, server.log):
        pixels = noise[0, 10]
        for form in (str(pixels.tolist())[1:20], str(pixels)[1:20], pixels.tobytes().hex()):
            assert form not in written
        assert base64.b64encode(noise[0].tobytes()).decode()[:40] not in written
        assert repr(pixels.tobytes())[2:20] not in written


def test_each_call_has_a_line_at_debug_with_its_request_id(server: ServerProcess) -> None:
    with stubs(server, 1) as (stub,):
        _, call = stub.ClassifyImage.with_call(one(image_of(3)), metadata=[("x-request-id", "mine-1")])
        assert dict(call.trailing_metadata())["x-request-id"] == "mine-1"
        _, call = stub.ClassifyImage.with_call(one(image_of(3)))
        given = dict(call.trailing_metadata())["x-request-id"]
        with pytest.raises(grpc.RpcError):
            stub.ClassifyImage(one(image_of(1)[1:]), metadata=[("x-request-id", "mine-2")])
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.splitlines()]
    calls = {line["request_id"]: line for line in lines if line["message"] == "call"}
    assert set(calls) == {"mine-1", given, "mine-2"}
    assert calls["mine-1"]["method"] == ONE
    assert calls["mine-1"]["level"] == "debug"
    assert calls["mine-1"]["duration_ms"] > 0
    assert [calls[i]["code"] for i in ("mine-1", given, "mine-2")] == ["OK", "OK", "INVALID_ARGUMENT"]
    assert all(line["level"] == "info" for line in lines if line not in calls.values())


def test_counters_outlive_a_worker_and_go_on(repository: Path, transport: str) -> None:
    flags = ("--workers", "2", "--transport", transport)
    with ServerProcess(repository, *METRICS, *flags) as server:
        with stubs(server) as callers:
            for stub in callers:
                stub.ClassifyImage(one(image_of(7)))
        victim, other = server.logged(r"worker \d \(process (\d+)\) serves", times=2)
        assert scrape(server).value("digitserve_calls_total", method=ONE) == 8
        os.kill(int(victim), signal.SIGKILL)
        server.logged(r"worker \d \(process (\d+)\) serves", times=3)
        os.kill(int(other), signal.SIGTERM)  # which reports for the last time
        server.logged(r"worker \d \(process (\d+)\) serves", times=4)
        with stubs(server) as callers:
            for stub in callers:
                stub.ClassifyImage(one(image_of(7)))
        found = scrape(server)
        assert found.value("digitserve_calls_total", method=ONE) == 16
        assert found.value("digitserve_process_restarts_total") == 2
        assert found.by("digitserve_model_processes", "state") == {"ready": 2}


def test_a_worker_that_hangs_is_missed_and_its_counters_stay(repository: Path, transport: str) -> None:
    with ServerProcess(repository, *METRICS, "--workers", "2", "--transport", transport) as server:
        with stubs(server) as callers:
            for stub in callers:
                stub.ClassifyImage(one(image_of(7)))
        victim, other = server.logged(r"worker \d \(process (\d+)\) serves", times=2)
        assert scrape(server).value("digitserve_processes") == 2
        os.kill(int(victim), signal.SIGSTOP)
        found = scrape(server)
        os.kill(int(other), signal.SIGSTOP)
        of_nobody = scrape(server)
        for worker in (victim, other):
            os.kill(int(worker), signal.SIGCONT)
        assert found.value("digitserve_processes") == 1
        assert of_nobody.samples["digitserve_processes"] == [({}, 0)]
        assert found.value("digitserve_calls_total", method=ONE) == 8
        again = scrape(server)
        assert again.value("digitserve_processes") == 2
        assert again.value("digitserve_calls_total", method=ONE) == 8


def test_a_model_that_failed_is_seen(repository: Path, transport: str) -> None:
    (repository / "digits" / "1" / "model.onnx").write_bytes(b"nothing")
    flags = (*METRICS, "--transport", transport, "--workers", "1")
    with ServerProcess(repository, *flags, until_serving=False) as server:
        server.logged("not serving")
        assert scrape(server).by("digitserve_model_processes", "state") == {"failed": 1}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_of_the_metrics_that_is_taken_is_one_clear_line(repository: Path, workers: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        flags = ("--models", str(repository), "--port", "0", "--workers", workers)
        result = run_server(*flags, "--metrics-port", str(taken))
    assert result.returncode == 1
    expected = f"Error: cannot serve metrics on 127.0.0.1:{taken}: is it taken"
    assert result.stderr.splitlines()[-1].startswith(expected)
    assert "Traceback" not in result.stderr


def test_without_the_flag_there_is_no_second_port(repository: Path) -> None:
    with ServerProcess(repository) as server:
        assert server.stop() == 0
    assert "metrics" not in server.log


async def queue_has(rows: int, url: str) -> None:
    """Waits until the metrics say that so many rows wait."""
    async with asyncio.timeout(20):
        while (await asyncio.to_thread(read, url)).value("digitserve_queued_rows") != rows:
            pass


async def test_who_waits_who_leaves_and_who_is_refused(
    serving: Serving, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serving(metrics_port=0, max_queue_rows=4, max_rows_per_call=4) as channel:
        (url,) = re.findall(r"metrics on (\S+)", caplog.text)
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        first = asyncio.ensure_future(stub.ClassifyImage(one(image_of(9))))
        await gate.entered()
        waits = asyncio.ensure_future(stub.BatchClassifyImages(batch(image_of(1).tobytes() * 3)))
        await queue_has(3, url)
        refused = await error_of(stub.BatchClassifyImages(batch(image_of(1).tobytes() * 4)))
        assert refused.details["ErrorInfo"].reason == "QUEUE_FULL"
        waits.cancel()
        await queue_has(0, url)
        gate.open()
        await first
        found = await asyncio.to_thread(read, url)
    assert found.value("digitserve_calls_total", method=BATCH, code="CANCELLED") == 1
    assert found.value("digitserve_calls_total", method=BATCH, code="RESOURCE_EXHAUSTED") == 1
    assert found.value("digitserve_calls_total", method=ONE, code="OK") == 1
    assert found.by("digitserve_rejections_total", "reason") == {"QUEUE_FULL": 1}
    assert found.by("digitserve_predictions_total", "digit") == {"9": 1}
