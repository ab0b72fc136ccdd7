"""What the commands share: options, exit codes, results on stdout and talk on stderr."""

import functools
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import click

from digitserve_client import access
from digitserve_client.config import DEFAULT_TARGET, DEFAULT_TIMEOUT_S, model_and_version
from digitserve_client.errors import CallError

NOT_ALL_WELL, SERVER_FAILED, INTERRUPTED = 1, 3, 130
EXIT_CODES = """\b
Exit codes:
  0  all is well
  1  a picture could not be read, or the server is not serving
  2  the command was not understood
  3  the server did not answer, or answered with an error
130  it was interrupted
"""


def _host_and_port(_context: click.Context, _option: click.Parameter, target: str) -> str:
    if "://" in target or not target.rpartition(":")[2].isdecimal():
        raise click.BadParameter(f"{target!r} is not HOST:PORT, such as {DEFAULT_TARGET}.")
    return target


def asks_server(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that every command with a server has; `server` gets what a client is made with."""

    @functools.wraps(command)
    def with_server(*, target: str, timeout_s: float, **options: Any) -> None:
        try:
            server = {"target": target, "timeout_s": timeout_s} | access.taken_from(options)
        except (OSError, ValueError) as error:
            raise click.UsageError(str(error)) from error
        command(server=server, **options)

    target = click.option(
        "--target",
        default=DEFAULT_TARGET,
        envvar="DIGITSERVE_TARGET",
        show_default=True,
        show_envvar=True,
        metavar="HOST:PORT",
        callback=_host_and_port,
        help="Where the server is.",
    )
    timeout = click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, max=3600, min_open=True),
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for one answer, retries included.",
    )
    return target(timeout(access.options(with_server)))


def asks_model(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of `asks_server`, and which model is asked."""

    @functools.wraps(command)
    def with_model(*, model: str, server: dict[str, Any], **options: Any) -> None:
        name, version = model_and_version(model)
        command(server=server | {"model": name, "version": version}, **options)

    option = click.option(
        "--model",
        default="",
        metavar="NAME[/VERSION]",
        help="Which model answers.  [default: the server's]",
    )
    return option(asks_server(with_model))


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, no table.")
"""The option of commands whose answers are few."""


def examples(*pairs: tuple[str, str]) -> str:
    """For the end of --help: commands, and what each is for."""
    lines = [f"  {command}\n      {meaning}" for command, meaning in pairs]
    return "\n".join(["\b", "Examples:", *lines, "", ""])


def problem_of(error: Exception) -> str:
    """What is wrong with a file, in words."""
    return getattr(error, "problem", "") or getattr(error, "strerror", "") or str(error)


def print_json(objects: Iterable[dict[str, Any]]) -> None:
    """One document, a list of them."""
    click.echo(json.dumps(list(objects), indent=2))


def fail(error: CallError) -> NoReturn:
    """Ends the command."""
    say(str(error))
    sys.exit(SERVER_FAILED)


def say(text: str) -> None:
    """To whoever watches."""
    click.echo(f"digitserve: {text}", err=True)
