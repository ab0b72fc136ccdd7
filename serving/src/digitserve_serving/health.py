"""What grpc.health.v1 says of this server, and a check of it for containers."""

import asyncio
import os
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio

from digitserve_serving.access.own_channel import own_channel
from digitserve_serving.services import DIGIT_SERVICE, INFERENCE_SERVICE, MODEL_SERVICE

WHOLE_SERVER = ""
ASKING = (WHOLE_SERVER, DIGIT_SERVICE, INFERENCE_SERVICE)  # those that need the models


class Health(aio.HealthServicer):  # type: ignore[misc]  # grpc_health is untyped
    """The statuses of the whole server, and of each service by its full name, as grpcio's servicer has them.

    With a Watch that can be ended and that holds up nobody: grpcio's own writes to each watcher under a lock,
    and one who does not read would stop every change.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()
        self._ended = False

    async def starting(self) -> None:
        """Before the port opens: grpcio's own servicer would start with SERVING."""
        await self._set_all(health_pb2.HealthCheckResponse.NOT_SERVING, *ASKING)
        await self._set_all(health_pb2.HealthCheckResponse.SERVING, MODEL_SERVICE)

    async def ready(self) -> None:
        """Every model is ready."""
        await self._set_all(health_pb2.HealthCheckResponse.SERVING, *ASKING)

    async def stopping(self) -> None:
        """NOT_SERVING for all, for good."""
        await self.enter_graceful_shutdown()

    def end_watches(self) -> None:
        """Ends every Watch call, with OK, once it has sent the last status."""
        self._ended = True
        self._tell()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Sends the status now and at every change, until the client or the server has enough."""
        sent = None
        while True:
            changed = self._changed
            status = self._server_status.get(request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
            if status != sent:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                sent = status
            elif self._ended:
                return
            else:
                await changed.wait()

    async def _set_all(self, status: int, *services: str) -> None:
        for service in services:
            await self.set(service, status)

    async def _set(self, service: str, status: int) -> None:
        self._server_status[service] = status
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def check(target: str, timeout_s: float = 2.0) -> str:
    """The status of the server at `target`, by name: SERVING, NOT_SERVING, or UNREACHABLE."""
    try:
        with own_channel(target, os.environ, timeout_s) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            response = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
    except (grpc.RpcError, OSError):
        return "UNREACHABLE"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def main() -> None:
    """`python -m digitserve_serving.health [TARGET]`: exits 0 when SERVING. For container health checks.

    Without TARGET, at the port that the server's own variable names.
    """
    port = os.environ.get("DIGITSERVE_PORT") or "50051"
    status = check(sys.argv[1] if len(sys.argv) > 1 else f"localhost:{port}")
    sys.stdout.write(f"{status}\n")
    sys.exit(status != "SERVING")


if __name__ == "__main__":
    main()
