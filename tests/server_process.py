"""The real server as a process of its own, on a free port of the loopback interface."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_TIMEOUT_S = 30.0


class ServerProcess:
    """`with ServerProcess(repository) as server:` - started, and stopped by SIGTERM at the end.

    `target` is its address. With `until_serving`, entering waits for health to say SERVING.
    """

    def __init__(self, repository: Path, *flags: str, port: int = 0, until_serving: bool = True) -> None:
        self._command = [sys.executable, "-m", "digitserve_serving.cli", "--models", str(repository)]
        self._command += ["--port", str(port), "--shutdown-delay-s", "0.2", *flags]
        self._until_serving = until_serving
        self.port = port
        self.log = ""

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DIGITSERVE_")}
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        listening = re.search(r"listening on 127\.0\.0\.1:(\d+)$", line)
        assert listening, f"the server did not start: {line}{self._process.communicate()}"
        self.port = int(listening[1])
        if self._until_serving:
            self.wait_for("SERVING")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.stop()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, and does not wait."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Waits for the end; returns the exit code. The log is then in `log`."""
        try:
            _, self.log = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        return self._process.returncode

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def health(self, service: str = "") -> str:
        """What grpc.health.v1 says of a service, by name."""
        with grpc.insecure_channel(self.target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))

    def wait_for(self, status: str) -> None:
        """Waits, by health's own stream of changes, until it says `status`."""
        wanted = health_pb2.HealthCheckResponse.ServingStatus.Value(status)
        with grpc.insecure_channel(self.target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=START_TIMEOUT_S)
            for response in watch:
                if response.status == wanted:
                    watch.cancel()
                    return
        raise AssertionError(f"health never said {status}")
