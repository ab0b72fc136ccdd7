"""pygrpc-native: HTTP/2 in Rust, outside the GIL, with a loop of our own for the calls that matter.

Streams, health, reflection and everything else that asks for no unary prediction goes to a grpcio
server behind it, on a socket of its own, with the same servicers: so it behaves as it does there.
"""

import asyncio
from collections.abc import Iterable

from pygrpc_native import NativeGrpcFront

from digitserve_serving.access.guard import Guard
from digitserve_serving.calls import Calls
from digitserve_serving.grpcio_transport import GrpcioTransport
from digitserve_serving.health import Health
from digitserve_serving.models import Models
from digitserve_serving.native_loop import NativeLoop
from digitserve_serving.oip.calls import InferCalls
from digitserve_serving.own_folder import OwnFolder
from digitserve_serving.services import DIGIT_SERVICE, INFERENCE_SERVICE
from digitserve_serving.settings import Settings
from digitserve_serving.status import REQUEST_ID_KEY
from digitserve_serving.tracing import environment
from digitserve_serving.tracing.front import TracedFront
from digitserve_serving.transport import (
    KEEPALIVE_TIME_MS,
    KEEPALIVE_TIMEOUT_MS,
    TransportError,
    address_taken,
)


class NativeTransport:
    """Unary predictions at `address`, host:port, and a grpcio server behind it for all other calls."""

    def __init__(
        self,
        address: str,
        models: Models,
        health: Health,
        settings: Settings,
        guard: Guard,
        *,
        shares_port: bool,
    ) -> None:
        """With `shares_port`, other processes may listen there too. Raises TransportError."""
        calls = Calls(models, settings)
        readers = {
            f"/{DIGIT_SERVICE}/ClassifyImage": calls.image,
            f"/{DIGIT_SERVICE}/BatchClassifyImages": calls.batch,
            f"/{INFERENCE_SERVICE}/ModelInfer": InferCalls(models, settings).infer,
        }
        self._front = _front(address, readers, settings, shares_port=shares_port)
        self._folder = _folder()
        self._socket = self._folder.path / "grpc"
        self._others = GrpcioTransport(f"unix:{self._socket}", models, health, settings, guard)
        tracing = environment.active()
        front = TracedFront(self._front, readers, tracing) if tracing else self._front
        self._loop = NativeLoop(front, readers, models, guard)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._front.bound_port

    async def start(self) -> None:
        """Answers calls from now on."""
        await self._others.start()
        self._front.set_fallback(str(self._socket))
        self._front.start()
        self._loop.start()

    async def stop(self, grace_s: float | None) -> None:
        """Gives the calls under way `grace_s` seconds to finish, then takes no more. May be repeated."""
        await asyncio.gather(self._others.stop(grace_s), self._loop.finish(grace_s or 0.0))
        await asyncio.to_thread(self._loop.close)
        self._folder.remove()


def _front(address: str, methods: Iterable[str], settings: Settings, *, shares_port: bool) -> NativeGrpcFront:
    try:
        return NativeGrpcFront(
            address,
            [(method, False) for method in methods],
            io_threads=1,  # all it does is little beside what is computed
            call_details=True,  # asks to be told of calls that are cancelled or have expired
            client_key_metadata=REQUEST_ID_KEY,
            keepalive_time_ms=KEEPALIVE_TIME_MS,
            keepalive_timeout_ms=KEEPALIVE_TIMEOUT_MS,
            max_concurrent_streams=settings.max_calls_per_connection,
            reuse_port=shares_port,
        )
    except OSError as error:
        raise address_taken(address) from error


def _folder() -> OwnFolder:
    try:
        return OwnFolder()
    except OSError as error:
        raise TransportError(
            f"--transport native keeps a socket in a temporary folder (TMPDIR): {error.strerror or error}"
        ) from error
