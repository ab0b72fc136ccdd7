"""The command `digitserve-server`: settings from flags and DIGITSERVE_* variables."""

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from digitserve_serving import process
from digitserve_serving.access.commands import token
from digitserve_serving.access.start import check_access
from digitserve_serving.arrangement import arrangement
from digitserve_serving.cpus import usable_cpus
from digitserve_serving.logs import log_to_stderr
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import longest_stop_s, stop_signals
from digitserve_serving.supervisor import WorkersFailed, supervise
from digitserve_serving.transport import TransportError, address_of

PATH = click.Path(path_type=Path)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of Settings, with its default, help and DIGITSERVE_ variable."""
    for field in reversed(fields(Settings)):
        command = click.option(
            "--" + field.name.replace("_", "-"),
            type=PATH if field.type == Path | None else field.type,
            is_flag=field.type is bool,
            default=field.default,
            help=field.metadata["help"],
            show_default=True,
            show_envvar=True,
        )(command)
    return command


@click.group(
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "DIGITSERVE", "max_content_width": 110},
)
@settings_options
@click.version_option(package_name="digitserve-serving")
@click.pass_context
def main(context: click.Context, /, **values: Any) -> None:
    """Serves the models of a repository over gRPC.

    The port opens at once; health (grpc.health.v1) says SERVING when the models are loaded, verified
    and warm. SIGTERM and SIGINT finish the calls under way, then exit with 0.
    """
    if context.invoked_subcommand:
        return
    try:
        settings = Settings(**values)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    log_to_stderr(settings.log_level, settings.log_format)
    _run(settings)


def _run(settings: Settings) -> None:
    workers, threads = arrangement(settings, usable_cpus())
    settings = replace(settings, intra_op_threads=threads)
    try:
        check_access(settings)
        if workers > 1:
            asyncio.run(_supervise(settings, workers))
        else:
            process.run(_serve(settings))
    except (OSError, TransportError, WorkersFailed) as error:
        raise click.ClickException(str(error)) from error


async def _serve(settings: Settings) -> None:
    stop = stop_signals(longest_stop_s(settings))  # before the import, which takes a while
    from digitserve_serving.server import serve  # noqa: PLC0415  # --help and a supervisor need no onnxruntime

    await serve(settings, _announcer(settings), stop)


async def _supervise(settings: Settings, workers: int) -> None:
    stop = stop_signals(3 * longest_stop_s(settings))  # its workers end themselves, or are ended by it
    await supervise(settings, workers, _announcer(settings), stop)


def _announcer(settings: Settings) -> Callable[[int], None]:
    def announce(port: int) -> None:
        click.echo(f"digitserve-server: listening on {address_of(settings.host, port)}")

    return announce


main.add_command(token)

if __name__ == "__main__":
    main()
