"""The server's life: open the port, load, serve, drain, close."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from digitserve_serving.access.connections import bounded_connections
from digitserve_serving.access.guard import Guard
from digitserve_serving.access.rates import Levels
from digitserve_serving.grpcio_transport import GrpcioTransport
from digitserve_serving.health import Health
from digitserve_serving.memory import freeze
from digitserve_serving.metrics.collection import snapshot_of
from digitserve_serving.metrics.endpoint import metrics_endpoint
from digitserve_serving.models import Models
from digitserve_serving.reservation import reserved
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import REFUSING_S
from digitserve_serving.transport import Transport, TransportError, address_of

REFUSED = "not serving: a model was refused"

log = logging.getLogger(__name__)


class ModelRefused(Exception):
    """A model could not be loaded; the log says why. Only workers end for that."""


async def serve(settings: Settings, on_listening: Callable[[int], None], stop: asyncio.Queue[None]) -> None:
    """Serves until something is put into `stop`, then drains; a second thing cuts the draining short.

    `on_listening` gets the port as soon as calls are accepted; health says SERVING once the models
    are ready. Raises FileNotFoundError when there is no model and TransportError.
    """
    models, health = Models(settings), Health()
    async with metrics_endpoint(settings, partial(snapshot_of, models)):
        transport = _transport(models, health, settings, Guard(settings), shares_port=False)
        await health.starting()
        await transport.start()
        on_listening(transport.port)
        try:
            async with bounded_connections(transport.port, settings):
                await _serve_until(stop, models, health)
                await _drain(transport, models, health, settings, stop)
        finally:
            await transport.stop(grace_s=None)
            await models.close()


async def serve_when_ready(
    models: Models,
    settings: Settings,
    on_listening: Callable[[int], None],
    stop: asyncio.Queue[None],
    levels: Levels,
) -> None:
    """As `serve`, on a port that other processes share: takes it only when the models are ready.

    So every answer on that port is that of a server that serves. `levels` are those of the rates that all of
    these processes count. Metrics are served by the supervisor.
    Raises ModelRefused.
    """
    health, stopping = Health(), asyncio.create_task(stop.get())
    try:
        if not await _loaded(models, stopping):
            if stopping.done():
                return
            raise ModelRefused(REFUSED)
        await health.starting()
        await health.ready()
        transport = _transport(models, health, settings, Guard(settings, levels), shares_port=True)
        await transport.start()
        on_listening(transport.port)
        try:
            async with bounded_connections(transport.port, settings):
                await _follow_until(stopping, models)
                await _drain(transport, models, health, settings, stop)
        finally:
            await transport.stop(grace_s=None)
    finally:
        await models.close()


def _transport(
    models: Models, health: Health, settings: Settings, guard: Guard, *, shares_port: bool
) -> Transport:
    address = address_of(settings.host, settings.port)
    if not shares_port:
        with reserved(settings.host, settings.port):  # else gRPC's core writes to stderr what is wrong, too
            pass
    if settings.transport == "grpcio":
        return GrpcioTransport(address, models, health, settings, guard, shares_port=shares_port)
    try:
        from digitserve_serving.native_transport import NativeTransport  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise TransportError(
            f"--transport native needs {error.name}: pip install 'digitserve-serving[native]'"
        ) from error
    return NativeTransport(address, models, health, settings, guard, shares_port=shares_port)


async def _serve_until(stop: asyncio.Queue[None], models: Models, health: Health) -> None:
    stopping = asyncio.create_task(stop.get())
    if not await _loaded(models, stopping) and not stopping.done():
        log.error(REFUSED)
    announcing = asyncio.create_task(_announce(models, health))
    await _follow_until(stopping, models)
    announcing.cancel()


async def _announce(models: Models, health: Health) -> None:
    """Says SERVING, as soon as every model has a version that answers."""
    await models.complete.wait()
    await health.ready()
    log.info("serving")


async def _follow_until(stopping: "asyncio.Task[None]", models: Models) -> None:
    """Has the models follow the repository until it is to stop."""
    watching = asyncio.create_task(models.watch())
    await stopping
    watching.cancel()


async def _loaded(models: Models, stopping: "asyncio.Task[None]") -> bool:
    """Loads the models. False when one was refused, or when it is to stop before they are ready."""
    loading = asyncio.create_task(models.load())
    await asyncio.wait({stopping, loading}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        loading.cancel()
        return False
    if loading.result():
        freeze()
    return loading.result()


async def _drain(
    transport: Transport, models: Models, health: Health, settings: Settings, stop: asyncio.Queue[None]
) -> None:
    log.info("stopping: finishing the calls under way")
    await health.stopping()
    drained = asyncio.create_task(_finish_calls(transport, models, health, settings))
    impatient = asyncio.create_task(stop.get())
    await asyncio.wait({drained, impatient}, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    drained.cancel()
    log.info("stopped")


async def _finish_calls(transport: Transport, models: Models, health: Health, settings: Settings) -> None:
    await asyncio.sleep(settings.shutdown_delay_s)  # a balancer that watches health sends no more now
    models.draining.set()
    await asyncio.sleep(REFUSING_S)
    health.end_watches()
    await transport.stop(settings.drain_timeout_s)
