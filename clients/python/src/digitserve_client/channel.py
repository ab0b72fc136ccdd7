"""How a channel to the server is set up, and which methods it carries."""

import functools
import json
from collections.abc import Callable
from importlib import metadata
from typing import Any

import grpc
import grpc.aio
from digitserve.v1.digit_service_pb2_grpc import DigitServiceStub
from digitserve.v1.model_service_pb2_grpc import ModelServiceStub
from grpc_health.v1.health_pb2_grpc import HealthStub

from digitserve_client.config import ClientConfig
from digitserve_client.errors import ClientClosed

VERSION = metadata.version("digitserve-client")
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # the server's limit too

# With several addresses behind one name, as replicas have, calls go to each in turn and around dead ones.
SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.primary_user_agent", f"digitserve-python/{VERSION}"),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.service_config", SERVICE_CONFIG),
    # One layer of retries, ours: a service config out of DNS could add gRPC's. `grpc.enable_retries` stays
    # on: with 0 gRPC would also stop its transparent retries, those of calls that no server has seen.
    ("grpc.service_config_disable_resolution", 1),
    # A server that restarts, here or at another address, is found again well within a call's time.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # Notices a connection that died without a word. Servers hang up on clients that ping more often, or
    # while no call is under way.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
)


def connected(config: ClientConfig) -> grpc.Channel:
    """A channel for synchronous code, which connects when it is used."""
    if credentials := config.credentials():
        return grpc.secure_channel(config.target, credentials, options=OPTIONS)
    return grpc.insecure_channel(config.target, options=OPTIONS)


def aio_connected(config: ClientConfig) -> grpc.aio.Channel:
    """The same for asyncio."""
    if credentials := config.credentials():
        return grpc.aio.secure_channel(config.target, credentials, options=OPTIONS)
    return grpc.aio.insecure_channel(config.target, options=OPTIONS)


class Connection:
    """A channel, made when it is first used, and its methods; clients for other models share it."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self.closed = False

    @functools.cached_property
    def channel(self) -> Any:
        """For synchronous code or for asyncio, as it was asked for."""
        return self._connect()

    @functools.cached_property
    def _methods(self) -> dict[str, Any]:
        return methods(self.channel)

    def method(self, rpc: str) -> Any:
        """The multi-callable of that name; raises ClientClosed."""
        if self.closed:
            raise ClientClosed
        return self._methods[rpc]

    def close(self) -> Any:
        """Closes the channel, if there is one; what that returns is to be awaited with asyncio."""
        self.closed = True
        return self.channel.close() if "channel" in self.__dict__ else None


def methods(channel: grpc.Channel | grpc.aio.Channel) -> dict[str, Any]:
    """The multi-callables of a sync or an asyncio channel, by the name of their rpc."""
    digits, models, health = DigitServiceStub(channel), ModelServiceStub(channel), HealthStub(channel)
    return {
        "ClassifyImage": digits.ClassifyImage,
        "BatchClassifyImages": digits.BatchClassifyImages,
        "ListModels": models.ListModels,
        "GetModel": models.GetModel,
        "LoadModel": models.LoadModel,
        "UnloadModel": models.UnloadModel,
        "SetDefault": models.SetDefault,
        "Rollback": models.Rollback,
        "Check": health.Check,
    }
