"""One of several processes on one port, started by the supervisor."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Any

import click

from digitserve_serving import process
from digitserve_serving.access.rates import Levels
from digitserve_serving.cli import settings_options
from digitserve_serving.logs import log_to_stderr
from digitserve_serving.metrics.collection import snapshot_of
from digitserve_serving.metrics.families import encoded
from digitserve_serving.models import Models
from digitserve_serving.server import ModelRefused, serve_when_ready
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import longest_stop_s, stop_signals
from digitserve_serving.transport import TransportError

log = logging.getLogger(__name__)


@click.command()
@settings_options
@click.option("--number", type=int)
@click.option("--levels", type=int, help="Descriptor of what the workers share.")
def main(number: int, levels: int, **values: Any) -> None:
    """Serves on a port that it shares; writes a line to stdout when it does, ends when stdin does.

    For each line on stdin, and at the end, its metrics go to stdout, as one line.
    """
    settings = Settings(**values)
    log_to_stderr(settings.log_level, settings.log_format, worker=number)
    try:
        process.run(_live(settings, Levels(levels)))
    except (OSError, TransportError, ModelRefused) as error:
        log.critical("%s", error)
        sys.exit(1)


async def _live(settings: Settings, levels: Levels) -> None:
    stop = stop_signals(longest_stop_s(settings))
    models = Models(settings)
    _listen_to_supervisor(models)
    await serve_when_ready(models, settings, lambda _: click.echo("serving"), stop, levels)
    _report(models)


def _listen_to_supervisor(models: Models) -> None:
    """Reports when it is asked to, and takes the end of stdin for a SIGTERM: the supervisor is gone."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def on_input() -> None:
        if os.read(stdin, 4096):
            _report(models)
            return
        loop.remove_reader(stdin)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(stdin, on_input)


def _report(models: Models) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
        click.echo(encoded(snapshot_of(models)), nl=False)


if __name__ == "__main__":
    main()
