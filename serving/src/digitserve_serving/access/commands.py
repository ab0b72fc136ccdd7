"""`digitserve-server token new`: makes a token, and what the file says of it."""

import click

from digitserve_serving.access.tokens import Scope, entry, new_token


@click.group()
def token() -> None:
    """Makes tokens for --tokens-file."""


@token.command()
@click.option("--name", required=True, help="Whose it is, for people: letters, digits, and .@-_, at most 64.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=[Scope.INFER.value],
    show_default=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it allows; may be repeated.",
)
def new(name: str, scopes: tuple[str, ...]) -> None:
    """Makes a token: the secret goes to stderr, once, and its entry for the file to stdout."""
    secret = new_token()
    try:
        written = entry(secret, name, tuple(dict.fromkeys(scopes)))
    except ValueError as error:
        raise click.UsageError(f"name {name!r}: letters, digits and .@-_ are wanted, at most 64") from error
    click.echo(f"{secret}\nThis is the token of {name}. It is not kept, nor shown again.\n", err=True)
    click.echo(written)
