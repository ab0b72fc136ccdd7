"""One of several processes on one port, started by the supervisor."""

import asyncio
import logging
import signal
import sys
from typing import Any

import click

from digitserve_serving import process
from digitserve_serving.cli import settings_options
from digitserve_serving.server import ModelRefused, serve_when_ready
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import longest_stop_s, stop_signals
from digitserve_serving.transport import TransportError

log = logging.getLogger(__name__)


@click.command()
@settings_options
@click.option("--number", type=int)
def main(number: int, **values: Any) -> None:
    """Serves on a port that it shares; writes a line to stdout when it does, ends when stdin does."""
    settings = Settings(**values)
    process.log_to_stderr(settings.log_level, f"worker {number}: ")
    try:
        process.run(_live(settings))
    except (OSError, TransportError, ModelRefused) as error:
        log.critical("%s", error)
        sys.exit(1)


async def _live(settings: Settings) -> None:
    stop = stop_signals(longest_stop_s(settings))
    _stop_with_supervisor()
    await serve_when_ready(settings, lambda _: click.echo("serving"), stop)


def _stop_with_supervisor() -> None:
    """Has the end of stdin be a SIGTERM: the supervisor is gone, however it went."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def on_end() -> None:
        loop.remove_reader(stdin)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(stdin, on_end)  # nothing is ever written there


if __name__ == "__main__":
    main()
