"""The options of commands that say how the server is known, and who asks."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from digitserve_client.credentials import Tls, bearer

FILES = {
    "ca": "Authorities of the server's certificate, in PEM; by default the public ones.",
    "client_certificate": "Certificate of this client, in PEM, where the server wants one.",
    "client_key": "Its key, in PEM.",
}


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options."""
    command = click.option(
        "--token-file",
        envvar="DIGITSERVE_TOKEN_FILE",
        show_envvar=True,
        type=click.Path(path_type=Path),
        help="File with the token that the server wants; or DIGITSERVE_TOKEN has the token itself.",
    )(command)
    for name, text in reversed(FILES.items()):
        command = click.option(
            f"--{name.replace('_', '-')}",
            envvar=f"DIGITSERVE_{name.upper()}",
            show_envvar=True,
            type=click.Path(path_type=Path),
            help=text,
        )(command)
    return click.option(
        "--tls",
        is_flag=True,
        envvar="DIGITSERVE_TLS",
        show_envvar=True,
        help="Connect over TLS; --ca implies it.",
    )(command)


def taken_from(values: dict[str, Any]) -> dict[str, Any]:
    """Takes their values out of those of a command; returns arguments of a client. Raises what `Tls` does."""
    tls, token_file = values.pop("tls"), values.pop("token_file")
    files = [values.pop(name) for name in FILES]
    if any(files):
        tls = Tls(**dict(zip(("root_certificates", "client_certificate", "client_key"), files, strict=True)))
    token = token_file.read_text().strip() if token_file else os.environ.get("DIGITSERVE_TOKEN")
    if token is not None:
        bearer(token)
    return {"tls": tls, "token": token}
