"""grpcio's asyncio server: the default transport, which carries every kind of call."""

from typing import Any

import grpc.aio
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from digitserve_serving.health import DIGIT_SERVICE, INFERENCE_SERVICE, MODEL_SERVICE, Health
from digitserve_serving.models import Models
from digitserve_serving.oip.servicer import InferenceServicer
from digitserve_serving.servicers import DigitServicer, ModelServicer
from digitserve_serving.settings import Settings
from digitserve_serving.streams import OpenStreams
from digitserve_serving.transport import address_taken


class GrpcioTransport:
    """Every service of the server, at `address`: host:port, or unix:path."""

    def __init__(
        self, address: str, models: Models, health: Health, settings: Settings, *, shares_port: bool = False
    ) -> None:
        """With `shares_port`, other processes may listen there too. Raises TransportError."""
        self._server = grpc.aio.server(options=_options(settings, shares_port=shares_port))
        _add_services(self._server, models, health, settings)
        try:
            self._port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise address_taken(address) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Answers calls from now on."""
        await self._server.start()

    async def stop(self, grace_s: float | None) -> None:
        """Takes no more calls, and gives those under way `grace_s` seconds to finish."""
        await self._server.stop(grace=grace_s)


def _options(settings: Settings, *, shares_port: bool) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # Two servers on one port would share its connections without a word: only workers of one may.
        ("grpc.so_reuseport", int(shares_port)),
        # Else each connection's window grows to megabytes, which are read before anybody asks for them. A
        # message that is asked for gets as large a window as it needs.
        ("grpc.http2.bdp_probe", 0),
    ]


def _add_services(server: grpc.aio.Server, models: Models, health: Health, settings: Settings) -> None:
    streams = OpenStreams(settings.max_streams)
    _add_handlers(server, DIGIT_SERVICE, DigitServicer(models, settings, streams).handlers())
    _add_handlers(server, INFERENCE_SERVICE, InferenceServicer(models, settings, streams).handlers())
    _add_handlers(server, MODEL_SERVICE, ModelServicer(models).handlers())
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    ours = (DIGIT_SERVICE, MODEL_SERVICE, INFERENCE_SERVICE)
    reflection.enable_server_reflection((*ours, grpc_health.SERVICE_NAME, reflection.SERVICE_NAME), server)


def _add_handlers(server: grpc.aio.Server, service: str, handlers: dict[str, Any]) -> None:
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    server.add_registered_method_handlers(service, handlers)
