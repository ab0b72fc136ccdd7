"""The command `digitserve-server`: settings from flags and DIGITSERVE_* variables."""

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import click

from digitserve_serving.memory import return_freed_blocks
from digitserve_serving.settings import Settings

# Python's default of 5 ms is longer than it takes to compute a batch, and to answer it.
SWITCH_INTERVAL_S = 0.001
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of Settings, with its default, help and DIGITSERVE_ variable."""
    for field in reversed(fields(Settings)):
        command = click.option(
            "--" + field.name.replace("_", "-"),
            type=field.type,
            default=field.default,
            help=field.metadata["help"],
            show_default=True,
            show_envvar=True,
        )(command)
    return command


@click.command(context_settings={"auto_envvar_prefix": "DIGITSERVE", "max_content_width": 110})
@settings_options
@click.version_option(package_name="digitserve-serving")
def main(**values: Any) -> None:
    """Serves the newest version of each model in a repository over gRPC.

    The port opens at once; health (grpc.health.v1) says SERVING when the models are loaded, verified
    and warm. SIGTERM and SIGINT finish the calls under way, then exit with 0.
    """
    try:
        settings = Settings(**values)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    logging.getLogger("grpc").setLevel(logging.WARNING)  # its debug lines are about its own loops
    _run(settings)


def _run(settings: Settings) -> None:
    # --help need not load onnxruntime
    from digitserve_serving.server import serve, stop_signals  # noqa: PLC0415
    from digitserve_serving.transport import TransportError  # noqa: PLC0415

    def announce(port: int) -> None:
        click.echo(f"digitserve-server: listening on {settings.host}:{port}")

    async def run() -> None:
        await serve(settings, announce, stop_signals(settings))

    return_freed_blocks()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        with asyncio.Runner(loop_factory=_new_event_loop) as runner:
            runner.run(run())
    except (OSError, TransportError) as error:
        raise click.ClickException(str(error)) from error


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """That of uvloop where it is installed: a call over grpcio then costs a tenth less."""
    try:
        return cast("asyncio.AbstractEventLoop", importlib.import_module("uvloop").new_event_loop())
    except ModuleNotFoundError:
        return asyncio.new_event_loop()


if __name__ == "__main__":
    main()
