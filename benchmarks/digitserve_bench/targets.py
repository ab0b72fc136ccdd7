"""What is measured: the server over each transport, and the echoes that are their floors."""

import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digitserve_bench.processes import child, module

TRANSPORTS = ("grpcio", "native")
TWO_WORKERS = "grpcio, 2 workers"
SERVERS = {
    "grpcio": (),
    "native": ("--transport", "native"),
    TWO_WORKERS: ("--workers", "2", "--intra-op-threads", "2"),
}
"""What is measured, by name: the flags beside the default settings."""

ECHO = "echo "
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Target:
    """A running process that takes calls. started_s: from its start until it served, in seconds."""

    name: str
    pid: int
    port: int
    started_s: float

    @property
    def is_echo(self) -> bool:
        """Whether it is a floor."""
        return self.name.startswith(ECHO)

    @property
    def server(self) -> str:
        """The server that it is, or that it is the floor of."""
        return self.name.removeprefix(ECHO)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"


class DidNotStart(Exception):
    """A target ended, or said something else than where it listens."""


def transports() -> list[str]:
    """The transports that the server has here."""
    native = ("pygrpc_native", "digitserve_serving.native_transport")
    has_native = all(importlib.util.find_spec(name) for name in native)
    return [name for name in TRANSPORTS if name != "native" or has_native]


def servers() -> list[str]:
    """Those of SERVERS that there are here."""
    return [name for name in SERVERS if name == TWO_WORKERS or name in transports()]


@contextmanager
def server(name: str, models: Path) -> Iterator[Target]:
    """One of SERVERS; it serves when the block begins. Raises DidNotStart."""
    command = [sys.executable, "-m", "digitserve_serving.cli", "--models", str(models), "--port", "0"]
    command += ["--shutdown-delay-s", "0", "--log-level", "warning"]
    command += SERVERS[name]
    started = time.perf_counter()
    with child(command) as process:
        port = _port(process)
        _wait_until_serving(port)
        yield Target(name, process.pid, port, time.perf_counter() - started)


@contextmanager
def echo(transport: str) -> Iterator[Target]:
    """An echo over a transport. Raises DidNotStart."""
    started = time.perf_counter()
    with child(module("echo", transport)) as process:
        port = _port(process)
        yield Target(ECHO + transport, process.pid, port, time.perf_counter() - started)


def _port(process: subprocess.Popen[str]) -> int:
    line = process.stdout.readline() if process.stdout else ""
    listening = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
    if not listening:
        raise DidNotStart(f"it said {line!r}; its own message is above")
    return int(listening[1])


def _wait_until_serving(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=START_TIMEOUT_S, wait_for_ready=True
        )
        for response in watch:
            if response.status == health_pb2.HealthCheckResponse.SERVING:
                watch.cancel()
                return
