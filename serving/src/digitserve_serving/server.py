"""The server's life: open the port, load, serve, drain, close."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from digitserve_serving.grpcio_transport import GrpcioTransport
from digitserve_serving.health import Health
from digitserve_serving.memory import freeze
from digitserve_serving.models import Models
from digitserve_serving.settings import Settings
from digitserve_serving.transport import Transport, TransportError

# What reaches a gRPC server that is closing is answered CANCELLED (grpc/grpc#41785), which says nothing
# about trying again. So calls are refused properly for a moment before it closes; those who are told
# to come back after Draining's longer delay no longer run into it.
REFUSING_S = 0.25

LAST_RESORT_S = 5.0  # past the end of all draining

log = logging.getLogger(__name__)


async def serve(settings: Settings, on_listening: Callable[[int], None], stop: asyncio.Queue[None]) -> None:
    """Serves until something is put into `stop`, then drains; a second thing cuts the draining short.

    `on_listening` gets the port as soon as calls are accepted; health says SERVING once the models
    are ready. Raises FileNotFoundError when there is no model and TransportError.
    """
    models, health = Models(settings), Health()
    transport = _transport(models, health, settings)
    await health.starting()
    await transport.start()
    on_listening(transport.port)
    try:
        await _serve_until(stop, models, health)
        await _drain(transport, models, health, settings, stop)
    finally:
        await transport.stop(grace_s=None)
        await models.close()


def _transport(models: Models, health: Health, settings: Settings) -> Transport:
    address = f"{settings.host}:{settings.port}"
    if settings.transport == "grpcio":
        return GrpcioTransport(address, models, health, settings)
    try:
        from digitserve_serving.native_transport import NativeTransport  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise TransportError(
            f"--transport native needs {error.name}: pip install 'digitserve-serving[native]'"
        ) from error
    return NativeTransport(address, models, health, settings)


async def _serve_until(stop: asyncio.Queue[None], models: Models, health: Health) -> None:
    stopping, loading = asyncio.create_task(stop.get()), asyncio.create_task(models.load())
    await asyncio.wait({stopping, loading}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        loading.cancel()
    elif loading.result():
        freeze()
        await health.ready()
        log.info("serving")
    else:
        log.error("not serving: a model was refused")
    await stopping


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


def stop_signals(settings: Settings) -> asyncio.Queue[None]:
    """A queue that gets an entry for every SIGTERM and SIGINT from now on.

    The first one also starts a clock: a process that has not ended when all of the draining should be
    over is ended. gRPC's core may hang for good where it cannot get the threads it wants.
    """
    loop, signals = asyncio.get_running_loop(), asyncio.Queue[None]()
    longest_s = settings.shutdown_delay_s + REFUSING_S + settings.drain_timeout_s + LAST_RESORT_S

    def on_signal() -> None:
        signals.put_nowait(None)
        loop.call_later(longest_s, _give_up, longest_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return signals


def _give_up(seconds: float) -> None:
    log.critical("not stopped after %.1f s: leaving without the rest", seconds)
    os._exit(1)
