"""What grpc.health.v1 says of this server, and a check of it for containers."""

import sys

import grpc
from digitserve.v1 import digit_service_pb2, model_service_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio

DIGIT_SERVICE = digit_service_pb2.DESCRIPTOR.services_by_name["DigitService"].full_name
MODEL_SERVICE = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name
WHOLE_SERVER = ""


class Health:
    """The statuses: of the whole server, and of each service by its full name."""

    def __init__(self) -> None:
        self.servicer = aio.HealthServicer()

    async def starting(self) -> None:
        """Before the port opens: grpcio's own servicer would start with SERVING."""
        await self._set(health_pb2.HealthCheckResponse.NOT_SERVING, WHOLE_SERVER, DIGIT_SERVICE)
        await self._set(health_pb2.HealthCheckResponse.SERVING, MODEL_SERVICE)

    async def ready(self) -> None:
        """Every model is ready."""
        await self._set(health_pb2.HealthCheckResponse.SERVING, WHOLE_SERVER, DIGIT_SERVICE)

    async def stopping(self) -> None:
        """NOT_SERVING for all, for good."""
        await self.servicer.enter_graceful_shutdown()

    async def _set(self, status: int, *services: str) -> None:
        for service in services:
            await self.servicer.set(service, status)


def check(target: str, timeout_s: float = 2.0) -> str:
    """The status of the server at `target`, by name: SERVING, NOT_SERVING, or UNREACHABLE."""
    with grpc.insecure_channel(target) as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            response = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError:
            return "UNREACHABLE"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def main() -> None:
    """`python -m digitserve_serving.health TARGET`: exits 0 when SERVING. For container health checks."""
    status = check(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
    sys.stdout.write(f"{status}\n")
    sys.exit(status != "SERVING")


if __name__ == "__main__":
    main()
