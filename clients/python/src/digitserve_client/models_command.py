"""`digitserve models`: what the server has, and what administrators change about it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource

from digitserve_client.client import DigitClient
from digitserve_client.console import EXIT_CODES, as_json, asks_server, fail, print_json
from digitserve_client.errors import CallError
from digitserve_client.models import Model
from digitserve_client.table import models_table, print_table

SELECTED = "NAME[/VERSION]"


def _selected(_context: click.Context, _argument: click.Parameter, text: str) -> tuple[str, str | None]:
    """What NAME or NAME/VERSION means.

    An empty one, mostly an unset variable's, is refused: the server would take it for its default model, or
    for a whole model, and would unload that.
    """
    name, slash, version = text.partition("/")
    if not name or (slash and not version) or "/" in version:
        raise click.BadParameter(f"{text!r} is not {SELECTED}, such as digits or digits/2.")
    return name, version or None


def _name(_context: click.Context, _argument: click.Parameter, text: str) -> str:
    if not text or "/" in text:
        raise click.BadParameter(
            f"{text!r} is not a NAME, such as digits; a version is chosen by: models default NAME/VERSION"
        )
    return text


@click.group(
    epilog=EXIT_CODES,
    invoke_without_command=True,
    short_help="List or change the models of the server.",
)
@as_json
@asks_server
@click.pass_context
def models(context: click.Context, server: dict[str, Any], as_json: bool) -> None:
    """Lists the models of the server, the failed ones too; with a COMMAND, changes them."""
    if not context.invoked_subcommand:
        _show(server, as_json, lambda client: client.models())
    elif any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params):
        raise click.UsageError(f"options stand after the command: models {context.invoked_subcommand} ...")


@models.command(epilog=EXIT_CODES, short_help="Load a version, or a model.")
@click.argument("model", metavar=SELECTED, callback=_selected)
@as_json
@asks_server
def load(model: tuple[str, str | None], server: dict[str, Any], as_json: bool) -> None:
    """Loads a version for good; without one, what the server loads of the model by itself."""
    name, version = model
    _show(server, as_json, lambda client: [client.load_model(name, version)])


@models.command(epilog=EXIT_CODES, short_help="Unload a version, or a model.")
@click.argument("model", metavar=SELECTED, callback=_selected)
@as_json
@asks_server
def unload(model: tuple[str, str | None], server: dict[str, Any], as_json: bool) -> None:
    """Unloads a version for good; without one, the whole model. Calls under way are finished."""
    name, version = model
    _show(server, as_json, lambda client: [client.unload_model(name, version)])


@models.command(epilog=EXIT_CODES, short_help="Choose the version that answers by default.")
@click.argument("model", metavar=SELECTED, callback=_selected)
@click.option("--label", metavar="LABEL", help="Let this label stand for the version, and leave the default.")
@as_json
@asks_server
def default(model: tuple[str, str | None], label: str | None, server: dict[str, Any], as_json: bool) -> None:
    """Chooses the version that answers by default, or the one that a LABEL stands for.

    Without a version, the server chooses by itself again, or the LABEL is removed.
    """
    name, version = model
    _show(server, as_json, lambda client: [client.set_default(version, name=name, label=label)])


@models.command(epilog=EXIT_CODES, short_help="Go back to the version before.")
@click.argument("name", metavar="NAME", callback=_name)
@as_json
@asks_server
def rollback(name: str, server: dict[str, Any], as_json: bool) -> None:
    """Makes the version the default again that was it before."""
    _show(server, as_json, lambda client: [client.rollback(name)])


def _show(server: dict[str, Any], as_json: bool, call: Callable[[DigitClient], Sequence[Model]]) -> None:
    """Calls the server, and prints the models that it answers with."""
    try:
        with DigitClient(**server) as client:
            found = call(client)
    except CallError as error:
        fail(error)
    if as_json:
        print_json(dataclasses.asdict(model) for model in found)
    else:
        print_table(models_table(found))
