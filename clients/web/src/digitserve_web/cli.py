"""The command `digitserve-web`: settings from flags and DIGITSERVE_WEB_* variables."""

import logging
import signal
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from digitserve_web.settings import Settings

LOG_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
TYPES = {Path | None: click.Path(path_type=Path, exists=True)}


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of Settings, with its default, help and DIGITSERVE_WEB_ variable."""
    for field in reversed(fields(Settings)):
        command = click.option(
            "--" + field.name.replace("_", "-"),
            type=TYPES.get(field.type, field.type),
            is_flag=field.type is bool,
            default=field.default,
            help=field.metadata["help"],
            show_default=True,
            show_envvar=True,
        )(command)
    return command


@click.command(context_settings={"auto_envvar_prefix": "DIGITSERVE_WEB", "max_content_width": 110})
@settings_options
@click.version_option(package_name="digitserve-web")
def main(**values: Any) -> None:
    """Serves the page and the HTTP API in front of a digit server.

    The page is at /, the API's description at /openapi.json, and /healthz says whether the digit server
    is serving. SIGTERM and SIGINT finish the requests under way, then exit with 0.
    """
    try:
        settings = Settings(**values)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    # A broken form is told to whoever sent it; the parser would warn of each odd byte.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    _run(settings)


def _run(settings: Settings) -> None:
    from digitserve_web.server import listening_socket, server  # noqa: PLC0415  # --help need not load OpenCV

    try:
        listener = listening_socket(settings)
    except OSError as error:
        raise click.ClickException(f"{settings.host}:{settings.port}: {error.strerror}") from error
    # uvicorn stops at these and then sends them on to whoever had them before; nobody else is to act on them.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with listener:
        click.echo(f"digitserve-web: listening on http://{settings.host}:{listener.getsockname()[1]}")
        server(settings).run(sockets=[listener])


if __name__ == "__main__":
    main()
