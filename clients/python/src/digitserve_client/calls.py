"""The calls a client can make, as values: what to send, how to read the answer, when to try again.

Both clients make their calls here; all they add is how to send one and how to wait.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import grpc
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2
from grpc_health.v1 import health_pb2

from digitserve_client import codec
from digitserve_client.config import ClientConfig
from digitserve_client.errors import CallError, Unavailable
from digitserve_client.images import Images
from digitserve_client.models import Health, Model
from digitserve_client.results import Classification, Classifications
from digitserve_client.retry import Retries, RetryPolicy
from digitserve_client.status import error_from

Answer = TypeVar("Answer")

ONCE = RetryPolicy(attempts=1)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[Answer]):
    """One call of the method `rpc`, not yet sent."""

    rpc: str
    request: Any
    decode: Callable[[Any], Answer]
    target: str
    timeout_s: float
    retry: RetryPolicy
    metadata: tuple[tuple[str, str], ...] = field(repr=False)
    secure: bool

    def under_way(self) -> "contextlib.AbstractContextManager[Call[Answer]]":
        """A context that lasts as long as the call does; yields the call to be sent."""
        return contextlib.nullcontext(self)

    def retries(self) -> Retries:
        """The decisions for this call, starting its clock."""
        return Retries(self.retry, self.timeout_s)

    def error_from(self, failure: grpc.RpcError, *, knock: bool = False) -> CallError:
        """The error for a failed attempt, with grpc's own as its cause."""
        error = error_from(
            failure, target=self.target, timeout_s=self.timeout_s, secure=self.secure, knock=knock
        )
        error.__cause__ = failure
        return error

    def explained(self, error: Unavailable) -> CallError:
        """The error that ends the call, with all that can be found out about the server; blocks a moment."""
        failure = error.__cause__
        return self.error_from(failure, knock=True) if isinstance(failure, grpc.RpcError) else error


Methods: TypeAlias = Callable[[Call[Any]], Any]
"""Gives gRPC's multi-callable for a call. It is asked before each attempt, so that it can refuse."""


class Calls:
    """Makes the calls of one client."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._new_call = _kind()
        self._metadata = config.metadata()
        self._selector = digits_pb2.ModelSelector(name=config.model or "", version=_decimal(config.version))

    def classify(self, image: Images, timeout_s: float | None) -> Call[Classification]:
        """What does one image show?"""
        request = codec.classify_request(image.rows, self._selector)
        decode = functools.partial(codec.classification, warnings=image.warnings.get(0, ()))
        return self._call("ClassifyImage", request, decode, timeout_s)

    def classify_batch(
        self, images: Images, timeout_s: float | None, *, probabilities: bool
    ) -> Call[Classifications]:
        """What do N images show?"""
        request = codec.batch_request(images.rows, self._selector, probabilities=probabilities)
        decode = functools.partial(codec.classifications, rows=len(images), warnings=images.warnings)
        return self._call("BatchClassifyImages", request, decode, timeout_s)

    def models(self, timeout_s: float | None) -> Call[list[Model]]:
        """Which models are there?"""
        return self._call("ListModels", models_pb2.ListModelsRequest(), codec.models, timeout_s)

    def model(self, name: str | None, version: str | int | None, timeout_s: float | None) -> Call[Model]:
        """What is that model? Without a name or a version: the client's, or else the server's default."""
        if name is None and version is None:
            name, version = self._config.model, self._config.version
        request = models_pb2.GetModelRequest(name=name or "", version=_decimal(version))
        return self._call("GetModel", request, codec.model_answer, timeout_s)

    def load_model(self, name: str | None, version: str | int | None, timeout_s: float | None) -> Call[Model]:
        """Load that version, or model."""
        request = models_pb2.LoadModelRequest(name=self._name(name), version=_decimal(version))
        return self._call("LoadModel", request, codec.model_answer, timeout_s)

    def unload_model(
        self, name: str | None, version: str | int | None, timeout_s: float | None
    ) -> Call[Model]:
        """Unload that version, or model."""
        request = models_pb2.UnloadModelRequest(name=self._name(name), version=_decimal(version))
        return self._call("UnloadModel", request, codec.model_answer, timeout_s)

    def set_default(
        self, version: str | int | None, name: str | None, label: str | None, timeout_s: float | None
    ) -> Call[Model]:
        """Make that version the default, or give it a label."""
        request = models_pb2.SetDefaultRequest(
            name=self._name(name), version=_decimal(version), label=label or ""
        )
        return self._call("SetDefault", request, codec.model_answer, timeout_s)

    def rollback(self, name: str | None, timeout_s: float | None) -> Call[Model]:
        """Go back to the default of before. Sent once: twice would be back where it was."""
        request = models_pb2.RollbackRequest(name=self._name(name))
        call = self._call("Rollback", request, codec.model_answer, timeout_s)
        return dataclasses.replace(call, retry=ONCE)

    def health(self, service: str, timeout_s: float | None) -> Call[Health]:
        """Does the server serve? Asked once: to try again would hide the answer."""
        request = health_pb2.HealthCheckRequest(service=service)
        call = self._call("Check", request, codec.health, timeout_s)
        return dataclasses.replace(call, retry=ONCE)

    def _name(self, name: str | None) -> str:
        return name or self._config.model or ""

    def _call(
        self, rpc: str, request: Any, decode: Callable[[Any], Answer], timeout_s: float | None
    ) -> Call[Answer]:
        return self._new_call(
            rpc=rpc,
            request=request,
            decode=decode,
            target=self._config.target,
            timeout_s=self._config.call_timeout_s(timeout_s),
            retry=self._config.retry,
            metadata=self._metadata,
            secure=bool(self._config.tls),
        )


def _kind() -> type[Call[Any]]:
    try:
        from digitserve_client.tracing import TracedCall, is_set_up  # noqa: PLC0415  # an optional extra
    except ImportError:
        return Call
    return TracedCall if is_set_up() else Call


def _decimal(version: str | int | None) -> str:
    return "" if version is None else str(version)
