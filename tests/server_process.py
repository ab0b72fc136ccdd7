"""The real server as a process of its own, on a free port of the loopback interface."""

import os
import re
import signal
import subprocess
import sys
import threading
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
        self.command = [sys.executable, "-m", "digitserve_serving.cli", "--models", str(repository)]
        self.command += ["--port", str(port), "--shutdown-delay-s", "0.2", *flags]
        self._until_serving = until_serving
        self._lines: list[str] = []
        self._more = threading.Condition()
        self.port = port

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """What it has logged so far; all of it, once it has ended."""
        return "".join(self._lines)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DIGITSERVE_")}
        self._process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()
        assert self._process.stdout
        line = self._process.stdout.readline()
        listening = re.search(r"listening on 127\.0\.0\.1:(\d+)$", line)
        if not listening:
            self.stop()
        assert listening, f"the server did not start: {line}{self.log}"
        self.port = int(listening[1])
        if self._until_serving:
            self.wait_for("SERVING")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.stop()
        assert self._process.stdout
        self._process.stdout.close()

    def start_again(self) -> None:
        """On the same port, when it has ended."""
        self.__exit__(None, None, None)
        self.__enter__()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, and does not wait."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Waits for the end; returns the exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._reader.join()

    def logged(self, pattern: str, *, times: int = 1) -> list[str]:
        """Waits until the log has so many of what `pattern` matches; returns all of them."""
        with self._more:
            found = self._more.wait_for(lambda: len(re.findall(pattern, self.log)) >= times, START_TIMEOUT_S)
            assert found, f"{pattern!r} is not in the log {times} times: {self.log}"
            return re.findall(pattern, self.log)

    def _read_log(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()

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


def run_server(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs a server that must not start."""
    command = [sys.executable, "-m", "digitserve_serving.cli", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
