"""grpcio's asyncio server: the default transport, which carries every kind of call."""

import grpc.aio
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from digitserve_serving.access.certificates import server_credentials
from digitserve_serving.access.guard import Guard
from digitserve_serving.access.interceptor import GuardInterceptor, refuse_admin_methods
from digitserve_serving.health import Health
from digitserve_serving.models import Models
from digitserve_serving.oip.servicer import InferenceServicer
from digitserve_serving.servicers import DigitServicer, ModelServicer
from digitserve_serving.services import SERVICES, handlers_of
from digitserve_serving.settings import Settings
from digitserve_serving.streams import OpenStreams
from digitserve_serving.tracing import environment
from digitserve_serving.tracing.interceptor import TracingInterceptor
from digitserve_serving.transport import KEEPALIVE_TIME_MS, KEEPALIVE_TIMEOUT_MS, address_taken

HANDSHAKE_TIMEOUT_MS = 10_000  # for TLS, and HTTP/2's first words
LEAST_PING_INTERVAL_MS = 30_000  # who pings more often is taken for broken, and dropped


class GrpcioTransport:
    """Every service of the server, at `address`: host:port, or unix:path."""

    def __init__(
        self,
        address: str,
        models: Models,
        health: Health,
        settings: Settings,
        guard: Guard,
        *,
        shares_port: bool = False,
    ) -> None:
        """With `shares_port`, other processes may listen there too. Raises TransportError."""
        is_socket = address.startswith("unix:")
        options = _options(settings, shares_port=shares_port) + ([] if is_socket else _peer_limits(settings))
        tracing = environment.active()
        interceptors = [
            *([TracingInterceptor(tracing)] if tracing else []),
            *([GuardInterceptor(guard, models.calls)] if guard.wants_tokens else []),
        ]
        self._server = grpc.aio.server(options=options, interceptors=interceptors)
        _add_services(self._server, models, health, settings)
        if not guard.wants_tokens:
            refuse_admin_methods(self._server, models.calls)
        credentials = server_credentials(settings)
        try:
            if credentials:
                self.port = self._server.add_secure_port(address, credentials)
            else:
                self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise address_taken(address) from error

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


def _peer_limits(settings: Settings) -> list[tuple[str, int]]:
    """What bounds each peer, and what a silent one takes."""
    return [
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", settings.max_calls_per_connection),
        ("grpc.max_connection_idle_ms", round(settings.max_connection_idle_s * 1000)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", LEAST_PING_INTERVAL_MS),
    ]


def _add_services(server: grpc.aio.Server, models: Models, health: Health, settings: Settings) -> None:
    streams = OpenStreams(settings.max_streams, settings.max_stream_idle_s)
    digits, inference = DigitServicer(models, settings, streams), InferenceServicer(models, settings, streams)
    for servicer in (digits, inference, ModelServicer(models)):
        handlers = handlers_of(servicer)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(servicer.service, handlers)])
        server.add_registered_method_handlers(servicer.service, handlers)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection(
        (*SERVICES, grpc_health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
