"""How a client knows the server, and the server the client."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import grpc

Pem = str | os.PathLike[str] | bytes
"""A file, or what it holds: certificates or a key in PEM."""

BEGIN = b"-----BEGIN "


@dataclass(frozen=True, kw_only=True)
class Tls:
    """What a connection over TLS is made with.

    root_certificates: the authorities that sign servers' certificates; None is those that gRPC brings.
    client_certificate, client_key: who this client is, where the server wants to know (mutual TLS).

    Raises ValueError for what is no PEM, or half of a pair, and OSError for a file that cannot be opened.
    """

    root_certificates: Pem | None = None
    client_certificate: Pem | None = None
    client_key: Pem | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together, and only one of them is there")
        self.credentials()

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel of grpcio."""
        return grpc.ssl_channel_credentials(
            root_certificates=_pem("root_certificates", self.root_certificates),
            private_key=_pem("client_key", self.client_key),
            certificate_chain=_pem("client_certificate", self.client_certificate),
        )


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token. Raises ValueError, which does not tell it."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token is empty, or has characters that no token has: no space, letters and digits")
    return (("authorization", f"Bearer {token}"),)


def _pem(name: str, given: Pem | None) -> bytes | None:
    if given is None:
        return None
    content = given if isinstance(given, bytes) else Path(given).read_bytes()
    if BEGIN not in content:
        raise ValueError(f"{name} is not in PEM: there is no line '-----BEGIN ...' in it")
    return content
