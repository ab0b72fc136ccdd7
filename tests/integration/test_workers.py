"""Several processes on one port: what callers notice of them, and what the operator does."""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_bench.processes import family
from digitserve_client import DigitClient
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_process import ServerProcess, run_server
from tiny_model import image_of
from wire import batch, one, streamed, wire_error

SERVES = r"worker \d \(process (\d+)\) serves"
ROWS = image_of(7).tobytes() * 512
CHANNELS = 8


def workers(repository: Path, transport: str, *flags: str) -> ServerProcess:
    """Two of them, with one thread each."""
    return ServerProcess(repository, "--workers", "2", "--transport", transport, *flags)


@contextmanager
def connections(target: str) -> Iterator[list[grpc.Channel]]:
    """Channels that have each a connection of their own: the kernel spreads those."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(grpc.insecure_channel(target, options=own))) for _ in range(CHANNELS)
        ]


def test_every_connection_meets_a_server_that_serves(repository: Path, transport: str) -> None:
    with workers(repository, transport) as server, connections(server.target) as channels:
        assert len(set(server.logged(SERVES, times=2))) == 2
        for channel in channels:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert health.status == health_pb2.HealthCheckResponse.SERVING
            answer = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(3)))
            assert answer.classification.digit == 3


def test_a_worker_that_is_killed_comes_back_and_calls_go_on(repository: Path, transport: str) -> None:
    with workers(repository, transport) as server, DigitClient(server.target, timeout_s=20) as client:
        for kill in range(2):
            for victim in server.logged(SERVES, times=2 + 2 * kill)[-2:]:
                os.kill(int(victim), signal.SIGKILL)
                assert [client.classify(image_of(digit)).digit for digit in range(10)] == list(range(10))
        server.logged(SERVES, times=6)
        assert server.stop() == 0
    assert server.log.count("ended with exit code -9; it is started again") == 4


def test_sigterm_drains_all_of_them(repository: Path, transport: str) -> None:
    # Time for all of the calls to arrive before they would be refused, however busy the machine is.
    server = workers(repository, transport, "--shutdown-delay-s", "2")
    with server, connections(server.target) as channels:
        stubs = [digits_grpc.DigitServiceStub(channel) for channel in channels]
        streams: list[Any] = [stub.StreamClassifyImages(held_open(), timeout=20) for stub in stubs]
        for stream in streams:
            assert list(next(stream).classifications.digits) == [7]
        under_way = [stub.BatchClassifyImages.future(batch(ROWS), timeout=20) for stub in stubs]
        server.send(signal.SIGTERM)
        for call in under_way:
            assert set(call.result().classifications.digits) == {7}
        for stream in streams:
            with pytest.raises(grpc.RpcError) as error:
                next(stream)
            assert wire_error(error.value).details["ErrorInfo"].reason == "DRAINING"
        assert server.wait() == 0
    assert "Traceback" not in server.log


def held_open() -> Iterator[Any]:
    """The requests of a stream that goes on for as long as the server lets it."""
    yield streamed(image_of(7).tobytes())
    select.select([], [], [], 20)


def test_a_worker_that_cannot_start_again_is_tried_less_and_less_often(
    repository: Path, transport: str
) -> None:
    model = repository / "digits" / "1" / "model.onnx"
    with workers(repository, transport) as server, DigitClient(server.target, timeout_s=20) as client:
        victim, other = server.logged(SERVES, times=2)
        shutil.copy(model, repository / "whole")
        model.write_bytes(b"nothing")
        os.kill(int(victim), signal.SIGKILL)
        waits = server.logged(r"started again in (\d\.\d) s", times=3)
        assert client.classify(image_of(5)).digit == 5
        shutil.move(repository / "whole", model)
        assert len(set(server.logged(SERVES, times=3))) == 3
        os.kill(int(other), 0)  # is still there
        assert server.stop() == 0
    assert waits == ["0.1", "0.2", "0.4"]
    assert "model digits/1 is refused: model.onnx is damaged" in server.log


def test_who_cannot_start_at_all_says_why_and_ends(repository: Path, transport: str) -> None:
    (repository / "digits" / "1" / "model.onnx").write_bytes(b"nothing")
    flags = ("--models", str(repository), "--port", "0", "--workers", "2", "--transport", transport)
    result = run_server(*flags)
    assert result.returncode == 1
    assert "is refused: model.onnx is damaged" in result.stderr
    assert "before all of them had started" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("held_by", ["1", "2"])
@pytest.mark.parametrize("asked_by", ["1", "2"])
def test_a_port_is_shared_by_workers_of_one_server_only(
    repository: Path, transport: str, held_by: str, asked_by: str
) -> None:
    if held_by == asked_by == "1":
        pytest.skip("no workers in that")
    with ServerProcess(repository, "--workers", held_by, "--transport", transport) as server:
        flags = ("--models", str(repository), "--workers", asked_by, "--transport", transport)
        result = run_server(*flags, "--port", str(server.port))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: cannot listen on {server.target}: is it taken")


def test_workers_do_not_outlive_their_supervisor(repository: Path, transport: str) -> None:
    with workers(repository, transport) as server:
        ends = [os.pidfd_open(pid) for pid in family(server.pid)[1:]]
        assert len(ends) == 2
        server.send(signal.SIGKILL)
        server.wait()
        for end in ends:
            assert select.select([end], [], [], 20)[0], "a worker is still there"
            os.close(end)


def test_an_ipv6_address(repository: Path, transport: str) -> None:
    """One process or several, the address is written with brackets."""
    for number in ("1", "2"):
        command = ServerProcess(repository, "--workers", number, "--transport", transport).command
        with subprocess.Popen([*command, "--host", "::1"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            line = process.stdout.readline()
            with DigitClient(line.split()[-1], timeout_s=20) as client:
                assert client.classify(image_of(5)).digit == 5
            process.terminate()
        assert process.returncode == 0
        assert line.startswith("digitserve-server: listening on [::1]:")
