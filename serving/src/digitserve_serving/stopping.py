"""When a server stops: what the signals start, and how long the end may take."""

import asyncio
import logging
import os
import signal

from digitserve_serving.settings import Settings

# What reaches a gRPC server that is closing is answered CANCELLED (grpc/grpc#41785), which says nothing
# about trying again. So calls are refused properly for a moment before it closes; those who are told
# to come back after Draining's longer delay no longer run into it.
REFUSING_S = 0.25

LAST_RESORT_S = 5.0  # past the end of all draining

log = logging.getLogger(__name__)


def longest_stop_s(settings: Settings) -> float:
    """Seconds after a signal in which a server has ended, one way or another."""
    return settings.shutdown_delay_s + REFUSING_S + settings.drain_timeout_s + LAST_RESORT_S


def stop_signals(last_resort_s: float) -> asyncio.Queue[None]:
    """A queue that gets an entry for every SIGTERM and SIGINT from now on.

    The first one also starts a clock: a process that has not ended `last_resort_s` seconds later is ended.
    gRPC's core may hang for good where it cannot get the threads it wants.
    """
    loop, signals = asyncio.get_running_loop(), asyncio.Queue[None]()

    def on_signal() -> None:
        signals.put_nowait(None)
        loop.call_later(last_resort_s, _give_up, last_resort_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return signals


def _give_up(seconds: float) -> None:
    log.critical("not stopped after %.1f s: leaving without the rest", seconds)
    os._exit(1)
