"""The server's life: open the port, load, serve, drain, close."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

import grpc.aio
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from digitserve_serving.health import DIGIT_SERVICE, MODEL_SERVICE, Health
from digitserve_serving.models import Models
from digitserve_serving.servicers import DigitServicer, ModelServicer
from digitserve_serving.settings import Settings

# What reaches a gRPC server that is closing is answered CANCELLED (grpc/grpc#41785), which says nothing
# about trying again. So calls are refused properly for a moment before it closes; those who are told
# to come back after Draining's longer delay no longer run into it.
REFUSING_S = 0.25

LAST_RESORT_S = 5.0  # past the end of all draining

log = logging.getLogger(__name__)


class PortTaken(Exception):
    """The address cannot be listened on."""


async def serve(settings: Settings, on_listening: Callable[[int], None], stop: asyncio.Queue[None]) -> None:
    """Serves until something is put into `stop`, then drains; a second thing cuts the draining short.

    `on_listening` gets the port as soon as calls are accepted; health says SERVING once the models
    are ready. Raises FileNotFoundError when there is no model and PortTaken.
    """
    models, health = Models(settings), Health()
    server = grpc.aio.server(options=_options(settings))
    _add_services(server, models, health, settings)
    port = _listen(server, settings)
    await health.starting()
    await server.start()
    on_listening(port)
    try:
        await _serve_until(stop, models, health)
        await _drain(server, models, health, settings, stop)
    finally:
        await server.stop(grace=None)
        await models.close()


async def _serve_until(stop: asyncio.Queue[None], models: Models, health: Health) -> None:
    stopping, loading = asyncio.create_task(stop.get()), asyncio.create_task(models.load())
    await asyncio.wait({stopping, loading}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        loading.cancel()
    elif loading.result():
        await health.ready()
        log.info("serving")
    else:
        log.error("not serving: a model was refused")
    await stopping


async def _drain(
    server: grpc.aio.Server, models: Models, health: Health, settings: Settings, stop: asyncio.Queue[None]
) -> None:
    log.info("stopping: finishing the calls under way")
    await health.stopping()
    drained = asyncio.create_task(_finish_calls(server, models, health, settings))
    impatient = asyncio.create_task(stop.get())
    await asyncio.wait({drained, impatient}, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    drained.cancel()
    log.info("stopped")


async def _finish_calls(server: grpc.aio.Server, models: Models, health: Health, settings: Settings) -> None:
    await asyncio.sleep(settings.shutdown_delay_s)  # a balancer that watches health sends no more now
    models.draining.set()
    await asyncio.sleep(REFUSING_S)
    health.end_watches()
    await server.stop(grace=settings.drain_timeout_s)


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


def _options(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # Two servers on one port would share its connections without a word.
        ("grpc.so_reuseport", 0),
    ]


def _add_services(server: grpc.aio.Server, models: Models, health: Health, settings: Settings) -> None:
    digits_grpc.add_DigitServiceServicer_to_server(DigitServicer(models, settings), server)
    models_grpc.add_ModelServiceServicer_to_server(ModelServicer(models), server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    names = (DIGIT_SERVICE, MODEL_SERVICE, grpc_health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    address = f"{settings.host}:{settings.port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortTaken(
            f"cannot listen on {address}: is it taken, or not an address of this machine?"
        ) from error
